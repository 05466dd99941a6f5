"""Waiting for jobs together: the server is asked once per interval, not once per job.

Each question after a job is a write on the server's side and can eat the account's whole call budget
(cloudstack-api.md, section 2.3), while the list of unfinished jobs costs the same for one and for fifty.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from cloudstack.errors import CloudStackError, Refused, WatcherClosed
from cloudstack.models import JobOutcome, JobState

_log = structlog.get_logger(__name__)


class JobSource(Protocol):
    """What the watcher asks; `cloudstack.client.CloudStackClient` is one."""

    async def pending_job_ids(self) -> set[str]:
        """Return the ids of unfinished jobs."""
        ...

    async def job(self, job_id: str) -> JobOutcome:
        """Return what is known of one job."""
        ...


class JobWatcher:
    """Waits for jobs, for as many callers as there are, on one event loop.

    Per interval the unfinished jobs are listed once, and each awaited job that the list does not name is
    asked for. One that turns out to be pending after all is waited for as before. While the server cannot be
    reached, throttles or fails, everybody goes on waiting; a refusal is raised to those whom it concerns.
    The pause never grows, however old a job is. Nothing runs while nobody waits.

    Args:
        client: Whom to ask.
        interval_seconds: Pause between two rounds, even when a new caller comes in between.
        max_queries_per_second: Upper bound for questions after single jobs.
    """

    def __init__(
        self, client: JobSource, *, interval_seconds: float = 2.0, max_queries_per_second: float = 10.0
    ) -> None:
        if interval_seconds <= 0 or max_queries_per_second <= 0:
            raise ValueError("the interval and the rate of a job watcher are above zero")
        self._client = client
        self._interval = interval_seconds
        self._gap = 1.0 / max_queries_per_second
        self._waiting: dict[str, set[asyncio.Future[JobOutcome]]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_list = 0.0
        self._next_query = 0.0
        self._closed = False

    async def wait(self, job_id: str) -> JobOutcome:
        """Wait until a job has ended, or CloudStack no longer knows it.

        Cancelling this wait leaves the job and all other waits alone.

        Returns:
            The outcome, never a pending one.

        Raises:
            Refused: CloudStack refuses to tell.
            WatcherClosed: The watcher is closed.
        """
        if self._closed:
            raise _closed(job_id)
        future: asyncio.Future[JobOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, set()).add(future)
        self._start()
        try:
            return await future
        finally:
            self._leave(job_id, future)

    async def close(self) -> None:
        """Stop asking; whoever still waits gets a `WatcherClosed`. Safe to repeat."""
        self._closed = True
        for job_id in list(self._waiting):
            self._settle(job_id, _raise_in(_closed(job_id)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self) -> None:
        if self._watch is None:
            self._watch = asyncio.create_task(self._run(), name="cloudstack-job-watcher")
            self._tasks.add(self._watch)
            self._watch.add_done_callback(self._tasks.discard)

    def _leave(self, job_id: str, future: asyncio.Future[JobOutcome]) -> None:
        waiters = self._waiting.get(job_id, set())
        waiters.discard(future)
        if future.done() and not future.cancelled():
            future.exception()  # taken note of, also when the wait was cancelled at the same moment
        if not waiters:
            self._waiting.pop(job_id, None)
        if not self._waiting and self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._next_list - loop.time())
            try:
                await self._round()
            except CloudStackError as error:
                if isinstance(error, Refused):
                    self._fail_all(error)
                else:
                    _log.info("cloudstack.jobs_not_listed", error=str(error), waiting=len(self._waiting))
            except Exception as error:  # noqa: BLE001 - a defect here must reach who waits, not hang them
                self._fail_all(error)
            finally:
                # From the end of a round, so that a slow server is not asked without a pause.
                self._next_list = loop.time() + self._interval

    async def _round(self) -> None:
        # Only jobs that were awaited before the list was made: a later one is missing from it for no reason.
        awaited = list(self._waiting)
        pending = await self._client.pending_job_ids()
        async with asyncio.TaskGroup() as queries:
            for job_id in awaited:
                if job_id in pending:
                    continue
                await self._pace()
                if job_id in self._waiting:
                    queries.create_task(self._ask(job_id))

    async def _pace(self) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_query)
        self._next_query = start + self._gap
        await asyncio.sleep(start - now)

    async def _ask(self, job_id: str) -> None:
        try:
            outcome = await self._client.job(job_id)
        except Refused as error:
            self._settle(job_id, _raise_in(error))
        except CloudStackError as error:
            _log.info("cloudstack.job_not_answered", job_id=job_id, error=str(error))
        except Exception as error:  # noqa: BLE001 - a defect must reach who waits for this job, and only them
            self._settle(job_id, _raise_in(error))
        else:
            if outcome.state is not JobState.PENDING:
                self._settle(job_id, lambda future: future.set_result(outcome))

    def _fail_all(self, error: Exception) -> None:
        for job_id in list(self._waiting):
            self._settle(job_id, _raise_in(error))

    def _settle(self, job_id: str, how: Callable[[asyncio.Future[JobOutcome]], None]) -> None:
        for future in self._waiting.get(job_id, set()):
            if not future.done():
                how(future)


def _closed(job_id: str) -> WatcherClosed:
    return WatcherClosed("queryAsyncJobResult", None, None, f"the wait for job {job_id} was ended by us")


def _raise_in(error: Exception) -> Callable[[asyncio.Future[JobOutcome]], None]:
    return lambda future: future.set_exception(error)
