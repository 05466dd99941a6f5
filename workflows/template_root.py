"""The template's disk of a VM that is given up: once it is off its VM, nothing else removes it."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages.disks import RemoveVolumeRequest
    from rules.errors import FailoverErrorType
    from workflows import disk_steps
    from workflows.failures import explain
    from workflows.moves import NOWHERE, bring
    from workflows.orders import TakenOver, Undone


async def drop_template_root(taken: TakenOver) -> Undone:
    """Delete the template's disk where its detach had begun; never raises for what cannot be done."""
    if not taken.template_root_id:
        return Undone()
    try:
        try:
            await _delete(taken)
        except ActivityError as error:
            if explain(error)[0] is not FailoverErrorType.DISK_ELSEWHERE:
                raise
            await bring(taken, taken.template_root_id, NOWHERE, undo=True)
            await _delete(taken)
    except (ActivityError, ApplicationError) as error:
        return Undone(
            left_behind=(f"the template's disk ({taken.template_root_id}): not removed: {explain(error)[1]}",)
        )
    return Undone()


async def _delete(taken: TakenOver) -> None:
    request = RemoveVolumeRequest(
        owner=taken.owner, volume_id=taken.template_root_id, replica_ids=taken.replica_ids
    )
    await disk_steps.remove_volume(request, taken.policy)
