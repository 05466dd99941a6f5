"""What a start is answered with when it cannot be said how it stands, or when it ends without an answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from activities.search_attributes import register_search_attributes
from api.errors import TemporalAway
from api.job_book import JobBook
from api.temporal import TemporalGateway
from client import FailoverClient
from database import DatabaseError
from embedded.seed import PGTEST2_CONTEXT
from simulators.cloudstack import Fault, FaultKind
from tests.api.api_server import Answer, ApiServer, serve_api
from tests.client.waiting import eventually
from tests.support.mariadb import fresh_database, running_server
from tests.support.site import LIVE, TEST, Site, open_site
from workflows.surface import SEARCH_ATTRIBUTES

_QUICK = {"FAILOVER_API_ACCEPT_SECONDS": 1}


def _key(site: Site) -> str:
    return f"order-of-{site.task_queue}"


async def _only_run(site: Site) -> WorkflowHandle[Any, Any]:
    """The run that a request under way has started."""
    query = f"TaskQueue = '{site.task_queue}'"

    async def seen() -> str | None:
        return next(iter([run.id async for run in site.client.list_workflows(query)]), None)

    return site.client.get_workflow_handle(await eventually(seen))


async def test_a_start_while_worker_and_api_have_no_database_is_pending_with_its_id(
    temporal_client: Client,
) -> None:
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    with running_server() as server, fresh_database(server) as url:
        async with open_site(temporal_client, url) as site, serve_api(site, settings=_QUICK) as api:
            await site.start_worker()
            with server.away():
                answer = await api.start(LIVE)
            assert (answer.status, answer.body["data"]["status"]) == (202, "pending"), answer.body
            job_id = answer.body["job_id"]
            await asyncio.wait_for(site.client.get_workflow_handle(job_id).result(), 60)
            assert len(site.vms()) == 1


async def test_a_start_that_ends_without_a_database_says_how(site: Site, api: ApiServer) -> None:
    await site.stop_worker()
    async with api.without_database():
        asked = asyncio.create_task(api.start(LIVE))
        await (await _only_run(site)).terminate()
        answer = await asked
    assert (answer.status, answer.error) == (422, "Terminated")


def _away_after(count: int) -> Callable[..., Coroutine[Any, Any, Any]]:
    """A Temporal that describes so many runs, and then no more."""
    whole, left = TemporalGateway.execution, count

    async def execution(gateway: TemporalGateway, workflow_id: str) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise TemporalAway("Temporal does not answer")
        return await whole(gateway, workflow_id)

    return execution


async def test_temporal_going_away_after_the_start_leaves_the_id_in_the_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.stop_worker()
    monkeypatch.setattr(TemporalGateway, "execution", _away_after(1))
    async with serve_api(site, settings=_QUICK) as api:
        answer = await api.start(LIVE)
    assert (answer.status, answer.error) == (503, "TemporalUnavailable")
    assert (await _only_run(site)).id == answer.body["job_id"]


async def test_a_key_whose_first_request_cannot_be_read_is_answered_with_no_run(
    site: Site, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TemporalGateway, "execution", _away_after(0))
    unknown = LIVE | {"context_id": "ctx-none"}
    first = await api.start(unknown, key=_key(site))
    assert (first.status, first.error) == (503, "TemporalUnavailable")
    assert first.body["job_id"] == (await _only_run(site)).id
    for other in (unknown | {"failover_type": "test"}, LIVE | {"context_id": PGTEST2_CONTEXT}):
        answer = await api.start(other, key=_key(site))
        assert (answer.status, answer.error) == (409, "IdempotencyKeyReused"), "the answer itself tells"
        assert answer.body["job_id"] == first.body["job_id"]


@pytest.mark.parametrize("error", (DatabaseError("refused"), ValueError("a fault of ours")))
async def test_a_fault_after_the_start_leaves_the_id_in_the_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def broken(_book: JobBook, _job_id: str) -> None:
        raise error

    await site.stop_worker()
    monkeypatch.setattr(JobBook, "find_started", broken)
    async with serve_api(site, settings=_QUICK) as api:
        answer = await api.start(LIVE)
    assert (answer.status, answer.error) == (500, "InternalError")
    assert (await _only_run(site)).id == answer.body["job_id"]


async def _terminate(run: WorkflowHandle[Any, Any]) -> None:
    await run.terminate()


async def _cancel(run: WorkflowHandle[Any, Any]) -> None:
    await run.cancel()


@pytest.mark.parametrize(
    ("end", "status", "error"), ((_terminate, 422, "Terminated"), (_cancel, 409, "Cancelled"))
)
async def test_a_run_that_is_ended_before_it_is_accepted_is_no_success_for_anybody(
    end: Callable[[WorkflowHandle[Any, Any]], Coroutine[Any, Any, None]],
    status: int,
    error: str,
    site: Site,
    api: ApiServer,
) -> None:
    site.cloud.faults.add(Fault("listZones", FaultKind.MAINTENANCE, times=None))
    asked = asyncio.create_task(api.start(LIVE, key=_key(site)))
    run = await _only_run(site)
    await eventually(lambda: site.record(run.id))
    await end(run)

    def told(answer: Answer) -> tuple[object, ...]:
        return answer.status, answer.error, answer.body["job_id"], answer.headers.get("Retry-After")

    assert told(await asked) == (status, error, run.id, None)
    site.cloud.faults.clear()
    assert told(await api.start(LIVE, key=_key(site))) == (status, error, run.id, None)
    assert site.vms() == []


async def test_a_run_that_is_cancelled_once_accepted_stays_an_accepted_one(
    site: Site, api: ApiServer
) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
    first = await api.start(LIVE, key=_key(site))
    assert first.status == 200
    await site.client.get_workflow_handle(first.body["job_id"]).cancel()

    async def cancelled() -> bool:
        return bool((await api.job(first.body["job_id"]))["status"] == "cancelled")

    await eventually(cancelled)
    again = await api.start(LIVE, key=_key(site))
    assert (again.status, again.body["data"]["status"]) == (200, "cancelled")
    assert again.body["job_id"] == first.body["job_id"]


async def test_a_run_that_another_one_refused_names_it_whoever_asks_later(site: Site, api: ApiServer) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=3))
    first = await api.start(LIVE)
    job_id = f"{site.task_queue}-refused"
    await site.run_failing(TEST, workflow_id=job_id)
    job = await api.job(job_id)
    assert (job["error_type"], job["held_by"]) == ("FailoverInProgress", first.body["job_id"])
    client = FailoverClient(site.client, task_queue=site.task_queue)
    assert (await client.accepted(TEST, request_id=job_id)).held_by == first.body["job_id"]
    await asyncio.wait_for(site.client.get_workflow_handle(first.body["job_id"]).result(), 60)
