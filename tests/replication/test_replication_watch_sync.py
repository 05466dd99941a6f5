"""WatchSync: the end of a job as either side says it, and an end for a job that never moves."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from activities.messages.replication import SyncState, WatchSyncRequest
from activities.watch_sync import WatchSyncActivities
from database.tables import cbt_history
from replication import ReplicationClient
from rules.errors import FailoverErrorType as ErrorType
from simulators.replication import Fate, Job
from tests.replication.conftest import CONTEXT, DISKS, TOKEN, Place, Tries, failing, until


class Clock:
    """Time that passes only when somebody looks: each look costs ``pace`` seconds."""

    def __init__(self, pace: float = 0.0) -> None:
        self.now = 1000.0
        self.pace = pace

    def __call__(self) -> float:
        self.now += self.pace
        return self.now


@pytest.fixture
async def job(place: Place) -> Job:
    """A job that is under way."""
    return await begin(place)


async def begin(place: Place) -> Job:
    await place.context_says(scheduler_enabled=1)
    (made,) = await place.replication.tick()
    return made


def request_for(job: Job, stall_seconds: float = 3600) -> WatchSyncRequest:
    return WatchSyncRequest(context=CONTEXT, job_id=job.id, stall_seconds=stall_seconds, poll_seconds=0.01)


def watching(place: Place, clock: Clock, *, client: bool = True) -> WatchSyncActivities:
    api = ReplicationClient(place.replication.url, place.session, token=TOKEN, timeout_seconds=5)
    return WatchSyncActivities(api if client else None, place.facts, clock)


async def test_a_job_that_completes(place: Place, job: Job, tries: Tries) -> None:
    end = await tries.run(place.watches.watch_sync, request_for(job))

    assert (end.job_id, end.state) == (job.id, SyncState.COMPLETED)
    assert "replication says so" in end.detail
    assert len([call for call in place.replication.calls if call.job == job.id]) == place.replication.steps


async def test_a_job_that_fails_says_why(place: Place, tries: Tries) -> None:
    place.replication.next_job(Fate.FAILS)
    end = await tries.run(place.watches.watch_sync, request_for(await begin(place)))

    assert end.state is SyncState.FAILED
    assert "the source's disk cannot be read" in end.detail


async def _row_completed(place: Place, job: Job) -> None:
    await place.row(job.id, status="completed", completed_at=datetime.now(UTC))
    await place.context_says(current_job_id=None, last_successful_job_id=job.id)


async def _row_and_disks_completed(place: Place, job: Job) -> None:
    async with place.database.write() as connection:
        for disk in DISKS:
            await connection.execute(insert(cbt_history).values(job_id=job.id, disk_id=disk, sync_success=1))
    await _row_completed(place, job)


async def _row_failed(place: Place, job: Job) -> None:
    await place.row(job.id, status="failed")
    await place.context_says(current_job_id=None)


async def _row_cancelled(place: Place, job: Job) -> None:
    await place.row(job.id, status="cancelled")
    await place.context_says(current_job_id=None)


@pytest.mark.parametrize(
    ("happens", "state"),
    (
        (_row_completed, SyncState.COMPLETED),
        (_row_and_disks_completed, SyncState.COMPLETED),
        (_row_failed, SyncState.FAILED),
        (_row_cancelled, SyncState.FAILED),
    ),
)
@pytest.mark.parametrize("api", ("stands still", "forgot it", "is down", "is not configured"))
async def test_the_database_alone_can_say_how_it_ended(
    place: Place,
    job: Job,
    tries: Tries,
    *,
    api: str,
    happens: Callable[[Place, Job], Awaitable[None]],
    state: SyncState,
) -> None:
    place.replication.step_on_look = False
    if api == "forgot it":
        place.replication.forget(job.id)
    elif api == "is down":
        await place.replication.refuse()
    await happens(place, job)

    end = await tries.run(
        watching(place, Clock(), client=api != "is not configured").watch_sync, request_for(job)
    )

    assert (end.state, end.detail) == (state, "the database says so")


async def test_a_failure_on_one_side_outweighs_a_success_on_the_other(
    place: Place, job: Job, tries: Tries
) -> None:
    while not job.ended:
        job.step()
    await _row_failed(place, job)
    place.replication.step_on_look = False

    end = await tries.run(place.watches.watch_sync, request_for(job))

    assert (end.state, end.detail) == (SyncState.FAILED, "the database says so")


async def test_disks_that_are_done_are_no_end_while_the_row_says_that_it_runs(
    place: Place, job: Job, tries: Tries
) -> None:
    place.replication.step_on_look = False
    await _row_and_disks_completed(place, job)
    await place.row(job.id, status="replicating")
    await place.context_says(current_job_id=job.id)

    end = await tries.run(watching(place, Clock(pace=10)).watch_sync, request_for(job, stall_seconds=60))

    assert end.state is SyncState.STALLED


async def test_a_job_that_never_moves_is_stalled_and_says_where(place: Place, tries: Tries) -> None:
    place.replication.next_job(Fate.STICKS)
    job = await begin(place)

    end = await tries.run(watching(place, Clock(pace=10)).watch_sync, request_for(job, stall_seconds=60))

    assert end.state is SyncState.STALLED
    assert "replication says replicating at 0 %" in end.detail
    assert "the database says replicating" in end.detail
    assert not job.ended


async def test_a_job_that_moves_slowly_is_not_stalled(place: Place, job: Job, tries: Tries) -> None:
    # In all it takes far longer than the limit; between two steps it does not.
    job.steps = 20
    clock = Clock(pace=10)

    end = await tries.run(watching(place, clock).watch_sync, request_for(job, stall_seconds=60))

    assert end.state is SyncState.COMPLETED
    assert clock.now > 1000 + 2 * 60


async def test_a_row_that_moves_counts_where_the_api_stands_still(
    place: Place, job: Job, tries: Tries
) -> None:
    place.replication.step_on_look = False
    clock = Clock()
    started = place.looks

    def looked_since(count: int) -> bool:
        return place.looks >= count

    async def others() -> None:
        for percent in range(1, 5):
            await until(functools.partial(looked_since, place.looks + 2))
            await place.row(job.id, progress_percent=float(percent))
            clock.now += 40
        await _row_completed(place, job)

    moving = asyncio.create_task(others())
    end = await tries.run(watching(place, clock).watch_sync, request_for(job, stall_seconds=90))
    await moving

    assert end.state is SyncState.COMPLETED
    assert place.looks > started + 4


async def test_an_api_that_comes_and_goes_is_no_progress(place: Place, tries: Tries) -> None:
    place.replication.next_job(Fate.STICKS)
    job = await begin(place)
    for _ in range(50):
        place.replication.answer("status", 500, effect=True)
        place.replication.hold("status").released.set()

    end = await tries.run(watching(place, Clock(pace=1)).watch_sync, request_for(job, stall_seconds=40))

    assert end.state is SyncState.STALLED
    assert len(place.replication.calls) < 50


async def test_an_api_that_comes_back_in_time_is_forgiven(place: Place, job: Job, tries: Tries) -> None:
    place.replication.lose("status", effect=False, times=3)
    place.replication.answer("status", 401, times=2)
    place.replication.answer("status", 404)

    end = await tries.run(place.watches.watch_sync, request_for(job))

    assert end.state is SyncState.COMPLETED


async def test_a_job_that_nobody_knows_any_more_is_stalled(place: Place, job: Job, tries: Tries) -> None:
    place.replication.forget(job.id)
    async with place.database.write() as connection:
        await connection.exec_driver_sql("DELETE FROM replication_jobs")
    await place.context_says(current_job_id=None)

    end = await tries.run(watching(place, Clock(pace=10)).watch_sync, request_for(job, stall_seconds=60))

    assert end.state is SyncState.STALLED
    assert "replication does not know this job" in end.detail
    assert "the database does not show it as running" in end.detail


async def test_an_api_that_stays_silent_is_named(place: Place, job: Job, tries: Tries) -> None:
    await place.replication.refuse()

    end = await tries.run(watching(place, Clock(pace=10)).watch_sync, request_for(job, stall_seconds=60))

    assert end.state is SyncState.STALLED
    assert "Replication does not answer: ClientConnectorError" in end.detail


async def test_the_next_try_goes_on_counting_where_the_last_one_was(place: Place, tries: Tries) -> None:
    place.replication.next_job(Fate.STICKS)
    job = await begin(place)
    clock = Clock(pace=1)
    first = asyncio.create_task(tries.run(watching(place, clock).watch_sync, request_for(job, 10_000)))
    await until(lambda: bool(tries.beats) and tries.beats[-1][2] >= 20)
    first.cancel()  # the worker dies
    with pytest.raises(asyncio.CancelledError):
        await first
    waited = tries.beats[-1][2]
    tries.beats[:] = [(*tries.beats[-1][:2], 500.0 + waited)]

    end = await tries.run(watching(place, Clock(pace=1)).watch_sync, request_for(job, stall_seconds=510))

    assert end.state is SyncState.STALLED
    assert len(tries.beats) < 20


async def test_a_next_try_that_finds_it_moved_begins_to_count_anew(
    place: Place, job: Job, tries: Tries
) -> None:
    tries.beats.append((None, "as it was", 1_000_000.0))

    end = await tries.run(place.watches.watch_sync, request_for(job, stall_seconds=3600))

    assert end.state is SyncState.COMPLETED


@pytest.mark.parametrize("odd", ((), ("a",), (1, 2, 3), ("a", "b", "c"), ("a", "b", -5.0)))
async def test_beats_that_say_nothing_of_use_are_passed_over(
    place: Place, job: Job, tries: Tries, odd: tuple[object, ...]
) -> None:
    tries.beats.append(odd)

    assert (await tries.run(place.watches.watch_sync, request_for(job))).state is SyncState.COMPLETED


async def test_a_database_that_is_gone_is_tried_again(place: Place, job: Job, tries: Tries) -> None:
    async with place.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE vm_replication_contexts RENAME TO elsewhere")

    error = await failing(tries.run(place.watches.watch_sync, request_for(job)))

    assert error.type in {ErrorType.DATABASE_UNAVAILABLE, ErrorType.CONFIGURATION_ERROR}


async def test_a_cancel_ends_the_watch_and_not_the_job(place: Place, tries: Tries) -> None:
    place.replication.next_job(Fate.STICKS)
    job = await begin(place)
    where = tries.begin()
    watch = asyncio.create_task(where.run(place.watches.watch_sync, request_for(job)))
    await until(lambda: bool(tries.beats))
    where.cancel()

    with pytest.raises(asyncio.CancelledError):
        await watch
    assert not job.ended
