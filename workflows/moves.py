"""Bring one disk to its place, step by step; what ``listVolumes`` says decides each step."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.disks import MoveRequest, Place
    from activities.messages.vm import JobState
    from rules.disks import VolumeFacts
    from rules.errors import FailoverErrorType
    from workflows import disk_jobs, disk_steps
    from workflows.orders import TakenOver

NOWHERE = Place()
_FAILED_JOBS = 4
_JOBS = 12


async def bring(  # noqa: PLR0913 - a disk, its place, and what must hold
    taken: TakenOver,
    volume_id: str,
    to: Place,
    *,
    storage_id: str = "",
    seconds: float = 0.0,
    undo: bool = False,
    only_from_appliance: bool = False,
) -> VolumeFacts:
    """Move a volume until it is where it is to be.

    Args:
        taken: Whose failover; the disk may be at the appliance, at its VM, or nowhere.
        volume_id: The volume.
        to: Its place.
        storage_id: The pool that it must not leave.
        seconds: How long one job may take, if longer than the policy's; an attach may copy a clone.
        undo: Whether this is a way back, which is tried longer.
        only_from_appliance: Refuse to take it off our own VM: after a reset that may run.

    Raises:
        ActivityError: DiskElsewhere, StorageChanged and what CloudStack refuses.
        ApplicationError: DiskMoveFailed when the jobs keep failing.
    """
    policy = taken.policy
    request = MoveRequest(
        owner=taken.owner,
        volume_id=volume_id,
        to=to,
        allowed_vm_ids=(taken.appliance_vm_id,) if only_from_appliance else taken.allowed_vm_ids,
        storage_id=storage_id,
    )
    failed, code = 0, 0
    for _ in range(_JOBS):
        reply = await disk_steps.move_disk(request, policy, undo=undo)
        if reply.placed:
            return reply.volume
        limit = max(policy.job_timeout_seconds, seconds)
        report = await disk_jobs.wait_for(taken, reply.job_id, f"disk {volume_id}", limit)
        if report.state is JobState.FAILED:
            failed, code = failed + 1, report.code
            if failed == _FAILED_JOBS:
                break
            # A clash with another job passes (530); the volume is read again before anything is sent.
            await workflow.sleep(
                policy.move_pause_seconds * failed, summary=f"Look again after code {report.code}"
            )
    raise failure(
        FailoverErrorType.DISK_MOVE_FAILED,
        f"volume {volume_id} does not get to {to.vm_id or 'no VM'}: {failed} jobs failed, last code {code}",
    )
