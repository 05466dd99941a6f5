"""The recovery point: one completed sync for all disks and nothing after it, or it is none."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.disks import CompletedSync, RecoveryPoint, ReplicatedDisk, ReplicationFacts
from rules.recovery import recovery_point
from tests.rules.situations import NOW, disk

OLD, NEW = NOW - timedelta(hours=2), NOW - timedelta(hours=1)


def sync(job_id: str, completed_at: datetime | None = None) -> CompletedSync:
    return CompletedSync(job_id=job_id, completed_at=completed_at)


def point(*disks: ReplicatedDisk, torn_by: str = "") -> RecoveryPoint:
    return recovery_point(ReplicationFacts(disks=disks, torn_by=torn_by), NOW)


def test_one_sync_for_all_disks_is_a_point() -> None:
    assert point(disk(0, sync=sync("a", OLD)), disk(1, sync=sync("a", OLD))) == RecoveryPoint(
        job_id="a", completed_at=OLD, age_seconds=7200
    )


def test_a_time_that_nobody_knows_is_no_age() -> None:
    found = point(disk(0, sync=sync("a")))
    assert (found.job_id, found.completed_at, found.age_seconds, found.consistent) == ("a", None, None, True)


def test_a_time_without_a_zone_is_utc_and_none_lies_ahead() -> None:
    assert point(disk(0, sync=sync("a", OLD.replace(tzinfo=None)))).age_seconds == 7200
    assert point(disk(0, sync=sync("a", NOW + timedelta(seconds=5)))).age_seconds == 0
    assert point(disk(0, sync=sync("a", datetime(2026, 11, 24, 11, tzinfo=UTC)))).age_seconds == 3600


@pytest.mark.parametrize(
    ("disks", "torn_by", "job_id", "said"),
    (
        pytest.param((), "", "", "any disk", id="no disk"),
        pytest.param((disk(0, sync=None),), "", "", "disk-2000", id="never synced"),
        pytest.param(
            (disk(0, sync=sync("a", OLD)), disk(1, sync=None)), "", "a", "disk-2001", id="one never synced"
        ),
        pytest.param(
            (disk(0, sync=sync("b", NEW)), disk(1, sync=sync("a", OLD))),
            "",
            "a",
            "disk-2000: b; disk-2001: a",
            id="two points: the older one is what all have",
        ),
        pytest.param(
            (disk(0, sync=sync("b")), disk(1, sync=sync("a", OLD))), "", "a", "different", id="one undated"
        ),
        pytest.param((disk(0, sync=sync("a", OLD)),), "c", "a", "sync c was interrupted", id="torn"),
    ),
)
def test_anything_else_is_inconsistent_and_says_why(
    disks: tuple[ReplicatedDisk, ...], torn_by: str, job_id: str, said: str
) -> None:
    found = point(*disks, torn_by=torn_by)

    assert (found.consistent, found.job_id) == (False, job_id)
    assert said in found.detail
