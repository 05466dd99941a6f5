"""Waiting for jobs: CloudStack's, shared by all runs of a worker, and the Volume Daemon's operations."""

import asyncio

from temporalio import activity

from activities.clouds import Clouds
from activities.disk_mover import DAEMON_JOB
from activities.failures import failure
from activities.heartbeats import heartbeats
from activities.messages.vm import JobReport, JobRequest, JobState
from activities.translate import typed_failures
from cloudstack import JobState as CloudJobState
from rules.errors import FailoverErrorType
from volume_daemon import DaemonError, DaemonRefused, Operation, OperationStatus, VolumeDaemonClient

_ENDS = {OperationStatus.COMPLETED: JobState.SUCCEEDED, OperationStatus.FAILED: JobState.FAILED}


class JobActivities:
    """Waits.

    Args:
        clouds: The clients, each with its one watcher.
        daemon: Where the appliance's Volume Daemon moves the disks.
        daemon_poll: Seconds between two questions after one of its operations.
        daemon_grace: Seconds that it has for its own books, after the volume is where it was to be.
    """

    def __init__(
        self,
        clouds: Clouds,
        daemon: VolumeDaemonClient | None = None,
        *,
        daemon_poll: float = 2.0,
        daemon_grace: float = 60.0,
    ) -> None:
        self._clouds = clouds
        self._daemon = daemon
        self._daemon_poll = daemon_poll
        self._daemon_grace = daemon_grace

    @activity.defn(name="WaitForJobActivity")
    async def wait_for_job(self, request: JobRequest) -> JobReport:
        """Wait for the end of a job, and report its code only.

        Raises:
            ApplicationError: CloudStackNotPermitted when the job is another account's; ConfigurationError
                when it is the Volume Daemon's and none is configured any more.
        """
        with typed_failures():
            async with heartbeats():
                try:
                    async with asyncio.timeout(request.timeout_seconds):
                        if request.job_id.startswith(DAEMON_JOB):
                            return await self._wait_for_daemon(request)
                        cloud = await self._clouds.of(request.destination)
                        outcome = await cloud.jobs.wait(request.job_id)
                except TimeoutError:
                    return JobReport(state=JobState.UNKNOWN)
        if outcome.state is CloudJobState.SUCCEEDED:
            return JobReport(state=JobState.SUCCEEDED)
        if outcome.state is CloudJobState.FAILED and outcome.has_result:
            return JobReport(state=JobState.FAILED, code=outcome.code)
        return JobReport(state=JobState.UNKNOWN)

    async def _wait_for_daemon(self, request: JobRequest) -> JobReport:
        """Wait for the end of an operation.

        The daemon forgets what it was at when it is restarted, or shows it as under way for ever. It says
        "failed" after a success too (original-system.md, sections 4.3 and 7.17). As after every move the
        volume tells; here it ends the wait for an operation that has long had its effect.
        """
        if self._daemon is None:
            raise failure(
                FailoverErrorType.CONFIGURATION_ERROR,
                "The job is one of the Volume Daemon, and this worker has no VOLUME_DAEMON_URL",
            )
        operation_id = request.job_id.removeprefix(DAEMON_JOB)
        effective = 0.0
        while effective < self._daemon_grace:
            try:
                operation = await self._daemon.operation(operation_id)
            except DaemonRefused:
                raise
            except DaemonError:
                pass  # it is down, or restarts: the operation may go on all the same
            else:
                if operation is None:
                    return JobReport(state=JobState.UNKNOWN)
                if operation.has_ended:
                    return JobReport(state=_ENDS.get(operation.status, JobState.UNKNOWN))
                done = await self._has_effect(request, operation)
                effective = effective + self._daemon_poll if done else 0.0
            await asyncio.sleep(self._daemon_poll)
        return JobReport(state=JobState.UNKNOWN)

    async def _has_effect(self, request: JobRequest, operation: Operation) -> bool:
        cloud = await self._clouds.of(request.destination)
        volume = await cloud.storage.find_volume(operation.volume_id) if operation.volume_id else None
        return volume is not None and (volume.virtualmachineid or "") == (operation.vm_id or "")
