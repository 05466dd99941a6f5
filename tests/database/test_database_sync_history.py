"""Which sync a disk holds, what tore it and what runs, from the jobs alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from database.sync_history import DiskSync, Job, SyncHistory
from rules.disks import CompletedSync, SyncJob

START = datetime(2025, 9, 24, 12, 0, tzinfo=UTC)


def job(number: int, status: str) -> Job:
    began = START + timedelta(hours=number)
    ended = began + timedelta(minutes=5) if status in {"completed", "failed", "cancelled"} else None
    return Job(f"job-{number}", status, 50.0, began, began, ended)


@pytest.mark.parametrize(
    ("statuses", "torn_by", "running"),
    (
        ((), "", None),
        (("completed",), "", None),
        (("completed", "failed"), "job-1", None),
        (("completed", "cancelled"), "job-1", None),
        (("completed", "failed", "completed"), "", None),
        (("completed", "failed", "cancelled"), "job-2", None),
        (("completed", "replicating"), "", "job-1"),
        (("completed", "pending"), "", "job-1"),
        (("completed", "failed", "running"), "job-1", "job-2"),
        # What never ended and was overtaken does not run, whatever its row says.
        (("running", "completed"), "", None),
        (("failed", "failed"), "job-1", None),
        (("running",), "", "job-0"),
        # A word that nobody knows is no end.
        (("completed", "paused"), "", "job-1"),
    ),
)
def test_what_began_after_the_last_completed_sync_tore_it_or_runs(
    statuses: tuple[str, ...], torn_by: str, running: str | None
) -> None:
    jobs = [job(number, status) for number, status in enumerate(statuses)]
    history = SyncHistory(reversed(jobs))

    assert history.torn_by == torn_by
    assert (None if history.running is None else history.running.job_id) == running


@pytest.mark.parametrize(
    ("current", "expected"),
    (
        ("job-0", SyncJob(job_id="job-0", status="running", progress_percent=50.0, started_at=START)),
        # The context names a job that ended: replication forgot to take the name away.
        ("job-1", None),
        # It names one that nobody has a row of: the API refuses another for as long as it does.
        ("job-9", SyncJob(job_id="job-9")),
    ),
)
def test_the_job_that_the_context_names_decides_what_runs(current: str, expected: SyncJob | None) -> None:
    history = SyncHistory([job(0, "running"), job(1, "completed")], current_job_id=current)

    assert history.running == expected


@pytest.mark.parametrize(
    ("statuses", "done", "expected"),
    (
        # Nothing is kept per disk: the job's status counts for all.
        (("completed", "failed"), (), {"a": "job-0", "b": "job-0"}),
        # One disk came through in a job that failed for the other.
        (
            ("completed", "failed"),
            (("job-1", "a", True), ("job-1", "b", False)),
            {"a": "job-1", "b": "job-0"},
        ),
        # A job that counts as completed did nothing for a disk of which its history says so.
        (("completed", "completed"), (("job-1", "a", True),), {"a": "job-1", "b": "job-0"}),
        ((), (), {"a": None, "b": None}),
        (("failed",), (("job-0", "a", False),), {"a": None, "b": None}),
    ),
)
def test_each_disk_holds_the_newest_sync_that_completed_for_it(
    statuses: tuple[str, ...], done: tuple[tuple[str, str, bool], ...], expected: dict[str, str | None]
) -> None:
    history = SyncHistory(
        [job(number, status) for number, status in enumerate(statuses)],
        done=[DiskSync(*one) for one in done],
    )

    found = {disk: history.last_completed(disk) for disk in expected}

    assert {disk: None if sync is None else sync.job_id for disk, sync in found.items()} == expected
    for sync in found.values():
        assert sync is None or sync.completed_at is None or sync.completed_at > START


@pytest.mark.parametrize(
    ("done", "expected"),
    (((), CompletedSync(job_id="job-9")), ((("job-9", "a", False),), None)),
)
def test_where_no_jobs_are_kept_the_context_names_the_last_sync(
    done: tuple[tuple[str, str, bool], ...], expected: CompletedSync | None
) -> None:
    history = SyncHistory([], done=[DiskSync(*one) for one in done], last_successful_job_id="job-9")

    assert history.last_completed("a") == expected


@pytest.mark.parametrize(
    ("stale_hours", "last", "expected"),
    (
        # Written to after every sync: no disk holds any of them.
        (9, "", None),
        (9, "job-9", None),
        # A sync that began afterwards was a full one.
        (0.5, "", "job-1"),
        # One that ended afterwards but began before may have read half of what was written over.
        (1.01, "", None),
    ),
)
def test_no_sync_counts_that_began_before_the_replicas_were_written_to(
    stale_hours: float, last: str, expected: str | None
) -> None:
    history = SyncHistory(
        [Job("undated", "completed"), job(0, "completed"), job(1, "completed")],
        last_successful_job_id=last,
        stale_at=START + timedelta(hours=stale_hours),
    )

    found = history.last_completed("a")

    assert (None if found is None else found.job_id) == expected


def test_jobs_without_a_time_come_first_in_the_order_of_their_ids() -> None:
    history = SyncHistory([Job("b", "failed"), Job("a", "completed"), job(1, "completed")])

    assert history.torn_by == ""
    assert SyncHistory([Job("b", "failed"), Job("a", "completed")]).torn_by == "b"


def hours(number: float) -> datetime:
    return START + timedelta(hours=number)


@pytest.mark.parametrize(
    ("full", "statuses", "done", "stale_hours", "mended"),
    (
        # Nothing was synced since, or only what changed: the blocks that were written to stay.
        ((), (), (), None, False),
        ((), ("completed", "completed"), (), None, False),
        ((1,), ("completed", "completed"), (), None, True),
        # What came after a full sync needs not be one.
        ((1,), ("completed", "completed", "completed"), (), None, True),
        ((1,), ("completed", "failed"), (), None, False),
        # It began before the write.
        ((0,), ("completed",), (), None, False),
        # The row of each disk says it better than the job's.
        ((1,), ("completed", "completed"), ((1, "a", True, True), (1, "b", True, False)), None, False),
        ((), ("completed", "completed"), ((1, "a", True, True), (1, "b", True, True)), None, True),
        ((1,), ("completed", "completed"), ((1, "a", True, None), (1, "b", True, None)), None, True),
        ((1,), ("completed", "completed"), ((1, "a", True, True), (1, "b", False, True)), None, False),
        # One disk now, the other later.
        (
            (),
            ("completed", "completed", "completed"),
            ((1, "a", True, True), (2, "b", True, True)),
            None,
            True,
        ),
        # The change ids were forgotten after the write: whatever began since was a full sync.
        ((), ("completed", "completed"), (), 0.7, True),
        ((), ("completed", "completed"), (), 0.3, False),
        ((1,), ("completed", "completed"), (), 1.5, False),
    ),
)
def test_a_full_sync_of_every_disk_mends_what_was_written_to(
    full: tuple[int, ...],
    statuses: tuple[str, ...],
    done: tuple[tuple[int, str, bool, bool | None], ...],
    stale_hours: float | None,
    *,
    mended: bool,
) -> None:
    history = SyncHistory(
        [replace(job(number, status), is_full=number in full) for number, status in enumerate(statuses)],
        done=[DiskSync(f"job-{number}", disk, success, kind) for number, disk, success, kind in done],
        stale_at=None if stale_hours is None else hours(stale_hours),
    )

    assert history.is_mended({"a", "b"}, written_at=hours(0.5)) is mended


def test_what_is_not_known_is_not_mended() -> None:
    history = SyncHistory([replace(job(1, "completed"), is_full=True), Job("x", "completed", is_full=True)])

    assert history.is_mended({"a"}, written_at=START)
    assert not history.is_mended({"a"}, written_at=None)
    assert not history.is_mended((), written_at=START)
    assert not history.is_mended({"a"}, written_at=hours(2))
