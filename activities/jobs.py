"""Waiting for CloudStack's jobs: shared by all runs of a worker."""

import asyncio

from temporalio import activity

from activities.clouds import Clouds
from activities.heartbeats import heartbeats
from activities.messages.vm import JobReport, JobRequest, JobState
from activities.translate import typed_failures
from cloudstack import JobState as CloudJobState


class JobActivities:
    """Waits.

    Args:
        clouds: The clients, each with its one watcher.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="WaitForJobActivity")
    async def wait_for_job(self, request: JobRequest) -> JobReport:
        """Wait for the end of a job, and report its code only.

        Raises:
            ApplicationError: CloudStackNotPermitted when the job is another account's.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.destination)
                try:
                    async with asyncio.timeout(request.timeout_seconds):
                        outcome = await cloud.jobs.wait(request.job_id)
                except TimeoutError:
                    return JobReport(state=JobState.UNKNOWN)
        if outcome.state is CloudJobState.SUCCEEDED:
            return JobReport(state=JobState.SUCCEEDED)
        if outcome.state is CloudJobState.FAILED and outcome.has_result:
            return JobReport(state=JobState.FAILED, code=outcome.code)
        return JobReport(state=JobState.UNKNOWN)
