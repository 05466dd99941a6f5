import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from cloudstack import (
    BadRequest,
    CloudStackClient,
    JobOutcome,
    JobState,
    JobWatcher,
    NotPermitted,
    Transport,
    WatcherClosed,
)
from tests.cloudstack import cloudstack_shapes as shapes
from tests.cloudstack.cloudstack_server import Answer, Dropped, FakeCloudStack, Params, fault, html, reply

LIST = "listAsyncJobs"
QUERY = "queryAsyncJobResult"
INTERVAL = 0.01


class JobServer:
    """A server with jobs: pending ones are listed, ended ones are not, others are unknown."""

    def __init__(self, server: FakeCloudStack) -> None:
        self._server = server
        self.pending: set[str] = set()
        self.hidden: set[str] = set()
        self.ended: dict[str, Answer] = {}
        self.list_faults: list[Answer] = []
        self.query_faults: list[Answer] = []
        self._listed = asyncio.Event()
        server.behave(self._answer)

    def _answer(self, params: Params) -> Answer:
        if params["command"] == LIST:
            self._listed.set()
            if self.list_faults:
                return self.list_faults.pop(0)
            jobs = [shapes.job(0, jobid=job_id) for job_id in sorted(self.pending - self.hidden)]
            return reply(LIST, {"count": len(jobs), "asyncjobs": jobs} if jobs else {})
        if self.query_faults:
            return self.query_faults.pop(0)
        job_id = params["jobid"]
        if job_id in self.pending:
            return reply(QUERY, shapes.job(0, jobid=job_id))
        return self.ended.get(job_id, fault(QUERY, 431))

    def start(self, *job_ids: str) -> None:
        self.pending |= set(job_ids)

    def end(self, job_id: str, answer: Answer | None = None) -> None:
        self.pending.discard(job_id)
        self.ended[job_id] = answer or reply(QUERY, shapes.success())

    def lists(self) -> int:
        return self._server.commands().count(LIST)

    def queries(self) -> list[str]:
        return [params["jobid"] for params in self._server.requests if params["command"] == QUERY]

    async def rounds(self, number: int) -> None:
        """Let so many lists, and what follows on them, go by."""
        wanted = self.lists() + number + 1
        while self.lists() < wanted:
            self._listed.clear()
            await self._listed.wait()


@pytest.fixture
def jobs(server: FakeCloudStack) -> JobServer:
    return JobServer(server)


@pytest.fixture
async def watcher(server: FakeCloudStack) -> AsyncIterator[JobWatcher]:
    # Without the transport's own repetitions, so that each answer is one that the watcher sees.
    async with Transport(server.url, "k", "s", read_retries=0) as transport:
        made = JobWatcher(CloudStackClient(transport), interval_seconds=INTERVAL, max_queries_per_second=1000)
        yield made
        await made.close()


async def test_the_outcome_of_a_job_that_ended_already_is_returned(
    jobs: JobServer, watcher: JobWatcher
) -> None:
    jobs.end("a", reply(QUERY, shapes.failure(533, "No destination found")))

    outcome = await watcher.wait("a")

    assert (outcome.job_id, outcome.state, outcome.code) == ("a", JobState.FAILED, 533)


async def test_while_jobs_are_listed_as_pending_none_is_asked_for(
    jobs: JobServer, watcher: JobWatcher
) -> None:
    ids = [f"job-{number}" for number in range(20)]
    jobs.start(*ids)
    waiting = [asyncio.create_task(watcher.wait(job_id)) for job_id in ids]

    await jobs.rounds(3)
    assert jobs.queries() == []

    for job_id in ids:
        jobs.end(job_id)
    outcomes = await asyncio.gather(*waiting)

    assert [outcome.job_id for outcome in outcomes] == ids
    assert sorted(jobs.queries()) == sorted(ids)


async def test_a_job_that_many_wait_for_is_asked_for_once(jobs: JobServer, watcher: JobWatcher) -> None:
    jobs.start("a")
    waiting = [asyncio.create_task(watcher.wait("a")) for _ in range(5)]
    await jobs.rounds(1)

    jobs.end("a")
    outcomes = await asyncio.gather(*waiting)

    assert {outcome.state for outcome in outcomes} == {JobState.SUCCEEDED}
    assert jobs.queries() == ["a"]


