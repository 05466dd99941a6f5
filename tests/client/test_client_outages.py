"""Temporal, the worker or the database goes away under a waiting client: the wait goes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.search_attributes import register_search_attributes
from client import FailoverClient, FailoverNotFound, RunOutcome, StepState, TemporalUnreachable, Trouble
from embedded.temporal_server import NAMESPACE
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverOutcome
from simulators.cloudstack import Fault, FaultKind
from tests.client.durable_temporal import DurableTemporal
from tests.client.waiting import eventually
from tests.support.mariadb import fresh_database, running_server
from tests.support.site import LIVE, Site, activity_started, open_site
from tests.support.worker_process import environment_of, worker_process
from workflows.surface import SEARCH_ATTRIBUTES

_PATIENCE = 120
_SLOW_JOB_SECONDS = 4


@pytest_asyncio.fixture(loop_scope="session")
async def durable(temporal_cli: Path, tmp_path: Path) -> AsyncIterator[DurableTemporal]:
    folder = tmp_path / "temporal"
    folder.mkdir()
    server = DurableTemporal(temporal_cli, folder)
    await server.start()
    yield server
    await server.stop()


@contextlib.asynccontextmanager
async def _site_on(server: DurableTemporal, url: str) -> AsyncIterator[Site]:
    temporal = await Client.connect(
        server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter
    )
    await register_search_attributes(temporal, SEARCH_ATTRIBUTES)
    async with open_site(temporal, url) as site:
        yield site


async def _seen(client: FailoverClient, workflow_id: str) -> list[tuple[str, StepState]]:
    return [(step.summary, step.state) async for step in client.steps(workflow_id)]


async def test_a_restart_of_temporal_under_a_waiting_client(durable: DurableTemporal, tmp_path: Path) -> None:
    async with _site_on(durable, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as site:
        await site.start_worker()
        client = await FailoverClient.connect(durable.address, NAMESPACE, task_queue=site.task_queue)
        site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=_SLOW_JOB_SECONDS))
        handle = await client.start(LIVE, request_id="once")
        waiting = asyncio.create_task(client.result(handle.id))
        following = asyncio.create_task(_seen(client, handle.id))
        await activity_started(handle, "WaitForJobActivity")

        async with durable.away():
            with pytest.raises(TemporalUnreachable):
                await FailoverClient.connect(durable.address, NAMESPACE)
            assert not waiting.done()

        again = await client.accepted(LIVE, request_id="once")
        result = await asyncio.wait_for(waiting, _PATIENCE)
        assert result.outcome is FailoverOutcome.COMPLETED
        assert again.workflow_id == result.workflow_id
        assert len(site.vms()) == 1
        steps = await asyncio.wait_for(following, _PATIENCE)
        assert steps == await _seen(client, handle.id), "none is missed, none is told twice"


async def test_what_a_server_without_memory_forgot_is_not_waited_for(
    durable: DurableTemporal, tmp_path: Path
) -> None:
    async with _site_on(durable, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as site:
        client = FailoverClient(site.client, task_queue=site.task_queue)
        handle = await client.start(LIVE)
        waiting = asyncio.create_task(client.wait(handle.id))
        assert (await client.status(handle.id)).open, "by now it has been seen by both"
        async with durable.away():
            for file in (tmp_path / "temporal").glob("temporal.db*"):
                file.unlink()
        with pytest.raises(FailoverNotFound):
            await asyncio.wait_for(waiting, _PATIENCE)


async def test_a_start_while_temporal_is_away_says_that_it_may_have_been_made(
    durable: DurableTemporal, tmp_path: Path
) -> None:
    async with _site_on(durable, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as site:
        client = FailoverClient(site.client, task_queue=site.task_queue)
        async with durable.away():
            with pytest.raises(TemporalUnreachable, match="ask for it later") as caught:
                await client.accepted(LIVE, request_id="unclear", timeout_seconds=0.5)
            assert caught.value.workflow_id == "unclear"


async def test_a_question_under_which_temporal_goes_away_is_given_up_in_time(
    durable: DurableTemporal, tmp_path: Path
) -> None:
    async with _site_on(durable, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as site:
        site.vma.hang(60)
        await site.start_worker(VMA_TIMEOUT_SECONDS=60)
        client = FailoverClient(site.client, task_queue=site.task_queue)
        asking = asyncio.create_task(client.explain(LIVE["context_id"], timeout_seconds=2))
        await eventually(partial(_is_asked, site))
        async with durable.away():
            with pytest.raises(TemporalUnreachable):
                await asyncio.wait_for(asking, _PATIENCE)
        site.vma.hang(0)


async def _is_asked(site: Site) -> bool:
    return bool(site.vma.calls)


async def test_a_kill_of_the_worker_under_a_waiting_client(site: Site, tmp_path: Path) -> None:
    await site.stop_worker()
    client = FailoverClient(site.client, task_queue=site.task_queue)
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=_SLOW_JOB_SECONDS))
    folder = tmp_path / "worker"
    folder.mkdir()
    async with worker_process(folder, environment_of(site)) as worker:
        await worker.work()
        handle = await client.start(LIVE)
        waiting = asyncio.create_task(client.wait(handle.id))
        await activity_started(handle, "WaitForJobActivity")
        await worker.kill()
        assert (await client.status(handle.id)).step == "Wait for CloudStack: the VM is created"
        assert not waiting.done()
        await worker.work()
        assert (await asyncio.wait_for(waiting, _PATIENCE)).outcome is RunOutcome.COMPLETED
    assert len(site.vms()) == 1


async def test_a_restart_of_the_database_under_a_waiting_client(temporal_client: Client) -> None:
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    with running_server() as server, fresh_database(server) as url:
        async with open_site(temporal_client, url) as site:
            await site.start_worker()
            client = FailoverClient(site.client, task_queue=site.task_queue)
            site.cloud.faults.add(
                Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=_SLOW_JOB_SECONDS)
            )
            handle = await client.start(LIVE)
            waiting = asyncio.create_task(client.wait(handle.id))
            await activity_started(handle, "WaitForJobActivity")

            async def trouble() -> Trouble | None:
                return (await client.status(handle.id)).trouble

            with server.away():
                seen = await eventually(trouble)
                assert seen.error_type == FailoverErrorType.DATABASE_UNAVAILABLE
                assert not waiting.done()
            end = await asyncio.wait_for(waiting, _PATIENCE)
            assert end.outcome is RunOutcome.COMPLETED
            assert len(site.vms()) == 1
