"""A torn replica has a recovery point all the same, where a snapshot of every disk was kept in time."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.disks import CompletedSync, KeptSnapshot, ReplicatedDisk, ReplicationFacts, SyncJob
from rules.recovery import recovery_point

DONE = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
TORN = DONE + timedelta(hours=1)
NOW = DONE + timedelta(hours=2)
DISKS = tuple(
    ReplicatedDisk(
        disk_id=f"disk-{n}", volume_id=f"vol-{n}", sync=CompletedSync(job_id="j1", completed_at=DONE)
    )
    for n in (1, 2)
)


def kept(number: int, minutes: float | None) -> KeptSnapshot:
    """A snapshot so many minutes after the last completed sync."""
    at = None if minutes is None else DONE + timedelta(minutes=minutes)
    return KeptSnapshot(snapshot_id=f"snap-{number}", volume_id=f"vol-{number}", taken_at=at)


@pytest.mark.parametrize(
    ("snapshots", "used"),
    (
        ((kept(1, 5), kept(2, 6)), True),
        ((kept(1, 0), kept(2, 59)), True),
        ((kept(1, 5),), False),
        ((kept(1, -1), kept(2, 5)), False),
        ((kept(1, 60), kept(2, 5)), False),
        ((kept(1, None), kept(2, 5)), False),
        ((), False),
    ),
)
def test_snapshots_of_the_quiet_time_hold_the_point(snapshots: tuple[KeptSnapshot, ...], used: bool) -> None:  # noqa: FBT001 - a column of the table
    """Taken after the sync that completed, before the one that tore, of every disk."""
    facts = ReplicationFacts(disks=DISKS, torn_by="j2", torn_at=TORN, kept_snapshots=snapshots)
    point = recovery_point(facts, NOW)
    assert point.consistent is used
    assert point.snapshots == (snapshots if used else ())
    assert "j2 was interrupted" in point.detail
    assert (point.job_id, point.completed_at) == ("j1", DONE)


def test_a_job_of_a_lost_source_tore_the_replica() -> None:
    """It never ends; while the source is there it is only under way."""
    facts = ReplicationFacts(
        disks=DISKS,
        running=SyncJob(job_id="j3", started_at=TORN),
        kept_snapshots=(kept(1, 5), kept(2, 5)),
    )
    assert recovery_point(facts, NOW).snapshots == ()
    assert recovery_point(facts, NOW).consistent
    lost = recovery_point(facts, NOW, source_lost=True)
    assert lost.consistent
    assert "j3 was under way" in lost.detail
    assert lost.snapshots == facts.kept_snapshots
    without = recovery_point(facts.model_copy(update={"kept_snapshots": ()}), NOW, source_lost=True)
    assert not without.consistent


def test_without_the_time_of_the_torn_job_no_snapshot_is_trusted() -> None:
    """Nobody can say that it was taken before."""
    facts = ReplicationFacts(disks=DISKS, torn_by="j2", kept_snapshots=(kept(1, 5), kept(2, 5)))
    assert not recovery_point(facts, NOW).consistent
