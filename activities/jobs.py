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
from volume_daemon import DaemonError, DaemonRefused, OperationStatus, VolumeDaemonClient

_ENDS = {OperationStatus.COMPLETED: JobState.SUCCEEDED, OperationStatus.FAILED: JobState.FAILED}


class JobActivities:
    """Waits.

    Args:
        clouds: The clients, each with its one watcher.
        daemon: Where the appliance's Volume Daemon moves the disks.
        daemon_poll: Seconds between two questions after one of its operations.
    """

    def __init__(
        self, clouds: Clouds, daemon: VolumeDaemonClient | None = None, *, daemon_poll: float = 2.0
    ) -> None:
        self._clouds = clouds
        self._daemon = daemon
        self._daemon_poll = daemon_poll

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
                            return await self._wait_for_daemon(request.job_id.removeprefix(DAEMON_JOB))
                        cloud = await self._clouds.of(request.destination)
                        outcome = await cloud.jobs.wait(request.job_id)
                except TimeoutError:
                    return JobReport(state=JobState.UNKNOWN)
        if outcome.state is CloudJobState.SUCCEEDED:
            return JobReport(state=JobState.SUCCEEDED)
        if outcome.state is CloudJobState.FAILED and outcome.has_result:
            return JobReport(state=JobState.FAILED, code=outcome.code)
        return JobReport(state=JobState.UNKNOWN)

    async def _wait_for_daemon(self, operation_id: str) -> JobReport:
        """Wait for the end of an operation.

        The daemon forgets what it was at when it is restarted: that is unknown. It says "failed" after a
        success too (original-system.md, sections 4.3 and 7.17): as after every move the volume tells.
        """
        if self._daemon is None:
            raise failure(
                FailoverErrorType.CONFIGURATION_ERROR,
                "The job is one of the Volume Daemon, and this worker has no VOLUME_DAEMON_URL",
            )
        while True:
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
            await asyncio.sleep(self._daemon_poll)
