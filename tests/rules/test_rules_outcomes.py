"""The small rules: error types, policy, models at the boundary, and the comparison that verifies a VM."""

import re
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from rules import errors
from rules.errors import FailoverErrorType
from rules.nics import NicSource
from rules.outcomes import FailoverOutcome, FailoverResult, FailoverVm, FailureReport, VerifiedNic
from rules.policy import FailoverPolicy
from rules.request import UnifiedFailoverConfig
from rules.resolution import NetworkDecision, NetworkRule
from rules.verification import nic_differences
from tests.rules.worlds import NETWORKS

MACS = ("00:50:56:01:00:01", "00:50:56:01:00:02", "00:50:56:01:00:03")
PASSING = {
    "DatabaseUnavailable",
    "CloudStackUnavailable",
    "CloudStackOutcomeUnknown",
    "CloudStackNoCapacity",
    "SourceUnreachable",
    "VmBusy",
    "DiskBusy",
    "ReplicationUnavailable",
}


def decision(index: int, *, connected: bool = True, mac: str | None = None) -> NetworkDecision:
    return NetworkDecision(
        nic_index=index,
        source_network_name=f"source-{index}",
        destination_network_id=NETWORKS[index],
        rule=NetworkRule.MAPPED,
        mac_address=MACS[index] if mac is None else mac,
        connected=connected,
    )


def verified(index: int, network: str = "", mac: str = "", *, is_default: bool | None = None) -> VerifiedNic:
    return VerifiedNic(
        device_id=index,
        network_id=network or NETWORKS[index],
        mac_address=mac or MACS[index],
        is_default=index == 0 if is_default is None else is_default,
    )


THREE = (decision(0), decision(1), decision(2))


@pytest.mark.parametrize(
    ("decisions", "nics"),
    (
        pytest.param(THREE, (verified(0), verified(1), verified(2)), id="as decided"),
        pytest.param(
            THREE,
            (verified(0, NETWORKS[0].upper(), MACS[0].upper()), verified(1), verified(2)),
            id="letter case",
        ),
        pytest.param(
            (decision(0, mac=""), decision(1)), (verified(0, mac="02:00:00:00:00:99"), verified(1)), id="new"
        ),
        pytest.param(
            (decision(0, connected=False), decision(1)),
            (verified(1, is_default=True),),
            id="the first connected one is the default",
        ),
    ),
)
def test_a_vm_that_is_as_decided_has_no_differences(
    decisions: tuple[NetworkDecision, ...], nics: tuple[VerifiedNic, ...]
) -> None:
    assert nic_differences(decisions, nics) == []


@pytest.mark.parametrize(
    ("nics", "expected"),
    (
        pytest.param((verified(0), verified(1)), ["3 NICs were decided, the VM has 2"], id="one is missing"),
        pytest.param(
            (verified(0), verified(1, NETWORKS[2]), verified(2)),
            [f"NIC 1 ('source-1') is on network {NETWORKS[2]} instead of {NETWORKS[1]}"],
            id="network",
        ),
        pytest.param(
            (verified(0), verified(1), verified(2, mac=MACS[1])),
            [f"NIC 2 ('source-2') has MAC address {MACS[1]} instead of {MACS[2]}"],
            id="MAC",
        ),
        pytest.param(
            (verified(0, is_default=False), verified(1, is_default=True), verified(2)),
            ["NIC 0 ('source-0') is not the default NIC", "NIC 1 ('source-1') is the default NIC"],
            id="default",
        ),
    ),
)
def test_every_difference_is_one_sentence(nics: tuple[VerifiedNic, ...], expected: list[str]) -> None:
    assert nic_differences(THREE, nics) == expected


def test_nics_in_another_order_are_a_difference() -> None:
    swapped = (verified(1, is_default=True), verified(0, is_default=False), verified(2))

    assert len(nic_differences(THREE, swapped)) == 4


def test_only_what_passes_by_itself_is_retried() -> None:
    assert {one.value for one in FailoverErrorType if one.retryable} == PASSING


def test_the_tree_of_error_types_names_each_type_once() -> None:
    documentation = errors.__doc__ or ""
    tree = documentation[documentation.index("|--") : documentation.index("``SourceUnreachable``")]
    named = [word for word in re.findall(r"\w+", tree) if word in set(FailoverErrorType)]

    assert sorted(named) == sorted(FailoverErrorType)


def test_a_create_call_has_settled_after_its_expiry_and_the_skew() -> None:
    assert FailoverPolicy(create_expiry_seconds=60, clock_skew_seconds=10).settle_seconds == 70


def test_the_result_says_that_no_disks_are_attached() -> None:
    result = FailoverResult(
        workflow_id="w",
        context_id="c",
        vm_name="v",
        failover_type="live",
        outcome=FailoverOutcome.COMPLETED,
        vm=FailoverVm(id="i", name="v"),
        decisions=(),
        nic_source=NicSource.VMA,
    )

    assert result.disks == "none attached"
    assert FailureReport(step="s", outcome=FailoverOutcome.FAILED).disks == "none attached"


def test_a_result_of_a_newer_worker_can_be_read() -> None:
    assert FailoverVm.model_validate({"id": "i", "name": "n", "added_later": 1}).id == "i"


@pytest.mark.parametrize(
    "change",
    (
        pytest.param(lambda: setattr(THREE[0], "nic_index", 3), id="a record"),
        pytest.param(
            lambda: setattr(
                UnifiedFailoverConfig.model_validate({"context_id": "c", "failover_type": "live"}),
                "context_id",
                "d",
            ),
            id="a request",
        ),
    ),
)
def test_what_stands_in_a_history_cannot_be_changed(change: Callable[[], None]) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        change()
