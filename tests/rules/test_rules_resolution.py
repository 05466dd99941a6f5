"""The resolution by example: one test per rule of the table, and every refusal with its words."""

import pytest

from rules.errors import FailoverErrorType, FailoverRefused
from rules.mappings import MappingRow
from rules.nics import SourceNic
from rules.policy import FailoverPolicy, MacPolicy, TestFallback
from rules.request import FailoverType
from rules.resolution import NetworkDecision, NetworkDefaults, NetworkRule, resolve_networks
from tests.rules.worlds import NETWORKS

LIVE, TEST = FailoverType.LIVE, FailoverType.TEST
PRODUCTION_A, PRODUCTION_B, TEST_A, TEST_B, DEFAULT, DEFAULT_TEST = NETWORKS[:6]
MAC = "00:50:56:01:00:01"


def nic(index: int, network: str, mac: str = "") -> SourceNic:
    return SourceNic(index=index, label="ethernet--7", network_name=network, mac_address=mac)


def row(row_id: int, source: str, network: str, *, is_test: bool = False, context: str = "ctx") -> MappingRow:
    return MappingRow(
        id=row_id,
        context_id=context,
        vm_id="pgtest1",
        source_network_name=source,
        destination_network_id=network,
        destination_network_name=f"name of row {row_id}",
        is_test_network=is_test,
    )


TWO_NICS = (nic(0, "VM Network"), nic(1, "DMZ"))
DUAL_ROWS = (
    row(1, "VM Network", PRODUCTION_A),
    row(2, "VM Network", TEST_A, is_test=True),
    row(3, "DMZ", PRODUCTION_B),
    row(4, "DMZ", TEST_B, is_test=True),
)
SITE = NetworkDefaults(network_id=DEFAULT, test_network_id=DEFAULT_TEST)


def resolve(
    failover_type: FailoverType = LIVE,
    nics: tuple[SourceNic, ...] = TWO_NICS,
    rows: tuple[MappingRow, ...] = DUAL_ROWS,
    *,
    custom: dict[str, str] | None = None,
    defaults: NetworkDefaults = SITE,
    policy: FailoverPolicy = FailoverPolicy(),  # noqa: B008 - frozen
) -> tuple[NetworkDecision, ...]:
    return resolve_networks(
        failover_type=failover_type,
        custom=custom or {},
        nics=nics,
        rows=rows,
        defaults=defaults,
        policy=policy,
    )


def refusal(*args: object, **kwargs: object) -> tuple[FailoverErrorType, str]:
    with pytest.raises(FailoverRefused) as caught:
        resolve(*args, **kwargs)  # type: ignore[arg-type]  # as resolve takes them
    return caught.value.error_type, str(caught.value)


def short(decisions: tuple[NetworkDecision, ...]) -> list[tuple[str, NetworkRule, int | None]]:
    return [(one.destination_network_id, one.rule, one.mapping_id) for one in decisions]


def test_live_takes_the_production_row_of_every_nic() -> None:
    decisions = resolve(LIVE)

    assert short(decisions) == [
        (PRODUCTION_A, NetworkRule.MAPPED, 1),
        (PRODUCTION_B, NetworkRule.MAPPED, 3),
    ]
    assert [one.destination_network_name for one in decisions] == ["name of row 1", "name of row 3"]
    assert [one.warnings for one in decisions] == [(), ()]


def test_test_takes_the_test_row_of_every_nic() -> None:
    assert short(resolve(TEST)) == [(TEST_A, NetworkRule.MAPPED, 2), (TEST_B, NetworkRule.MAPPED, 4)]


def test_device_order_decides_not_the_order_of_names_or_rows() -> None:
    decisions = resolve(LIVE, (nic(0, "DMZ"), nic(1, "VM Network")))

    assert [one.destination_network_id for one in decisions] == [PRODUCTION_B, PRODUCTION_A]


@pytest.mark.parametrize("almost", ("vm network", "VM Network ", " VM Network", "VM  Network", "VM Networks"))
def test_a_source_name_matches_exactly_or_not_at_all(almost: str) -> None:
    (decision,) = resolve(LIVE, (nic(0, almost),))

    assert decision.rule is NetworkRule.DEFAULT


def test_a_live_without_mappings_goes_to_the_default_network_with_a_warning() -> None:
    (decision,) = resolve(LIVE, (nic(0, "VM Network"),), ())

    assert short((decision,)) == [(DEFAULT, NetworkRule.DEFAULT, None)]
    assert decision.warnings == ("no live mapping for this source network: rule default chose",)


def test_a_test_without_mappings_goes_to_the_default_test_network_where_there_is_one() -> None:
    (decision,) = resolve(TEST, (nic(0, "VM Network"),), ())

    assert short((decision,)) == [(DEFAULT_TEST, NetworkRule.DEFAULT_TEST, None)]
    assert decision.warnings == ("no test mapping for this source network: rule default-test chose",)


