"""The request: each field of the original, each contradiction, and never a value in an answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.context import VMContext
from rules.disks import DisksMode
from rules.errors import FailoverErrorType
from rules.request import (
    FailoverType,
    InvalidRequest,
    NetworkStrategy,
    Problem,
    UnifiedFailoverConfig,
    VmNaming,
    check_against_context,
    parse_request,
)

CONTEXT_ID = "ctx-pgtest1-20250922-210037"
LIVE: dict[str, Any] = {"context_id": CONTEXT_ID, "failover_type": "live"}
TEST: dict[str, Any] = {"context_id": CONTEXT_ID, "failover_type": "test"}
NETWORK = "aaaaaaaa-0000-4000-8000-000000000001"
ORIGINAL_FIELDS = {
    "context_id",
    "vmware_vm_id",
    "vm_name",
    "failover_type",
    "power_off_source",
    "perform_final_sync",
    "skip_validation",
    "skip_virtio",
    "network_strategy",
    "vm_naming",
    "test_duration",
    "custom_config",
    "network_mappings",
    "user_id",
    "reason",
    "vm_id",
    "notification_config",
    "auto_cleanup",
}
"""original-system.md 1.1: the unified request, what its resolver has besides, and the two legacy ones."""


def problems_of(raw: object) -> list[Problem]:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw)
    assert caught.value.error_type is FailoverErrorType.INVALID_REQUEST
    assert all(f"{problem.field}: {problem.what}" in str(caught.value) for problem in caught.value.problems)
    return list(caught.value.problems)


def fields_of(raw: object) -> list[str]:
    return [problem.field for problem in problems_of(raw)]


def test_the_job_sheets_two_requests_are_enough() -> None:
    live, test = parse_request(LIVE), parse_request(TEST)

    assert (live.context_id, live.failover_type) == (CONTEXT_ID, FailoverType.LIVE)
    assert (test.context_id, test.failover_type) == (CONTEXT_ID, FailoverType.TEST)
    assert live.network_mappings == {}
    assert live.allow_production_network is False


ADDED_FIELDS = {
    "allow_production_network",
    "disks",
    "source_lost",
    "accept_recovery_point",
    "waive_snapshots",
    "boot_disk",
    "firmware",
}


def test_every_field_of_the_original_is_known_and_these_are_added() -> None:
    assert set(UnifiedFailoverConfig.model_fields) == ORIGINAL_FIELDS | ADDED_FIELDS


@pytest.mark.parametrize("missing", ("context_id", "failover_type"))
def test_the_two_required_fields_are_missed_by_name(missing: str) -> None:
    raw = {name: value for name, value in LIVE.items() if name != missing}

    assert problems_of(raw) == [Problem(missing, "Field required")]


@pytest.mark.parametrize("raw", (None, True, 0, 1.5, "live", "", [], [LIVE], b"{}"))
def test_anything_but_one_object_is_refused(raw: object) -> None:
    assert problems_of(raw) == [Problem("request", "must be one JSON object")]


@pytest.mark.parametrize(
    ("field", "value", "neutral"),
    (
        ("skip_validation", True, False),
        ("custom_config", {"a": 1}, {}),
        ("notification_config", {"mail": "x"}, {}),
    ),
)
@pytest.mark.parametrize("base", (LIVE, TEST))
def test_a_field_that_is_not_honoured_yet_is_refused_unless_it_is_neutral(
    base: dict[str, Any], field: str, value: object, neutral: object
) -> None:
    assert problems_of({**base, field: value}) == [Problem(field, "is not honoured yet; leave it out")]
    assert getattr(parse_request({**base, field: neutral}), field) == neutral
    assert getattr(parse_request({**base, field: None}), field) is None


@pytest.mark.parametrize("base", (LIVE, TEST))
def test_the_isolated_strategy_is_not_honoured_yet(base: dict[str, Any]) -> None:
    assert problems_of({**base, "network_strategy": "isolated"}) == [
        Problem("network_strategy", "'isolated' is not honoured yet")
    ]


@pytest.mark.parametrize(
    ("raw", "strategy"),
    (
        (LIVE, NetworkStrategy.PRODUCTION),
        ({**LIVE, "network_strategy": None}, NetworkStrategy.PRODUCTION),
        ({**LIVE, "network_strategy": "production"}, NetworkStrategy.PRODUCTION),
        ({**LIVE, "network_strategy": "live"}, NetworkStrategy.PRODUCTION),
        (TEST, NetworkStrategy.TEST),
        ({**TEST, "network_strategy": "test"}, NetworkStrategy.TEST),
        ({**TEST, "network_mappings": {}}, NetworkStrategy.TEST),
        ({**TEST, "network_mappings": None}, NetworkStrategy.TEST),
        ({**TEST, "network_mappings": {"DMZ": NETWORK}}, NetworkStrategy.CUSTOM),
        (
            {**LIVE, "network_strategy": "custom", "network_mappings": {"DMZ": NETWORK}},
            NetworkStrategy.CUSTOM,
        ),
        (
            {**TEST, "network_strategy": "custom", "network_mappings": {"DMZ": NETWORK}},
            NetworkStrategy.CUSTOM,
        ),
    ),
)
def test_the_strategy_in_force(raw: dict[str, Any], strategy: NetworkStrategy) -> None:
    assert parse_request(raw).strategy is strategy


@pytest.mark.parametrize(
    ("raw", "fields"),
    (
        pytest.param({**TEST, "network_strategy": "production"}, ["network_strategy"], id="test, production"),
        pytest.param({**TEST, "network_strategy": "live"}, ["network_strategy"], id="test, live"),
        pytest.param({**LIVE, "network_strategy": "test"}, ["network_strategy"], id="live, test"),
        pytest.param({**LIVE, "network_strategy": "custom"}, ["network_mappings"], id="custom without any"),
        pytest.param(
            {**LIVE, "network_strategy": "custom", "network_mappings": {}},
            ["network_mappings"],
            id="custom with none",
        ),
        pytest.param(
            {**LIVE, "network_strategy": "production", "network_mappings": {"a": "b"}},
            ["network_mappings"],
            id="mappings that nobody would read",
        ),
        pytest.param({**LIVE, "vm_naming": "suffixed"}, ["vm_naming"], id="live, suffixed"),
        pytest.param({**TEST, "vm_naming": "exact"}, ["vm_naming"], id="test, exact"),
        pytest.param(
            {**LIVE, "allow_production_network": True, "reason": "r"},
            ["allow_production_network"],
            id="live needs no leave",
        ),
        pytest.param({**TEST, "allow_production_network": True}, ["reason"], id="leave without a reason"),
        pytest.param(
            {**TEST, "allow_production_network": True, "reason": " \n"},
            ["reason"],
            id="leave with a blank reason",
        ),
        pytest.param(
            {**LIVE, "network_strategy": "test", "vm_naming": "suffixed", "allow_production_network": True},
            ["network_strategy", "vm_naming", "allow_production_network", "reason"],
            id="all at once",
        ),
    ),
)
def test_a_contradiction_is_refused_and_names_each_field(raw: dict[str, Any], fields: list[str]) -> None:
    assert fields_of(raw) == fields


@pytest.mark.parametrize(
    "raw",
    (
        {**LIVE, "vm_naming": "exact"},
        {**TEST, "vm_naming": "suffixed"},
        {**LIVE, "vm_naming": None},
        {**TEST, "allow_production_network": True, "reason": "the drill needs the real gateway"},
        {**LIVE, "allow_production_network": False},
        {**LIVE, "allow_production_network": None},
        {**LIVE, "user_id": "somebody", "reason": "the site is lost"},
    ),
)
def test_what_does_not_contradict_is_taken(raw: dict[str, Any]) -> None:
    config = parse_request(raw)

    assert config.reason == raw.get("reason")
    assert config.user_id == raw.get("user_id")
    assert config.vm_naming == raw.get("vm_naming")


@pytest.mark.parametrize(
    ("field", "value"),
    (
        ("context_id", ""),
        ("context_id", "  "),
        ("context_id", "x" * 65),
        ("context_id", 7),
        ("context_id", None),
        ("failover_type", "LIVE"),
        ("failover_type", "drill"),
        ("failover_type", None),
        ("failover_type", ["live"]),
        ("vm_name", ""),
        ("vm_name", 1),
        ("vm_name", "x" * 256),
        ("vmware_vm_id", " "),
        ("vm_id", []),
        ("network_strategy", ""),
        ("network_strategy", 1),
        ("vm_naming", "prefixed"),
        ("network_mappings", []),
        ("network_mappings", {"": NETWORK}),
        ("network_mappings", {"DMZ": ""}),
        ("network_mappings", {"DMZ": " "}),
        ("network_mappings", {"DMZ": None}),
        ("network_mappings", {"DMZ": {"id": NETWORK}}),
        ("allow_production_network", "true"),
        ("allow_production_network", 1),
        ("reason", "x" * 1001),
        ("reason", {}),
        ("user_id", "x" * 256),
        ("power_off_source", "false"),
        ("power_off_source", 0),
        ("test_duration", "tomorrow"),
        ("test_duration", "2w"),
        ("test_duration", "-2h"),
        ("test_duration", "2h\n"),
        ("test_duration", "1234567890s"),
        ("test_duration", "0m"),
        ("disks", "some"),
        ("disks", ""),
        ("disks", True),
        ("source_lost", "true"),
        ("source_lost", 1),
        ("accept_recovery_point", 1),
        ("waive_snapshots", 1),
        ("boot_disk", ""),
        ("boot_disk", 2000),
        ("firmware", "efi"),
        ("firmware", "unknown"),
        ("test_duration", ""),
        ("test_duration", 24),
        ("custom_config", []),
        ("notification_config", "mail"),
        ("snapshot_type", "cloudstack"),
        ("Context_ID", "x"),
    ),
)
def test_a_wrong_or_unknown_field_is_refused_by_its_name(field: str, value: object) -> None:
    assert fields_of({**TEST, field: value}) == [field]


def test_all_wrong_fields_are_named_at_once() -> None:
    raw = {"failover_type": "drill", "vm_name": 1, "unknown": True}

    assert sorted(fields_of(raw)) == ["context_id", "failover_type", "unknown", "vm_name"]


def test_a_field_with_many_bad_entries_is_named_once() -> None:
    raw = {**LIVE, "network_mappings": {str(number): 0 for number in range(5000)}}

    assert problems_of(raw) == [Problem("network_mappings", "Input should be a valid string")]


def test_an_error_stays_small_enough_to_end_the_run_whatever_was_sent() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request({**LIVE, **{f"{number}-{'x' * 500}": 1 for number in range(20_000)}})

    assert len(caught.value.problems) == 20_000
    assert len(str(caught.value)) < 20_000
    assert str(caught.value).endswith("; and 19900 more")


NAMES = (*UnifiedFailoverConfig.model_fields, "an_unknown_field")
MARKER = "zq9"
markers = st.text("0123456789abcdefXYZ -./", min_size=3, max_size=12).map(lambda text: f"{MARKER}{text}")
marked_values = st.recursive(
    markers,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(markers, inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(NAMES), marked_values))
def test_no_value_of_a_request_is_ever_in_what_the_refusal_says_or_carries(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw)

    error: BaseException | None = caught.value
    while error is not None:
        assert MARKER not in str(error)
        assert MARKER not in repr(error)
        assert MARKER not in repr(vars(error))
        error = error.__cause__ or error.__context__


odd_text = st.text(st.characters(categories=("Cs", "Cc", "L")), max_size=5)
json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        odd_text,
        st.sampled_from(("live", "test", "custom", "production", "isolated", "exact", "24h", NETWORK)),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.one_of(st.text(), odd_text), inner)),
)


@st.composite
def nearly_requests(draw: st.DrawFn) -> dict[str, object]:
    """Return an object that has a request's fields, now and then with values that fit."""
    raw: dict[str, object] = {
        "context_id": draw(st.sampled_from((CONTEXT_ID, "x", ""))),
        "failover_type": draw(st.sampled_from(("live", "test"))),
    }
    fitting: dict[str, st.SearchStrategy[object]] = {
        "network_strategy": st.sampled_from((*NetworkStrategy, None)).map(str),
        "vm_naming": st.sampled_from(VmNaming).map(str),
        "network_mappings": st.dictionaries(st.sampled_from(("DMZ", "VM Network")), st.just(NETWORK)),
        "allow_production_network": st.booleans(),
        "reason": st.text(),
        "power_off_source": st.sampled_from((None, True)),
        "disks": st.sampled_from((*DisksMode, None)).map(str),
        "source_lost": st.booleans(),
        "boot_disk": st.sampled_from(("disk-2000", None)),
        "firmware": st.sampled_from(("bios", "uefi", None)),
        "custom_config": st.sampled_from((None, {})),
    }
    for name in draw(st.sets(st.sampled_from(NAMES), max_size=4)):
        raw[name] = draw(st.one_of(fitting.get(name, json_values), json_values))
    return raw


