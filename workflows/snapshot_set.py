"""Snapshots of all disks as one set: complete, or a failure."""

from collections.abc import Sequence

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.disks import SnapshotPurpose, SnapshotRequest
    from rules.disks import DiskPlan, SnapshotFact
    from rules.errors import FailoverErrorType
    from workflows import disk_jobs, disk_steps
    from workflows.orders import TakenOver

_TRIES = 3


async def take_set(
    taken: TakenOver, disks: Sequence[DiskPlan], purpose: SnapshotPurpose, attempt: int = 1
) -> tuple[SnapshotFact, ...]:
    """Take a snapshot of each disk, one after the other: one VM's run serially anyhow (observed, 16).

    Raises:
        ApplicationError: SnapshotFailed, with the disk that has none.
    """
    return tuple([await _take(taken, disk, purpose, attempt) for disk in disks])


async def _take(taken: TakenOver, disk: DiskPlan, purpose: SnapshotPurpose, attempt: int) -> SnapshotFact:
    policy = taken.policy
    request = SnapshotRequest(
        owner=taken.owner,
        volume_id=disk.volume_id,
        disk_id=disk.disk_id,
        purpose=purpose,
        attempt=attempt,
    )
    for _ in range(_TRIES):
        reply = await disk_steps.create_snapshot(request, policy)
        if not reply.job_id:
            return reply.snapshot
        seconds = policy.disk_seconds(disk.size_gb)
        await disk_jobs.wait_for(taken, reply.job_id, f"snapshot of {disk.disk_id}", seconds)
        # However the job ended: the next call reads the snapshot, and clears a failed one away.
    reply = await disk_steps.create_snapshot(request, policy)
    if not reply.job_id:
        return reply.snapshot
    raise failure(
        FailoverErrorType.SNAPSHOT_FAILED,
        f"no snapshot of {disk.disk_id} (volume {disk.volume_id}) after {_TRIES} tries; "
        "a partial set is no set",
    )