def test_a_test_goes_to_the_default_network_where_there_is_no_default_test_network() -> None:
    (decision,) = resolve(TEST, (nic(0, "VM Network"),), (), defaults=NetworkDefaults(network_id=DEFAULT))

    assert short((decision,)) == [(DEFAULT, NetworkRule.DEFAULT, None)]


def test_a_partly_mapped_vm_falls_back_for_the_rest_only() -> None:
    decisions = resolve(TEST, (*TWO_NICS, nic(2, "Backup")))

    assert [one.rule for one in decisions] == [
        NetworkRule.MAPPED,
        NetworkRule.MAPPED,
        NetworkRule.DEFAULT_TEST,
    ]


def test_a_test_may_be_told_to_refuse_the_default_network() -> None:
    error_type, text = refusal(
        TEST,
        (nic(0, "VM Network"), nic(1, "Backup")),
        defaults=NetworkDefaults(network_id=DEFAULT),
        policy=FailoverPolicy(test_fallback=TestFallback.REFUSE),
    )

    assert error_type is FailoverErrorType.FALLBACK_REFUSED
    assert "NIC 1 ('Backup') has no test mapping" in text
    assert "FAILOVER_TEST_FALLBACK" in text


@pytest.mark.parametrize("failover_type", FailoverType)
def test_a_site_that_names_no_network_at_all_is_an_error_of_the_nic(failover_type: FailoverType) -> None:
    error_type, text = refusal(
        failover_type, (nic(0, "VM Network"),), (), defaults=NetworkDefaults(network_id=" ")
    )

    assert error_type is FailoverErrorType.NO_FALLBACK_NETWORK
    assert f"NIC 0 ('VM Network') has no {failover_type.value} mapping" in text


def test_a_vm_without_a_known_nic_is_refused_since_cloudstack_would_choose() -> None:
    error_type, _ = refusal(LIVE, ())

    assert error_type is FailoverErrorType.SOURCE_NICS_UNKNOWN


@pytest.mark.parametrize("failover_type", FailoverType)
def test_the_requests_own_mapping_stands_above_the_rows(failover_type: FailoverType) -> None:
    decisions = resolve(failover_type, custom={"DMZ": f" {NETWORKS[9]} "})

    assert decisions[0].rule is NetworkRule.MAPPED
    assert short(decisions[1:]) == [(NETWORKS[9], NetworkRule.CUSTOM, None)]
    assert decisions[1].warnings == ()


def test_a_custom_mapping_for_a_network_that_the_vm_is_not_on_is_refused_without_quoting_it() -> None:
    error_type, text = refusal(LIVE, custom={"DMZ": NETWORKS[9], "a name typed wrong": NETWORKS[8]})

    assert error_type is FailoverErrorType.UNKNOWN_SOURCE_NETWORK
    assert text == "network_mappings: 1 of 2 entries name a network that the VM is not on"


def test_two_nics_whose_rows_name_one_network_are_refused_and_both_are_named() -> None:
    error_type, text = refusal(
        LIVE, TWO_NICS, (row(1, "VM Network", PRODUCTION_A), row(2, "DMZ", PRODUCTION_A.upper()))
    )

    assert error_type is FailoverErrorType.DUPLICATE_NETWORK
    assert text.startswith(
        f"NIC 0 ('VM Network') and NIC 1 ('DMZ') both go to network {PRODUCTION_A.upper()}"
    )


def test_two_nics_on_one_mapped_source_network_are_refused_too() -> None:
    error_type, text = refusal(LIVE, (nic(0, "DMZ"), nic(1, "DMZ")))

    assert error_type is FailoverErrorType.DUPLICATE_NETWORK
    assert "NIC 0 ('DMZ') and NIC 1 ('DMZ')" in text


def test_two_nics_that_only_fall_back_become_one_and_the_other_is_not_connected() -> None:
    first, second = resolve(LIVE, TWO_NICS, ())

    assert first.connected
    assert not second.connected
    assert second.destination_network_id == DEFAULT
    assert second.warnings[-1] == "not connected: its fallback network is already the one of NIC 0"


def test_a_mapped_nic_wins_over_a_fallback_on_its_network_even_when_it_comes_later() -> None:
    first, second = resolve(LIVE, TWO_NICS, (row(3, "DMZ", DEFAULT),))

    assert (first.rule, first.connected) == (NetworkRule.DEFAULT, False)
    assert (second.rule, second.connected) == (NetworkRule.MAPPED, True)
    assert "NIC 1" in first.warnings[-1]


