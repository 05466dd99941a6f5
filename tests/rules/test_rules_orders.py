"""What a request orders of source and disks: what is honoured, what contradicts, and what needs a reason."""

from typing import Any

import pytest

from rules.contradictions import check_against_policy
from rules.disks import DisksMode, Firmware
from rules.errors import FailoverErrorType, FailoverRefused
from rules.policy import FailoverPolicy
from rules.request import InvalidRequest, parse_request

Json = dict[str, Any]

LIVE: Json = {"context_id": "ctx", "failover_type": "live"}
TEST: Json = {"context_id": "ctx", "failover_type": "test"}
WHY: Json = {"reason": "the site burned down"}
LOST: Json = {**LIVE, **WHY, "source_lost": True}
ON_DISKS, WITHOUT = FailoverPolicy(disks=DisksMode.REPLICATED), FailoverPolicy(disks=DisksMode.NONE)


def refused(raw: Json) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as caught:
        parse_request(raw)
    return [(problem.field, problem.what) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "raw",
    (
        {**LIVE, "power_off_source": True, "perform_final_sync": True},
        {**LIVE, "perform_final_sync": False, **WHY},
        {**LIVE, "auto_cleanup": False, "skip_virtio": False},
        {**LIVE, "accept_recovery_point": True, "waive_snapshots": True, **WHY},
        {**LIVE, "source_lost": None, "accept_recovery_point": None, "waive_snapshots": None},
        LOST,
        {**LOST, "power_off_source": False, "perform_final_sync": False},
        {**LIVE, "disks": "none", "power_off_source": False, "perform_final_sync": False},
        {**TEST, "power_off_source": False, "perform_final_sync": False, "auto_cleanup": True},
        {**TEST, "disks": "none", "auto_cleanup": False, "firmware": "uefi", "skip_virtio": True},
        {**TEST, "boot_disk": "disk-2016", "firmware": "bios", "test_duration": "30m", "skip_virtio": True},
    ),
)
def test_what_fits_together_is_taken(raw: Json) -> None:
    config = parse_request(raw)

    assert {name: value for name, value in raw.items() if value is not None} == {
        name: value
        for name, value in config.model_dump(mode="json", exclude_unset=True).items()
        if raw[name] is not None
    }


@pytest.mark.parametrize(
    ("raw", "fields"),
    (
        pytest.param({**LIVE, "test_duration": "1h"}, ["test_duration"], id="a live VM is not cleaned up"),
        pytest.param({**LIVE, "auto_cleanup": True}, ["auto_cleanup"], id="nor by itself"),
        pytest.param({**LIVE, "power_off_source": False}, ["power_off_source"], id="two machines at once"),
        pytest.param({**LOST, "power_off_source": True}, ["power_off_source"], id="lost, and to be stopped"),
        pytest.param({**LOST, "perform_final_sync": True}, ["perform_final_sync"], id="lost, and to be read"),
        pytest.param({**LIVE, "perform_final_sync": False}, ["reason"], id="older data without a reason"),
        pytest.param({**LIVE, "source_lost": True}, ["reason"], id="lost without a reason"),
        pytest.param({**LIVE, "source_lost": True, "reason": " "}, ["reason"], id="a blank reason"),
        pytest.param({**LIVE, "accept_recovery_point": True}, ["reason"], id="torn without a reason"),
        pytest.param({**LIVE, "waive_snapshots": True}, ["reason"], id="no way back without a reason"),
        pytest.param({**TEST, "power_off_source": True}, ["power_off_source"], id="a test leaves the source"),
        pytest.param({**TEST, "perform_final_sync": True}, ["perform_final_sync"], id="and replication"),
        pytest.param({**TEST, **WHY, "source_lost": True}, ["source_lost"], id="a test of a lost source"),
        pytest.param(
            {**TEST, **WHY, "accept_recovery_point": True}, ["accept_recovery_point"], id="a torn test"
        ),
        pytest.param(
            {**TEST, **WHY, "waive_snapshots": True}, ["waive_snapshots"], id="clones need snapshots"
        ),
        pytest.param({**TEST, "auto_cleanup": False}, ["auto_cleanup"], id="a test always ends"),
        pytest.param(
            {
                **LOST,
                "disks": "none",
                "accept_recovery_point": True,
                "waive_snapshots": True,
                "power_off_source": True,
                "perform_final_sync": True,
                "boot_disk": "disk-2000",
            },
            [
                "source_lost",
                "accept_recovery_point",
                "waive_snapshots",
                "power_off_source",
                "perform_final_sync",
                "boot_disk",
            ],
            id="all that needs disks",
        ),
        pytest.param(
            {**TEST, "disks": "none", "test_duration": "1h", "auto_cleanup": True},
            ["test_duration", "auto_cleanup"],
            id="a rehearsal has no cleanup",
        ),
    ),
)
def test_what_does_not_fit_together_is_refused_by_field(raw: Json, fields: list[str]) -> None:
    assert [field for field, _ in refused(raw)] == fields


