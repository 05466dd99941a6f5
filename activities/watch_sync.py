"""The end of a replication job, as replication or its database says it; or that nothing moves any more."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from temporalio import activity

from activities.final_sync import FactsReader
from activities.heartbeats import heartbeats
from activities.messages.replication import SyncEnd, SyncState, WatchSyncRequest
from activities.translate import typed_failures
from replication import JobStatus, ReplicationClient, ReplicationError
from rules.disks import ReplicationFacts

_log = structlog.get_logger(__name__)

_COMPLETED = frozenset({"completed"})
_FAILED = frozenset({"failed", "cancelled", "canceled"})


class WatchSyncActivities:
    """Waits for a replication job.

    Args:
        client: The replication API; None where ``REPLICATION_URL`` is not set: then the database says it all.
        read_facts: The database.
        clock: In seconds; it only goes forward.
    """

    def __init__(
        self,
        client: ReplicationClient | None,
        read_facts: FactsReader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._read_facts = read_facts
        self._clock = clock

    @activity.defn(name="WatchSyncActivity")
    async def watch_sync(self, request: WatchSyncRequest) -> SyncEnd:
        """Look until the job ends, or until nothing of it has changed for ``stall_seconds``.

        Nothing moves the status of a running job in some versions of that system (original-system.md,
        defect 25), so a status that stays is an end of its own. An API that does not answer, or no longer
        knows the job, changes nothing: the database is asked as well, and the same limit holds.

        Raises:
            ApplicationError: DatabaseUnavailable is retried; the time without a change goes on counting.
        """
        still = _Still(self._clock, activity.info().heartbeat_details)
        with typed_failures():
            async with heartbeats(still.details):
                while True:
                    seen = await self._look(request)
                    if (end := seen.end()) is not None:
                        _log.info("replication_job_ended", job_id=end.job_id, state=end.state.value)
                        return end
                    unchanged = still.seconds(seen)
                    # Also without a beat in the background, a next try is to know how long it was still.
                    activity.heartbeat(*still.details())
                    if unchanged >= request.stall_seconds:
                        return SyncEnd(
                            job_id=request.job_id,
                            state=SyncState.STALLED,
                            detail=f"nothing has changed for {unchanged:.0f} s: {seen.describe()}",
                        )
                    await asyncio.sleep(request.poll_seconds)

    async def _look(self, request: WatchSyncRequest) -> "_Seen":
        facts = await self._read_facts(request.context.context_id)
        if self._client is None:
            return _Seen(request.job_id, facts, problem="REPLICATION_URL is not set")
        try:
            job = await self._client.status(request.job_id)
        except ReplicationError as error:
            return _Seen(request.job_id, facts, problem=str(error))
        return _Seen(request.job_id, facts, job, "" if job else "replication does not know this job")


class _Still:
    """How long a job has looked the same, over the tries of one activity.

    Args:
        clock: In seconds.
        handed_on: What the beats of an earlier try said; the time in between does not count.
    """

    def __init__(self, clock: Callable[[], float], handed_on: Sequence[Any]) -> None:
        self._clock = clock
        self._since = clock()
        self._api: str | None = None
        self._database: str | None = None
        match handed_on:
            case [str() | None as api, str(database), float() | int() as seconds]:
                self._api, self._database = api, database
                self._since -= max(0.0, float(seconds))
            case _:
                pass

    def seconds(self, seen: "_Seen") -> float:
        """Take a new look into account, and return since when the job looks so.

        A side that does not answer has not changed: else one that comes and goes would look like progress.
        """
        api = self._api if seen.api_signature is None else seen.api_signature
        if (api, seen.database_signature) != (self._api, self._database):
            self._api, self._database, self._since = api, seen.database_signature, self._clock()
        return self._clock() - self._since

    def details(self) -> Sequence[Any]:
        """Return what the next try is to find."""
        return () if self._database is None else (self._api, self._database, self._clock() - self._since)


@dataclass(frozen=True)
class _Seen:
    """One look at a job, from both sides.

    Attributes:
        problem: Why replication itself says nothing; empty when it does.
    """

    job_id: str
    facts: ReplicationFacts = field(repr=False)
    job: JobStatus | None = None
    problem: str = ""

    @property
    def api_signature(self) -> str | None:
        """What changes when replication reports that anything moves; None while it does not answer."""
        job = self.job
        if job is None:
            return None
        phase = job.vma_progress.current_phase
        return repr((job.status, job.progress_percent, job.bytes_transferred, job.current_operation, phase))

    @property
    def database_signature(self) -> str:
        """What changes when its row moves."""
        running = self.facts.running
        if running is None or running.job_id != self.job_id:
            return ""
        return repr((running.status, running.progress_percent))

    def end(self) -> SyncEnd | None:
        """Return how the job ended, None while nobody says that it did. A failure outweighs a success."""
        status = "" if self.job is None else self.job.status
        sides = {
            "replication says so": (status in _COMPLETED, status in _FAILED),
            "the database says so": (self._completed_in_database, self._failed_in_database),
        }
        completed = [who for who, (done, _) in sides.items() if done]
        failed = [who for who, (_, broken) in sides.items() if broken]
        if failed:
            why = self.job.problem if self.job is not None else ""
            return self._end(SyncState.FAILED, failed, why)
        if completed:
            return self._end(SyncState.COMPLETED, completed, "")
        return None

    def describe(self) -> str:
        """Say for people where the job stands."""
        parts = []
        if self.job is not None:
            progress = self.job.progress_percent
            at = "" if progress is None else f" at {progress:.0f} %"
            parts.append(f"replication says {self.job.status or 'nothing'}{at}")
            if self.job.problem:
                parts.append(self.job.problem)
        if self.problem:
            parts.append(self.problem)
        running = self.facts.running
        if running is not None and running.job_id == self.job_id:
            parts.append(f"the database says {running.status}")
        else:
            parts.append("the database does not show it as running")
        return ", ".join(parts)

    @property
    def _completed_in_database(self) -> bool:
        syncs = [disk.sync.job_id if disk.sync is not None else "" for disk in self.facts.disks]
        # Its disks may be done one after the other: it is not over while its row says that it runs.
        return bool(syncs) and all(one == self.job_id for one in syncs) and not self._runs_in_database

    @property
    def _failed_in_database(self) -> bool:
        return self.facts.torn_by == self.job_id and not self._runs_in_database

    @property
    def _runs_in_database(self) -> bool:
        running = self.facts.running
        return running is not None and running.job_id == self.job_id

    def _end(self, state: SyncState, who: list[str], why: str) -> SyncEnd:
        said = " and ".join(who)
        return SyncEnd(job_id=self.job_id, state=state, detail=f"{said}: {why}" if why else said)
