"""Find one job or list all: the database first, so that old runs answer, and Temporal for those that run."""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

import structlog

from api.envelopes import Job, JobStatus
from api.errors import TemporalAway
from api.executions import Execution
from api.jobs import OPEN_STATES, closed_job, closed_status, corrected, pending_job, recorded_job, states_of
from api.requests import JobFilter
from api.temporal import TemporalGateway
from database import ContextRepository, DatabaseError, RunRecord, RunRepository, RunState

_AT_ONCE: Final = 8
_MOST_OPEN: Final = 1000
_UNSUCCESSFUL: Final = (None, JobStatus.FAILED, JobStatus.CANCELLED)
"""Filters of the status that a run can pass which ended without recording anything."""

_log = structlog.get_logger(__name__)


_UNSURE: Final = (RunState.ACCEPTED, RunState.PLANNED, RunState.REFUSED)
"""States after which it is not known, or known not, that the run passed every check."""


class FoundJob(NamedTuple):
    """A job, and where it was found.

    Attributes:
        recorded: Whether the database has it.
        got_past_checks: Whether the run is known to have passed every check before its first effect.
    """

    job: Job
    recorded: bool
    got_past_checks: bool


class JobList(NamedTuple):
    """Jobs, the latest first.

    Attributes:
        truncated: Whether more match than were asked for.
        temporal: Whether Temporal had a say.
    """

    jobs: tuple[Job, ...]
    truncated: bool
    temporal: bool