async def test_a_job_that_the_list_misses_and_the_query_calls_pending_is_waited_for(
    jobs: JobServer, watcher: JobWatcher
) -> None:
    jobs.start("a")
    jobs.hidden.add("a")
    waiting = asyncio.create_task(watcher.wait("a"))
    await jobs.rounds(2)
    assert not waiting.done()
    assert jobs.queries()

    jobs.end("a")

    assert (await waiting).state is JobState.SUCCEEDED


async def test_a_job_that_cloudstack_no_longer_knows_has_expired(
    jobs: JobServer, watcher: JobWatcher
) -> None:
    assert (await watcher.wait("forgotten")).state is JobState.EXPIRED
    assert jobs.queries() == ["forgotten"]


async def test_a_job_that_a_restart_ended_is_failed_without_a_result(
    jobs: JobServer, watcher: JobWatcher
) -> None:
    jobs.end("a", reply(QUERY, shapes.job(2, jobresultcode=530)))

    assert await watcher.wait("a") == JobOutcome(job_id="a", state=JobState.FAILED, code=530)


@pytest.mark.parametrize(
    "answer", (Dropped(), fault("x", 503), fault("x", 429), fault("x", 530), html(502), html(200))
)
async def test_everybody_waits_on_while_the_server_cannot_be_asked(
    jobs: JobServer, watcher: JobWatcher, answer: Answer
) -> None:
    jobs.end("a")
    jobs.list_faults = [answer] * 2
    jobs.query_faults = [answer] * 2

    assert (await watcher.wait("a")).state is JobState.SUCCEEDED
    assert jobs.lists() == 5
    assert jobs.queries() == ["a"] * 3


async def test_a_server_that_is_away_for_a_while_ends_no_wait() -> None:
    server = FakeCloudStack()
    jobs = JobServer(server)
    jobs.start("a")
    await server.start()
    async with Transport(server.url, "k", "s", read_retries=0) as transport:
        watcher = JobWatcher(CloudStackClient(transport), interval_seconds=INTERVAL)
        waiting = asyncio.create_task(watcher.wait("a"))
        await jobs.rounds(1)

        await server.stop()
        await asyncio.sleep(5 * INTERVAL)

        assert not waiting.done()
        await watcher.close()
        with pytest.raises(WatcherClosed):
            await waiting


async def test_a_refused_list_is_raised_to_everybody(jobs: JobServer, watcher: JobWatcher) -> None:
    jobs.start("a", "b")
    waiting = [asyncio.create_task(watcher.wait(job_id)) for job_id in ("a", "b")]
    await jobs.rounds(1)

    jobs.list_faults = [fault(LIST, 432)]

    for wait in waiting:
        with pytest.raises(BadRequest):
            await wait


async def test_a_refused_query_is_raised_only_to_those_who_wait_for_that_job(
    jobs: JobServer, watcher: JobWatcher
) -> None:
    jobs.end("foreign", fault(QUERY, 531))
    jobs.end("own")

    foreign, also_foreign, own = await asyncio.gather(
        watcher.wait("foreign"), watcher.wait("foreign"), watcher.wait("own"), return_exceptions=True
    )

    assert isinstance(foreign, NotPermitted)
    assert isinstance(also_foreign, NotPermitted)
    assert isinstance(own, JobOutcome)


async def test_cancelling_a_wait_harms_no_other(jobs: JobServer, watcher: JobWatcher) -> None:
    jobs.start("a", "b")
    cancelled, same, other = (asyncio.create_task(watcher.wait(job_id)) for job_id in ("a", "a", "b"))
    await jobs.rounds(1)

    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await jobs.rounds(1)
    jobs.end("a")
    jobs.end("b")

    assert [(await wait).state for wait in (same, other)] == [JobState.SUCCEEDED] * 2


@pytest.mark.parametrize("leave", ("finish", "cancel"))
async def test_nothing_is_asked_while_nobody_waits(jobs: JobServer, watcher: JobWatcher, leave: str) -> None:
    jobs.start("a")
    waiting = asyncio.create_task(watcher.wait("a"))
    await jobs.rounds(1)
    if leave == "finish":
        jobs.end("a")
    else:
        waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(INTERVAL)

    before = jobs.lists()
    await asyncio.sleep(10 * INTERVAL)

    assert jobs.lists() == before


async def test_a_wait_after_a_pause_is_answered(jobs: JobServer, watcher: JobWatcher) -> None:
    for job_id in ("a", "b", "c"):
        jobs.end(job_id)
        assert (await watcher.wait(job_id)).job_id == job_id


