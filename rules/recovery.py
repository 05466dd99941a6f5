"""The recovery point: which moment of the source the disks hold, and whether all hold the same one."""

from datetime import UTC, datetime

from rules.disks import CompletedSync, KeptSnapshot, RecoveryPoint, ReplicationFacts


def recovery_point(
    replication: ReplicationFacts, now: datetime, *, source_lost: bool = False
) -> RecoveryPoint:
    """Return the point in time that the replicated disks hold.

    They are consistent when one completed job brought every disk there and none was interrupted after it. A
    torn replica is consistent all the same where a snapshot of every disk was kept, taken after that job and
    before the interrupted one began: then those hold the point.

    Args:
        replication: As read just now.
        now: With a time zone.
        source_lost: A job that runs never ends: it counts as interrupted.
    """
    syncs = [disk.sync for disk in replication.disks if disk.sync is not None]
    oldest = _oldest(syncs)
    parted, torn = _parted(replication, syncs), _torn(replication, source_lost=source_lost)
    snapshots = _last_good(replication, oldest, source_lost=source_lost) if torn and not parted else ()
    if snapshots:
        torn = f"{torn}; the snapshots that were kept before it are used"
    return RecoveryPoint(
        job_id=oldest.job_id,
        completed_at=oldest.completed_at,
        age_seconds=_age(oldest.completed_at, now),
        consistent=not parted and (not torn or bool(snapshots)),
        detail=parted or torn,
        snapshots=snapshots,
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


def _parted(replication: ReplicationFacts, syncs: list[CompletedSync]) -> str:
    missing = [disk.disk_id for disk in replication.disks if disk.sync is None]
    if missing or not replication.disks:
        return f"no sync ever completed for {', '.join(missing) or 'any disk'}"
    if len({sync.job_id for sync in syncs}) > 1:
        points = "; ".join(f"{disk.disk_id}: {disk.sync.job_id}" for disk in replication.disks if disk.sync)
        return f"the disks stand at different syncs ({points})"
    return ""


def _torn(replication: ReplicationFacts, *, source_lost: bool) -> str:
    if replication.torn_by:
        return f"sync {replication.torn_by} was interrupted after the last one that completed"
    if source_lost and replication.running is not None:
        return f"sync {replication.running.job_id} was under way when the source was lost"
    return ""


def _last_good(
    replication: ReplicationFacts, sync: CompletedSync, *, source_lost: bool
) -> tuple[KeptSnapshot, ...]:
    """Return one snapshot per disk of the time between the last sync and the torn one; none for a part."""
    began = [replication.torn_at]
    if source_lost and replication.running is not None:
        began.append(replication.running.started_at)
    torn_at = min((one for one in began if one is not None), default=None)
    done_at = sync.completed_at
    if torn_at is None or done_at is None:
        return ()
    good = {
        kept.volume_id: kept
        for kept in replication.kept_snapshots
        if kept.taken_at is not None and done_at <= kept.taken_at < torn_at
    }
    wanted = [disk.volume_id for disk in replication.disks]
    return tuple(good[volume_id] for volume_id in wanted) if set(wanted) <= set(good) else ()