@given(st.one_of(json_values, nearly_requests()))
def test_whatever_comes_in_becomes_a_request_or_a_typed_refusal(raw: object) -> None:
    try:
        config = parse_request(raw)
    except InvalidRequest as refusal:
        # What cannot be written as UTF-8 could not end the run either.
        answer = str(refusal).encode()
    else:
        answer = config.model_dump_json().encode()
    assert answer


@given(nearly_requests())
def test_a_request_survives_history(raw: dict[str, object]) -> None:
    try:
        config = parse_request(raw)
    except InvalidRequest:
        return
    stored = config.model_dump_json()

    assert UnifiedFailoverConfig.model_validate_json(stored) == config
    assert parse_request(json.loads(stored)) == config


CONTEXT = VMContext(
    context_id=CONTEXT_ID,
    vm_name="pgtest1",
    vmware_vm_id="7ff59fce-6391-4f0b-90b3-cfba66de9c75",
    vcenter_host="vcenter.example.local",
    datacenter="DC1",
)


@pytest.mark.parametrize(
    "said",
    (
        {},
        {"vm_name": "pgtest1"},
        {"vmware_vm_id": CONTEXT.vmware_vm_id},
        {"vmware_vm_id": CONTEXT.vmware_vm_id.upper(), "vm_id": CONTEXT.vmware_vm_id.upper()},
    ),
)
def test_what_the_request_says_of_the_vm_may_be_what_the_context_says(said: dict[str, str]) -> None:
    check_against_context(parse_request({**LIVE, **said}), CONTEXT)


@pytest.mark.parametrize(
    ("said", "fields"),
    (
        ({"vm_name": "pgtest2"}, ["vm_name"]),
        ({"vm_name": "PGTEST1"}, ["vm_name"]),
        ({"vm_name": "pgtest1 "}, ["vm_name"]),
        ({"vmware_vm_id": "13a1e760-e83f-4c14-b188-528d41bb0d4b"}, ["vmware_vm_id"]),
        ({"vm_id": "pgtest2"}, ["vm_id"]),
        ({"vm_name": "zq9", "vmware_vm_id": "zq9", "vm_id": "zq9"}, ["vm_name", "vmware_vm_id", "vm_id"]),
    ),
)
def test_another_vm_than_the_contexts_is_refused_by_field_without_a_value(
    said: dict[str, str], fields: list[str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_against_context(parse_request({**LIVE, **said}), CONTEXT)

    assert [problem.field for problem in caught.value.problems] == fields
    assert not [value for value in said.values() if value in str(caught.value)]
