"""What the preflight says of replication: is the replica whole and clean, and can it be fenced?"""

from rules.checks import failed, judged, passed, warned
from rules.disks import RecoveryPoint
from rules.preflight import Check
from rules.recovery import recovery_point
from rules.situation import Situation


def point_of(known: Situation) -> RecoveryPoint:
    """Return the recovery point as it is now."""
    return recovery_point(known.replication, known.now, source_lost=known.config.source_lost)


def disks_replicated(known: Situation) -> Check:
    """Judge whether a sync ever completed for each disk."""
    never = [disk.disk_id for disk in known.replication.disks if disk.sync is None]
    return judged(
        "disks_replicated",
        [f"no sync ever completed for {disk}" for disk in never],
        (),
        "a sync completed for every disk",
        "Let a full sync complete, then start again",
    )


def recovery(known: Situation, point: RecoveryPoint) -> Check:
    """Judge whether the disks hold one point in time, or will."""
    name = "recovery_point"
    if point.consistent:
        return _by_snapshots(known, point) if point.snapshots else passed(name, _described(point))
    said = f"the replica is inconsistent: {point.detail}"
    if not known.is_live:
        if _torn_by_a_running_job(known):
            return warned(name, f"{said}; the run waits for its end", "Nothing, if it completes")
        return failed(name, said, "Let the next sync complete, then start the test again")
    if known.config.final_sync:
        return warned(name, f"{said}; the final sync mends it", "Nothing, if the final sync completes")
    if known.config.accept_recovery_point:
        return warned(
            name, f"{said}; accepted in the request", "Check the guest's file systems and databases"
        )
    return failed(
        name,
        said,
        "Let a sync complete first. Where the source is lost: accept_recovery_point true with a reason, "
        "and check the guest's data afterwards",
    )


def _by_snapshots(known: Situation, point: RecoveryPoint) -> Check:
    said = f"{_described(point)}; {point.detail}"
    if not known.is_live:
        return failed(
            "recovery_point", said, "A drill needs a whole replica: let a sync complete, then start it again"
        )
    if known.config.final_sync:
        return warned("recovery_point", f"{said}, unless the final sync mends it", "Nothing")
    return warned("recovery_point", said, "Nothing; accept_recovery_point true would take the torn replica")


def replica_clean(known: Situation) -> Check:
    """Judge whether an earlier failover wrote to the replica."""
    writer = known.replication.dirty_by
    if not writer:
        return passed("replica_clean", "no failover wrote to the replica since its last sync")
    return failed(
        "replica_clean",
        f"failover {writer} wrote to the replica, and it was not reverted",
        "Roll that failover back or clean it up. Where that is no longer possible, let a full sync complete: "
        "one that began after that write makes the replica count as clean, by itself",
    )


def replication_job(known: Situation) -> Check:
    """Judge a sync that is under way."""
    running = known.replication.running
    if running is None:
        return passed("replication_job", "no sync is under way")
    said = f"sync {running.job_id} is under way"
    if running.progress_percent is not None:
        said += f" ({running.progress_percent:.0f} %)"
    if known.is_live and known.config.source_lost:
        return warned("replication_job", f"{said}; it counts as interrupted", "Nothing: the source is lost")
    return warned("replication_job", f"{said}; the run waits for its end", "Nothing; the run takes longer")


def scheduler(known: Situation) -> Check:
    """Judge whether replication can be kept off the disks."""
    enabled = known.replication.scheduler_enabled
    if enabled is None:
        return failed(
            "scheduler",
            "nobody can say whether this VM's replication scheduler is on, so it cannot be fenced",
            "The table vm_replication_contexts needs scheduler_enabled: bring the database up to date",
        )
    return passed("scheduler", f"this VM's scheduler is {'on' if enabled else 'off'} and can be fenced")


def replication_api(known: Situation) -> Check:
    """Judge whether somebody can be asked for the final sync."""
    if not known.config.final_sync:
        return passed("replication_api", "no final sync is wanted")
    if known.policy.replication_configured:
        return passed("replication_api", "an address for the final sync is configured")
    return failed(
        "replication_api",
        "the worker has no address of the replication API, so there can be no final sync",
        "Set REPLICATION_URL, or order perform_final_sync false with a reason",
    )


def _torn_by_a_running_job(known: Situation) -> bool:
    running = known.replication.running
    if running is None or any(disk.sync is None for disk in known.replication.disks):
        return False
    return known.replication.torn_by in {"", running.job_id}


def _described(point: RecoveryPoint) -> str:
    if point.completed_at is None:
        return f"sync {point.job_id}, of unknown time"
    age = "" if point.age_seconds is None else f", {point.age_seconds:.0f} s old"
    return f"sync {point.job_id}, completed {point.completed_at.isoformat()}{age}"
