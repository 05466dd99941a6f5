"""Make a guest bootable on KVM; a disk on which a conversion was interrupted is never converted again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as StepTimeout

with workflow.unsafe.imports_passed_through():
    from activities.failures import NOTHING_WRITTEN
    from activities.messages.conversion import ConversionNic, ConversionReport, ConvertRequest
    from rules.errors import FailoverErrorType
    from rules.outcomes import FailoverVm
    from rules.resolution import NetworkDecision
    from workflows import disk_steps
    from workflows.failures import explain, typed_cause
    from workflows.orders import TakenOver

_LONGEST_PAUSE_SECONDS = 60.0
_WAITS = 30
"""So often a conversion waits for its turn, or for whoever holds the device, before its run gives up."""
_FINAL = frozenset({FailoverErrorType.CONVERSION_FAILED, FailoverErrorType.CONVERSION_UNAVAILABLE})


@dataclass(frozen=True)
class Guest:
    """The attached volumes of one guest: what it boots from, and the rest."""

    boot_volume_id: str
    data_volume_ids: tuple[str, ...]


async def convert(
    taken: TakenOver,
    guest: Guest,
    nics: tuple[ConversionNic, ...],
    restore: Callable[[], Awaitable[Guest]],
) -> ConversionReport:
    """Convert, and after an interruption only on a restored disk again.

    Args:
        taken: Whose failover.
        guest: Its volumes, attached to the appliance.
        nics: What the guest must find again.
        restore: Brings the disks back to their snapshots and to the appliance, and returns them.

    Raises:
        ActivityError: ConversionFailed, which no repetition mends; or the last interruption.
    """
    tries = waits = 0
    while True:
        request = ConvertRequest(
            workflow_id=taken.owner.workflow_id,
            appliance_vm_id=taken.appliance_vm_id,
            volume_id=guest.boot_volume_id,
            data_volume_ids=guest.data_volume_ids,
            nics=nics,
            timeout_seconds=taken.policy.conversion_timeout_seconds,
        )
        try:
            return await disk_steps.convert_guest(request, taken.policy)
        except ActivityError as error:
            waits, tries = (waits + 1, tries) if _nothing_written(error) else (waits, tries + 1)
            stopped = workflow.cancellation_reason() is not None
            gives_up = waits >= _WAITS or tries >= taken.policy.conversion_tries
            if stopped or gives_up or explain(error)[0] in _FINAL:
                raise
            waited_for_turn = _nothing_written(error)
        if waited_for_turn:
            pause = min(taken.policy.conversion_pause_seconds * waits, _LONGEST_PAUSE_SECONDS)
            await workflow.sleep(pause, summary="Nothing was written: ask again")
        else:
            guest = await restore()


def nic_plan(decisions: Sequence[NetworkDecision], vm: FailoverVm) -> tuple[ConversionNic, ...]:
    """Return the NICs as the converted guest must find them again: those that are connected, in order.

    A stopped VM's NICs are complete (observed, section 1): the address is the one that CloudStack gave, and
    none on a network that gives none.
    """
    connected = [decision for decision in decisions if decision.connected]
    addresses = {nic.device_id: nic.ip_address for nic in vm.nics}
    return tuple(
        ConversionNic(order=order, source_mac=one.source_mac_address, address=addresses.get(order, ""))
        for order, one in enumerate(connected)
    )


def _nothing_written(error: ActivityError) -> bool:
    cause = typed_cause(error)
    if isinstance(cause, StepTimeout):
        return cause.type is TimeoutType.SCHEDULE_TO_START
    return isinstance(cause, ApplicationError) and NOTHING_WRITTEN in cause.details