def test_rows_that_say_the_same_are_one_and_the_oldest_is_named() -> None:
    (decision,) = resolve(
        LIVE, (nic(0, "DMZ"),), (row(9, "DMZ", PRODUCTION_A), row(5, "DMZ", f" {PRODUCTION_A.upper()}"))
    )

    assert decision.mapping_id == 5
    assert decision.warnings == ("mapping rows 5, 9 say the same: row 5 is used",)


def test_rows_that_contradict_each_other_are_refused() -> None:
    error_type, text = refusal(
        LIVE, (nic(0, "DMZ"),), (row(9, "DMZ", PRODUCTION_A), row(5, "DMZ", PRODUCTION_B))
    )

    assert error_type is FailoverErrorType.AMBIGUOUS_MAPPING
    assert text == "NIC 0 ('DMZ'): rows 5, 9 name different destinations"


def test_a_row_of_the_context_outranks_a_legacy_row_that_only_knows_the_vm() -> None:
    legacy = row(1, "DMZ", PRODUCTION_A, context="")

    (decision,) = resolve(LIVE, (nic(0, "DMZ"),), (legacy, row(2, "DMZ", PRODUCTION_B)))

    assert (decision.mapping_id, decision.warnings) == (2, ())
    (alone,) = resolve(LIVE, (nic(0, "DMZ"),), (legacy,))
    assert alone.mapping_id == 1


def test_a_row_without_a_destination_is_a_warning_and_no_mapping() -> None:
    (decision,) = resolve(LIVE, (nic(0, "DMZ"),), (row(6, "DMZ", "  "),))

    assert decision.rule is NetworkRule.DEFAULT
    assert decision.warnings == (
        "mapping row 6 names no destination",
        "no live mapping for this source network: rule default chose",
    )


def test_a_row_without_a_destination_beside_a_good_one_is_a_warning() -> None:
    (decision,) = resolve(LIVE, (nic(0, "DMZ"),), (row(6, "DMZ", ""), row(7, "DMZ", PRODUCTION_A)))

    assert (decision.mapping_id, decision.warnings) == (7, ("mapping row 6 names no destination",))


@pytest.mark.parametrize("blank", ("", " ", "\t"))
def test_a_blank_source_name_matches_no_row_not_even_a_blank_one(blank: str) -> None:
    (decision,) = resolve(LIVE, (nic(0, blank),), (row(6, blank, PRODUCTION_A),))

    assert decision.rule is NetworkRule.DEFAULT


@pytest.mark.parametrize(
    ("failover_type", "policy", "rows", "source_mac", "mac", "warned"),
    (
        pytest.param(LIVE, {}, DUAL_ROWS, MAC, MAC, False, id="live keeps"),
        pytest.param(LIVE, {}, (), MAC, MAC, False, id="live keeps on a fallback too"),
        pytest.param(LIVE, {"live_mac": MacPolicy.NEW}, DUAL_ROWS, MAC, "", False, id="live makes new ones"),
        pytest.param(LIVE, {"test_mac": MacPolicy.NEW}, DUAL_ROWS, MAC, MAC, False, id="not live's setting"),
        pytest.param(TEST, {}, DUAL_ROWS, MAC, MAC, False, id="test keeps"),
        pytest.param(TEST, {}, (), MAC, "", True, id="test makes a new one on a fallback"),
        pytest.param(TEST, {"test_mac": MacPolicy.NEW}, DUAL_ROWS, MAC, "", False, id="test makes new ones"),
        pytest.param(TEST, {"live_mac": MacPolicy.NEW}, DUAL_ROWS, MAC, MAC, False, id="not test's setting"),
        pytest.param(LIVE, {}, DUAL_ROWS, "", "", False, id="unknown"),
        pytest.param(LIVE, {}, DUAL_ROWS, "00-50-56-AB-CD-EF", "00:50:56:ab:cd:ef", False, id="dashes"),
        pytest.param(LIVE, {}, DUAL_ROWS, "01:50:56:01:00:01", "", True, id="multicast"),
        pytest.param(LIVE, {}, DUAL_ROWS, "zz:00", "", True, id="not one"),
    ),
)
def test_which_mac_address_the_new_nic_gets(
    *,
    failover_type: FailoverType,
    policy: dict[str, MacPolicy],
    rows: tuple[MappingRow, ...],
    source_mac: str,
    mac: str,
    warned: bool,
) -> None:
    (decision,) = resolve(
        failover_type, (nic(0, "VM Network", source_mac),), rows, policy=FailoverPolicy.model_validate(policy)
    )

    assert decision.mac_address == mac
    assert decision.source_mac_address == source_mac
    assert any("MAC address" in warning for warning in decision.warnings) is warned


def test_a_decision_names_its_nic_for_people() -> None:
    assert str(resolve()[1]) == "NIC 1 ('DMZ')"