class JobBook:
    """Reads jobs.

    Args:
        runs: What runs recorded.
        contexts: For the source VM of a run that has not recorded it yet.
        temporal: For runs that are open.
    """

    def __init__(self, runs: RunRepository, contexts: ContextRepository, temporal: TemporalGateway) -> None:
        self._runs = runs
        self._contexts = contexts
        self._temporal = temporal

    async def find(self, job_id: str) -> FoundJob | None:
        """Find a job; None where neither the database nor Temporal knows it.

        Raises:
            DatabaseError: The database cannot be asked.
            TemporalAway: The database has no such job, and Temporal does not answer.
        """
        record = await self._runs.get(job_id)
        if record is None:
            execution = await self._temporal.execution(job_id)
            return None if execution is None else await self._unrecorded(execution)
        job = recorded_job(record)
        if job.status is not JobStatus.RUNNING:
            return _recorded(job, record)
        try:
            execution = await self._temporal.execution(job_id)
        except TemporalAway:
            return _recorded(job, record)
        if execution is None or not execution.is_open:
            # It may have recorded its end between the two questions.
            record = await self._runs.get(job_id) or record
        return _recorded(corrected(recorded_job(record), execution), record)

    async def find_started(self, job_id: str) -> FoundJob | None:
        """Find a job that this API started: a database that is away leaves what Temporal alone knows.

        Raises:
            TemporalAway: Temporal does not answer either.
        """
        try:
            return await self.find(job_id)
        except DatabaseError as error:
            _log.warning("database_unavailable", reason=str(error))
            execution = await self._temporal.execution(job_id)
            return None if execution is None else await self._unrecorded(execution)

    async def all(self, wanted: JobFilter) -> JobList:
        """List jobs: all that recorded something, and what Temporal has besides.

        That is runs that have not recorded anything yet, and those that ended before they could: refused
        before they held the VM's lease, cancelled or terminated. Temporal keeps the latter for a while.

        Raises:
            DatabaseError: The database cannot be asked.
        """
        try:
            running: dict[str, Execution] | None = await self._temporal.open_executions()
            ended_early = (
                await self._temporal.unsuccessful_executions() if wanted.status in _UNSUCCESSFUL else {}
            )
        except TemporalAway:
            running, ended_early = None, {}
        open_records = await self._records(JobFilter(limit=_MOST_OPEN), OPEN_STATES)
        ended = await self._records(wanted, _ended_states(wanted.status))
        jobs = {record.workflow_id: recorded_job(record) for record in ended}
        matching = [record for record in open_records if _matches(record, wanted)]
        if running is None:
            jobs |= {record.workflow_id: recorded_job(record) for record in matching}
        else:
            jobs |= {job.job_id: job for job in await self._current(matching, running)}
            known = {record.workflow_id for record in open_records} | set(jobs)
            pending = [one for one in running.values() if one.workflow_id not in known]
            jobs |= {job.job_id: job for job in await self._pending(pending, wanted)}
            known |= set(jobs)
            unknown = [one for one in ended_early.values() if one.workflow_id not in known]
            try:
                early = await self._ended_early(unknown, wanted, _latest(jobs.values(), wanted))
            except TemporalAway:
                running = None
            else:
                jobs |= {job.job_id: job for job in early}
        listed = _latest(jobs.values(), wanted)
        return JobList(tuple(listed[: wanted.limit]), len(listed) > wanted.limit, running is not None)

    async def _unrecorded(self, execution: Execution) -> FoundJob:
        if execution.is_open:
            return FoundJob(pending_job(execution), recorded=False, got_past_checks=False)
        job = closed_job(execution, await self._temporal.ending(execution))
        past_checks = job.state in (RunState.COMPLETED, RunState.FAILED)
        return FoundJob(job, recorded=False, got_past_checks=past_checks)

    async def _records(self, wanted: JobFilter, states: Iterable[RunState]) -> list[RunRecord]:
        found: list[RunRecord] = []
        for state in states:
            found += await self._runs.list(
                failover_type=wanted.failover_type.value if wanted.failover_type else None,
                state=state,
                vm_id=wanted.vm_id,
                limit=wanted.limit + 1,
            )
        return found

    async def _current(self, records: list[RunRecord], running: dict[str, Execution]) -> list[Job]:
        """Correct those that Temporal does not list as running, one question each."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def current(record: RunRecord) -> Job:
            if record.workflow_id in running:
                return recorded_job(record)
            async with gate:
                found = await self.find(record.workflow_id)
            return recorded_job(record) if found is None else found.job

        return await asyncio.gather(*(current(record) for record in records))

    async def _pending(self, executions: Iterable[Execution], wanted: JobFilter) -> list[Job]:
        jobs = []
        for execution in executions:
            if wanted.failover_type not in (None, execution.failover_type):
                continue
            vm_id = await self._vm_id(execution.context_id) if wanted.vm_id else ""
            if wanted.vm_id not in (None, vm_id):
                continue
            # A list of Temporal's lags behind: what it still calls running may have recorded its end by now.
            record = await self._runs.get(execution.workflow_id)
            jobs.append(
                pending_job(execution, vmware_vm_id=vm_id) if record is None else recorded_job(record)
            )
        return jobs

    async def _ended_early(
        self, executions: Iterable[Execution], wanted: JobFilter, listed: list[Job]
    ) -> list[Job]:
        """Show those of them that recorded nothing and are late enough to be listed."""
        shown = listed[wanted.limit :]
        since = shown[0].start_time if shown else None
        early: list[tuple[Execution, str]] = []
        for execution in sorted(executions, key=lambda one: one.started_at, reverse=True):
            if len(early) > wanted.limit or (since is not None and execution.started_at < since):
                break
            if wanted.failover_type not in (None, execution.failover_type):
                continue
            if wanted.status not in (None, closed_status(execution)):
                continue
            vm_id = await self._vm_id(execution.context_id)
            if wanted.vm_id in (None, vm_id) and await self._runs.get(execution.workflow_id) is None:
                early.append((execution, vm_id))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def job(execution: Execution, vm_id: str) -> Job:
            async with gate:
                ending = await self._temporal.ending(execution)
            return closed_job(execution, ending, vmware_vm_id=vm_id)

        return await asyncio.gather(*(job(execution, vm_id) for execution, vm_id in early))

    async def _vm_id(self, context_id: str) -> str:
        context = await self._contexts.get(context_id) if context_id else None
        return context.vmware_vm_id if context else ""


def _recorded(job: Job, record: RunRecord) -> FoundJob:
    # A cancelled run says how far it had got by its plan only.
    planned = record.state is not RunState.CANCELLED or bool(record.decisions)
    past_checks = planned and record.state not in _UNSURE
    return FoundJob(job, recorded=True, got_past_checks=past_checks or job.status is JobStatus.COMPLETED)


def _latest(jobs: Iterable[Job], wanted: JobFilter) -> list[Job]:
    matching = (job for job in jobs if wanted.status in (None, job.status))
    return sorted(matching, key=lambda job: (job.start_time, job.job_id), reverse=True)


def _ended_states(status: JobStatus | None) -> tuple[RunState, ...]:
    if status is None:
        return tuple(state for state in RunState if state not in OPEN_STATES)
    return tuple(state for state in states_of(status) if state not in OPEN_STATES)


def _matches(record: RunRecord, wanted: JobFilter) -> bool:
    return wanted.failover_type in (None, record.failover_type) and wanted.vm_id in (
        None,
        record.vmware_vm_id,
        record.vm_id,
    )
