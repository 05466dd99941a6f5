"""The async job queue (observed, section 8)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from simulators.cloudstack.entities import Account, Job, JobStatus
from simulators.cloudstack.errors import ApiError, Code
from simulators.cloudstack.faults import Fault, FaultKind
from simulators.cloudstack.world import World

_log = logging.getLogger(__name__)


class Progress:
    """What the work of a job passes its time with, so that an ordered fault can strike in its middle."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault

    async def take(self, seconds: float) -> None:
        """Let the time of the work pass.

        Raises:
            ApiError: The job was ordered to fail.
        """
        fault = self._fault
        if fault is not None and fault.kind is FaultKind.JOB_SLOW:
            seconds += fault.seconds
        await asyncio.sleep(seconds)
        if fault is not None and fault.kind in (FaultKind.JOB_FAILS, FaultKind.JOB_FAILS_WITHOUT_RESULT):
            raise ApiError(fault.outcome_code, fault.text)


Work = Callable[[Progress], Awaitable[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job that a command asks for.

    Attributes:
        command_class: Name of the server's class, as jobs show it.
        instance_type: What kind of thing it works on, ``None`` as text where it is on none.
        work: Does it and returns ``jobresult``; an ApiError makes the job fail with its code.
        created_id: The uuid of what the command has made already; it shows in the reply to the submit.
    """

    command_class: str
    instance_type: str
    instance_id: str
    work: Work
    created_id: str = ""


class Jobs:
    """Runs the jobs of a world.

    Args:
        expire_after: Seconds after which a finished job is forgotten (``job.expire.minutes``).
    """

    def __init__(self, world: World, expire_after: float) -> None:
        self._world = world
        self._expire_after = timedelta(seconds=expire_after)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def submit(self, account: Account, spec: JobSpec, fault: Fault | None, job_id: str = "") -> Job:
        """Start a job under a uuid that the caller has checked, or under a new one."""
        job = Job(
            id=job_id or self._world.ids.uuid(),
            account=account,
            command_class=spec.command_class,
            instance_type=spec.instance_type,
            instance_id=spec.instance_id,
            created=self._world.now(),
        )
        self._world.jobs[job.id] = job
        task = asyncio.create_task(self._run(job, spec.work, fault), name=f"job {spec.command_class}")
        self._tasks[job.id] = task
        task.add_done_callback(lambda _task: self._tasks.pop(job.id, None))
        return job

    def find(self, job_id: str) -> Job | None:
        """Return the job, unless it was never there or is forgotten."""
        job = self._world.jobs.get(job_id)
        if job is None or job.forgotten:
            return None
        if job.completed is not None and self._world.now() - job.completed > self._expire_after:
            job.forgotten = True
            return None
        return job

    def unfinished(self) -> list[Job]:
        """Return the pending jobs, oldest first."""
        return [job for job in self._world.jobs.values() if job.status is JobStatus.PENDING]

    async def fail_all(self) -> None:
        """End every pending job as a restart of the management server does: 530, without a result."""
        for job in self.unfinished():
            self._end(job, JobStatus.FAILED, Code.INTERNAL, None)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: Job, work: Work, fault: Fault | None) -> None:
        try:
            result = await work(Progress(fault))
        except ApiError as error:
            silent = fault is not None and fault.kind is FaultKind.JOB_FAILS_WITHOUT_RESULT
            shown: dict[str, object] = {"errorcode": error.code, "errortext": error.text}
            self._end(job, JobStatus.FAILED, error.code, None if silent else shown)
        except Exception:  # noqa: BLE001 (a bug in here has to show as a failed job, not as one that hangs)
            _log.exception("the simulator failed in %s", job.command_class)
            shown = {"errorcode": int(Code.INTERNAL), "errortext": "the simulator is broken, see its log"}
            self._end(job, JobStatus.FAILED, Code.INTERNAL, shown)
        else:
            self._end(job, JobStatus.SUCCEEDED, 0, result)
        job.forgotten = fault is not None and fault.kind is FaultKind.JOB_EXPIRED

    def _end(self, job: Job, status: JobStatus, code: int, result: dict[str, object] | None) -> None:
        job.status, job.result_code, job.result = status, int(code), result
        job.completed = self._world.now()
