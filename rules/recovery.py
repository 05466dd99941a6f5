"""The recovery point: which moment of the source the disks hold, and whether all hold the same one."""

from datetime import UTC, datetime

from rules.disks import CompletedSync, RecoveryPoint, ReplicationFacts


def recovery_point(replication: ReplicationFacts, now: datetime) -> RecoveryPoint:
    """Return the point in time that the replicated disks hold.

    They are consistent when one completed job brought every disk there and none was interrupted after it.

    Args:
        replication: As read just now.
        now: With a time zone.
    """
    syncs = [disk.sync for disk in replication.disks if disk.sync is not None]
    oldest = _oldest(syncs)
    return RecoveryPoint(
        job_id=oldest.job_id,
        completed_at=oldest.completed_at,
        age_seconds=_age(oldest.completed_at, now),
        consistent=not (detail := _why_not(replication, syncs)),
        detail=detail,
    )


def _oldest(syncs: list[CompletedSync]) -> CompletedSync:
    # The oldest one is what all disks have at least; where a time is missing nobody knows which that is.
    dated = sorted(
        ((sync.completed_at, sync.job_id, sync) for sync in syncs if sync.completed_at is not None),
        key=lambda entry: entry[:2],
    )
    if dated:
        return dated[0][2]
    return syncs[0] if syncs else CompletedSync(job_id="")


def _age(completed_at: datetime | None, now: datetime) -> float | None:
    if completed_at is None:
        return None
    known = completed_at if completed_at.tzinfo else completed_at.replace(tzinfo=UTC)
    # A clock that is ahead must not make a replica younger than now.
    return max(0.0, (now - known).total_seconds())


def _why_not(replication: ReplicationFacts, syncs: list[CompletedSync]) -> str:
    missing = [disk.disk_id for disk in replication.disks if disk.sync is None]
    if missing or not replication.disks:
        return f"no sync ever completed for {', '.join(missing) or 'any disk'}"
    if len({sync.job_id for sync in syncs}) > 1:
        points = "; ".join(f"{disk.disk_id}: {disk.sync.job_id}" for disk in replication.disks if disk.sync)
        return f"the disks stand at different syncs ({points})"
    if replication.torn_by:
        return f"sync {replication.torn_by} was interrupted after the last one that completed"
    return ""
