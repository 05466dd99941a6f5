"""The same steps on a real Temporal server: what one try's heartbeat says reaches the next one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.final_sync import FinalSyncActivities
from activities.messages.replication import StartSyncRequest, SyncEnd, SyncState, WatchSyncRequest
from activities.watch_sync import WatchSyncActivities
from database import CredentialRepository, DatabaseUnavailable
from replication import ReplicationClient
from rules.disks import ReplicationFacts, SyncJob
from simulators.replication import Fate
from tests.replication.conftest import CONTEXT, DESTINATION, TOKEN, Place
from vma import VmaClient

_SOON = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=5)


@workflow.defn(sandboxed=False)
class StartAndWatch:
    """Starts a sync, and waits for a job."""

    @workflow.run
    async def run(self, start: StartSyncRequest, stall_seconds: float) -> SyncEnd:
        job = await workflow.execute_activity(
            "StartSyncActivity",
            start,
            result_type=SyncJob,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=2),
            retry_policy=_SOON,
        )
        end: SyncEnd = await workflow.execute_activity(
            "WatchSyncActivity",
            WatchSyncRequest(
                context=start.context, job_id=job.job_id, stall_seconds=stall_seconds, poll_seconds=0.02
            ),
            result_type=SyncEnd,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=2),
            retry_policy=_SOON,
        )
        return end


class Unlucky:
    """A database that cannot be read at the looks of these numbers, counted from 1."""

    def __init__(self, place: Place, *numbers: int) -> None:
        self.place = place
        self.numbers = numbers
        self.looks = 0

    async def __call__(self, context_id: str) -> ReplicationFacts:
        self.looks += 1
        if self.looks in self.numbers:
            raise DatabaseUnavailable("simulated")
        return await self.place.facts(context_id)


@asynccontextmanager
async def running(client: Client, queue: str, *activities: Callable[..., Any]) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=queue,
        workflows=[StartAndWatch],
        activities=activities,
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield


async def run(client: Client, queue: str, stall_seconds: float = 600) -> SyncEnd:
    request = StartSyncRequest(workflow_id=queue, context=CONTEXT, destination=DESTINATION)
    return await asyncio.wait_for(
        client.execute_workflow(StartAndWatch.run, args=[request, stall_seconds], id=queue, task_queue=queue),
        60,
    )


async def test_a_job_whose_try_never_heard_of_it_is_found_by_the_next_one(
    temporal_client: Client, place: Place
) -> None:
    # The answer is lost, and the look after it fails: the try ends without knowing of its job.
    before = await place.completed_before()
    place.replication.lose("start")
    api = ReplicationClient(place.replication.url, place.session, token=TOKEN)
    agent, credentials = VmaClient(place.vma.url, place.session), CredentialRepository(place.database)
    starts = FinalSyncActivities(api, Unlucky(place, 2), agent, credentials)

    async with running(temporal_client, "sync-found-again", starts.start_sync, place.watches.watch_sync):
        end = await run(temporal_client, "sync-found-again")

    assert (list(place.replication.jobs), end.state) == ([end.job_id], SyncState.COMPLETED)
    assert end.job_id != before
    assert len([call for call in place.replication.calls if call.method == "POST"]) == 1


async def test_a_stall_is_counted_over_the_tries(temporal_client: Client, place: Place) -> None:
    # Each try ends after a few looks: none of them alone sees the whole of the limit.
    place.replication.next_job(Fate.STICKS)
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1
        return now

    api = ReplicationClient(place.replication.url, place.session, token=TOKEN)
    watches = WatchSyncActivities(api, Unlucky(place, *range(4, 1000, 4)), clock)

    async with running(temporal_client, "sync-stalled", place.starts.start_sync, watches.watch_sync):
        end = await run(temporal_client, "sync-stalled", stall_seconds=20)

    assert end.state is SyncState.STALLED