async def test_waits_that_follow_each_other_do_not_list_more_often_than_the_interval(
    jobs: JobServer, server: FakeCloudStack
) -> None:
    loop = asyncio.get_running_loop()
    jobs.end("a")
    async with Transport(server.url, "k", "s") as transport:
        watcher = JobWatcher(CloudStackClient(transport), interval_seconds=0.1)
        began = loop.time()
        for _ in range(4):
            await watcher.wait("a")
        took = loop.time() - began
        await watcher.close()

    assert jobs.lists() == 4
    assert took >= 3 * 0.1


async def test_jobs_that_end_together_are_asked_for_at_a_bounded_rate(
    jobs: JobServer, server: FakeCloudStack
) -> None:
    loop = asyncio.get_running_loop()
    ids = [f"job-{number}" for number in range(10)]
    for job_id in ids:
        jobs.end(job_id)
    async with Transport(server.url, "k", "s") as transport:
        watcher = JobWatcher(
            CloudStackClient(transport), interval_seconds=INTERVAL, max_queries_per_second=50
        )
        began = loop.time()
        await asyncio.gather(*(watcher.wait(job_id) for job_id in ids))
        took = loop.time() - began
        await watcher.close()

    assert len(jobs.queries()) == 10
    assert took >= 9 / 50


async def test_closing_ends_every_wait_and_refuses_new_ones(jobs: JobServer, watcher: JobWatcher) -> None:
    jobs.start("a")
    waiting = asyncio.create_task(watcher.wait("a"))
    await jobs.rounds(1)

    await watcher.close()
    await watcher.close()

    with pytest.raises(WatcherClosed):
        await waiting
    with pytest.raises(WatcherClosed, match="the wait for job a was ended"):
        await watcher.wait("a")


@pytest.mark.parametrize("setting", ({"interval_seconds": 0}, {"max_queries_per_second": 0}))
def test_a_watcher_without_a_pause_or_without_a_rate_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        JobWatcher(Source(), **setting)


class Source:
    """Jobs without a server, for what a server cannot be made to do at a given moment."""

    def __init__(self) -> None:
        self.listing = asyncio.Event()
        self.list_now = asyncio.Event()
        self.asked: list[str] = []
        self.defect: Callable[[str], None] = lambda _: None

    async def pending_job_ids(self) -> set[str]:
        self.listing.set()
        await self.list_now.wait()
        self.defect("list")
        return set()

    async def job(self, job_id: str) -> JobOutcome:
        self.asked.append(job_id)
        self.defect(job_id)
        return JobOutcome(job_id=job_id, state=JobState.SUCCEEDED)


async def test_a_job_that_was_submitted_while_the_list_was_made_waits_for_the_next_one() -> None:
    source = Source()
    watcher = JobWatcher(source, interval_seconds=INTERVAL)
    early = asyncio.create_task(watcher.wait("early"))
    await source.listing.wait()
    late = asyncio.create_task(watcher.wait("late"))
    await asyncio.sleep(0)
    source.list_now.set()

    await early
    assert source.asked == ["early"]

    await late
    assert source.asked == ["early", "late"]
    await watcher.close()


async def test_a_job_that_nobody_waits_for_any_more_is_not_asked_for() -> None:
    source = Source()
    source.list_now.set()
    watcher = JobWatcher(source, interval_seconds=INTERVAL, max_queries_per_second=20)
    a, b, c = (asyncio.create_task(watcher.wait(job_id)) for job_id in ("a", "b", "c"))

    await a
    b.cancel()
    await c

    assert source.asked == ["a", "c"]
    await watcher.close()


@pytest.mark.parametrize(("where", "outcome_of_b"), (("list", KeyError), ("a", JobOutcome)))
async def test_a_defect_reaches_those_who_wait_instead_of_hanging_them(
    where: str, outcome_of_b: type[object]
) -> None:
    def defect(place: str) -> None:
        if place == where:
            raise KeyError(place)

    source = Source()
    source.defect = defect
    source.list_now.set()
    watcher = JobWatcher(source, interval_seconds=INTERVAL)

    a, b = await asyncio.gather(watcher.wait("a"), watcher.wait("b"), return_exceptions=True)

    assert isinstance(a, KeyError)
    assert isinstance(b, outcome_of_b)
    await watcher.close()