def test_every_order_that_needs_a_reason_is_named() -> None:
    raw = {**LIVE, "source_lost": True, "accept_recovery_point": True, "waive_snapshots": True}

    assert refused(raw) == [
        ("reason", "source_lost needs a reason"),
        ("reason", "accept_recovery_point needs a reason"),
        ("reason", "waive_snapshots needs a reason"),
    ]


@pytest.mark.parametrize(
    ("raw", "wanted"),
    (
        (LIVE, True),
        ({**LIVE, "perform_final_sync": True}, True),
        ({**LIVE, **WHY, "perform_final_sync": False}, False),
        (LOST, False),
        (TEST, False),
    ),
)
def test_a_final_sync_is_wanted_of_a_source_that_is_there(raw: Json, *, wanted: bool) -> None:
    assert parse_request(raw).final_sync is wanted


@pytest.mark.parametrize(
    ("said", "seconds"),
    ((None, None), ("90s", 90), ("30m", 1800), ("4h", 14400), ("2d", 172800), ("007s", 7)),
)
def test_a_duration_is_read_in_seconds(said: str | None, seconds: float | None) -> None:
    assert parse_request({**TEST, "test_duration": said}).test_duration_seconds == seconds


@pytest.mark.parametrize(
    ("raw", "policy", "mode"),
    (
        (LIVE, ON_DISKS, DisksMode.REPLICATED),
        (LIVE, WITHOUT, DisksMode.NONE),
        ({**LIVE, "disks": None}, ON_DISKS, DisksMode.REPLICATED),
        ({**LIVE, "disks": "none"}, ON_DISKS, DisksMode.NONE),
        ({**LIVE, "disks": "replicated"}, WITHOUT, DisksMode.REPLICATED),
    ),
)
def test_the_site_decides_on_disks_only_where_the_request_does_not(
    raw: Json, policy: FailoverPolicy, mode: DisksMode
) -> None:
    assert parse_request(raw).disks_mode(policy) is mode


def test_the_firmware_is_read_as_such() -> None:
    assert parse_request({**LIVE, "firmware": "uefi"}).firmware is Firmware.UEFI


@pytest.mark.parametrize(
    ("raw", "policy"),
    ((LOST, ON_DISKS), (LIVE, WITHOUT), ({**LOST, "disks": "replicated"}, WITHOUT), (TEST, ON_DISKS)),
)
def test_a_request_may_leave_disks_to_the_site(raw: Json, policy: FailoverPolicy) -> None:
    check_against_policy(parse_request(raw), policy)


def test_a_site_without_disks_refuses_what_needs_them() -> None:
    with pytest.raises(FailoverRefused) as caught:
        check_against_policy(parse_request({**LOST, "boot_disk": "disk-2000"}), WITHOUT)

    assert caught.value.error_type is FailoverErrorType.INVALID_REQUEST
    assert "source_lost: contradicts" in str(caught.value)
    assert "boot_disk: contradicts" in str(caught.value)
    assert "disk-2000" not in str(caught.value)
