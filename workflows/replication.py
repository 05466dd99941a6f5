"""Replication: kept off the disks before anything else, brought to one last point, let back in the end."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.replication import (
        FenceRequest,
        ReplicationQuery,
        StartSyncRequest,
        SyncEnd,
        SyncState,
        WatchSyncRequest,
    )
    from rules.disks import ReplicationFacts
    from rules.errors import FailoverErrorType
    from workflows import source_steps
    from workflows.orders import TakenOver

_ENDS_BADLY = {
    SyncState.FAILED: FailoverErrorType.SYNC_FAILED,
    SyncState.STALLED: FailoverErrorType.SYNC_STALLED,
}


def fence_request(taken: TakenOver) -> FenceRequest:
    """Return what names this run's fence."""
    return FenceRequest(
        workflow_id=taken.owner.workflow_id,
        context_id=taken.owner.context_id,
        lost_job_id=taken.lost_job_id,
    )


async def facts(taken: TakenOver, why: str) -> ReplicationFacts:
    """Read what the database says now."""
    query = ReplicationQuery(
        context=taken.context,
        destination=taken.owner.destination,
        workflow_id=taken.owner.workflow_id,
    )
    return await source_steps.load_replication(query, why)


async def fence(taken: TakenOver, *, source_lost: bool) -> str:
    """Switch the scheduler off, and wait for a job that is under way.

    Args:
        taken: Whose replication.
        source_lost: A job of a lost source never ends: it counts as interrupted, and is not waited for.

    Returns:
        What to warn of; empty for nothing.

    Raises:
        ApplicationError: SyncStalled when the job moves nothing, since a fence with a job running is none.
    """
    request = fence_request(taken).model_copy(update={"by_run": True})
    fenced = await source_steps.fence_replication(request)
    if fenced.running is None or source_lost:
        return ""
    end = await _watch(taken, fenced.running.job_id, "a job that was under way")
    if end.state is SyncState.STALLED:
        raise failure(FailoverErrorType.SYNC_STALLED, f"replication job {end.job_id}: {end.detail}")
    return f"replication job {end.job_id} was under way and was waited for: {end.state.value}"


async def final_sync(taken: TakenOver, known_job_id: str, known_job_ids: tuple[str, ...]) -> SyncEnd:
    """Bring the disks to the moment in which the source was off.

    Args:
        taken: Whose replication.
        known_job_id: The last sync that had completed when the run began.
        known_job_ids: Every job that there was once the source was off: none of them is the final sync.

    Raises:
        ApplicationError: SyncFailed or SyncStalled.
    """
    job = await source_steps.start_sync(
        StartSyncRequest(
            workflow_id=taken.owner.workflow_id,
            context=taken.context,
            destination=taken.owner.destination,
            known_job_id=known_job_id,
            known_job_ids=known_job_ids,
        ),
        taken.policy,
    )
    end = await _watch(taken, job.job_id, "the final sync")
    if end.state in _ENDS_BADLY:
        raise failure(_ENDS_BADLY[end.state], f"final sync {end.job_id}: {end.detail or end.state.value}")
    return end


async def wait_until_quiet(taken: TakenOver) -> ReplicationFacts:
    """Wait for the time between two syncs.

    Raises:
        ApplicationError: SyncStalled when replication does not pause in the time that the policy allows.
    """
    policy = taken.policy
    until = workflow.now() + timedelta(seconds=policy.quiet_wait_seconds)
    while True:
        found = await facts(taken, "is a sync under way?")
        if found.running is None:
            return found
        if workflow.now() >= until:
            raise failure(
                FailoverErrorType.SYNC_STALLED,
                f"replication job {found.running.job_id} still runs after {policy.quiet_wait_seconds:.0f} s; "
                "a drill needs the time between two syncs",
            )
        await workflow.sleep(policy.sync_poll_seconds, summary=f"Wait for sync {found.running.job_id}")


async def _watch(taken: TakenOver, job_id: str, what: str) -> SyncEnd:
    policy = taken.policy
    return await source_steps.watch_sync(
        WatchSyncRequest(
            context=taken.context,
            job_id=job_id,
            stall_seconds=policy.sync_stall_seconds,
            poll_seconds=policy.sync_poll_seconds,
        ),
        what,
        policy,
    )
