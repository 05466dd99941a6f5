"""CloudStack's jobs on one disk: how long each may take, and the revert, for forth and back alike."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages.disks import RevertRequest
    from activities.messages.vm import JobReport, JobRequest
    from rules.disks import DiskPlan
    from workflows import disk_steps, steps
    from workflows.orders import TakenOver


async def wait_for(taken: TakenOver, job_id: str, what: str, seconds: float) -> JobReport:
    """Wait for a job, at most so long: then its end is unknown."""
    return await steps.wait_for_job(
        JobRequest(destination=taken.owner.destination, job_id=job_id, timeout_seconds=seconds),
        what,
        taken.policy,
    )


async def revert(taken: TakenOver, disk: DiskPlan, snapshot_id: str) -> JobReport:
    """Revert an unattached disk, and wait for CloudStack's word on it.

    Raises:
        ActivityError: RevertFailed and what CloudStack refuses.
    """
    policy = taken.policy
    request = RevertRequest(owner=taken.owner, volume_id=disk.volume_id, snapshot_id=snapshot_id)
    started = await disk_steps.revert_disk(request, policy)
    seconds = max(policy.job_timeout_seconds, policy.disk_seconds(disk.size_gb))
    return await wait_for(taken, started.job_id, f"{disk.disk_id} is reverted", seconds)
