"""Every row of the errors in ``docs/http.md``, met on a real server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api.tokens import new_token
from embedded.ports import free_ports
from rules.errors import FailoverErrorType
from rules.outcomes import Acceptance
from simulators.cloudstack import Fault, FaultKind
from tests.api.api_server import JOBS, START, Answer, ApiServer, serve_api
from tests.client.waiting import eventually
from tests.docs.doc_pages import DOCS, table
from tests.support.site import LIVE, TEST, Site

_ROWS = [(int(row[0]), row[1].strip("`")) for row in table(DOCS / "http.md", "Status", "`error`")]
_A_MOMENT = timedelta(milliseconds=500)
_UNKNOWN = LIVE | {"context_id": "ctx-none"}

Meet = Callable[[Site, ApiServer, pytest.MonkeyPatch], Awaitable[Answer]]
_MET: dict[tuple[int, str], Meet] = {}


def _meets(status: int, error: str) -> Callable[[Meet], Meet]:
    def keep(meet: Meet) -> Meet:
        _MET[status, error] = meet
        return meet

    return keep


def _asks(status: int, error: str, method: str, path: str, body: object = None, **headers: str) -> None:
    async def meet(_site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await api.call(method, path, body, headers=sent)

    _MET[status, error] = meet


_asks(400, "InvalidRequest", "POST", START, LIVE | {"conext": "x"})
_asks(404, "NotFound", "GET", "/nowhere")
_asks(404, "JobNotFound", "GET", "/api/v1/failover/none/status")
_asks(404, "UnknownContext", "POST", START, _UNKNOWN)
_asks(405, "MethodNotAllowed", "DELETE", JOBS)
_asks(413, "BodyTooLarge", "POST", START, "x" * 70_000)
_asks(415, "UnsupportedMediaType", "POST", START, "{}", Content_Type="text/plain")
_asks(421, "MisdirectedRequest", "GET", JOBS, Host="elsewhere.example")


def _key(site: Site) -> str:
    return f"order-of-{site.task_queue}"


async def _ended(site: Site, job_id: str) -> None:
    await asyncio.wait_for(site.client.get_workflow_handle(job_id).result(), 60)


async def _id_of(site: Site) -> str:
    """The run that a request under way has started, as soon as it holds its lease."""
    query = f"TaskQueue = '{site.task_queue}'"

    async def seen() -> str | None:
        ids = [run.id async for run in site.client.list_workflows(query)]
        return ids[0] if ids else None

    return await eventually(seen)


async def _closed(site: Site, job_id: str) -> bool:
    return (await site.client.get_workflow_handle(job_id).describe()).close_time is not None


async def _forget(site: Site, job_id: str) -> None:
    """Have Temporal forget a run, as it does when the retention is over."""
    await site.client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=site.client.namespace, workflow_execution=WorkflowExecution(workflow_id=job_id)
        )
    )

    async def gone() -> bool:
        try:
            await site.client.get_workflow_handle(job_id).describe()
        except RPCError as error:
            return error.status is RPCStatusCode.NOT_FOUND
        return False

    await eventually(gone)


@_meets(401, "Unauthorized")
async def _without_a_token(site: Site, _api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    _, token = new_token("somebody", ["read"])
    async with serve_api(site, tokens=[token]) as guarded:
        return await guarded.jobs()


@_meets(403, "Forbidden")
async def _without_the_scope(site: Site, _api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    secret, token = new_token("somebody", ["read"])
    async with serve_api(site, tokens=[token]) as guarded:
        return await guarded.start(LIVE, token=secret)


@_meets(408, "RequestTimeout")
async def _with_a_body_that_does_not_come(_site: Site, api: ApiServer, patch: pytest.MonkeyPatch) -> Answer:
    patch.setattr("api.requests._BODY_SECONDS", 0.2)
    over = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b'{"context_id":'
        await over.wait()

    sent = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(api.url + START, data=body(), headers=sent) as response,
    ):
        answer = Answer(response.status, response.headers.copy(), await response.json())
        over.set()
    return answer


@_meets(409, "FailoverInProgress")
async def _beside_another(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
    first = await api.start(LIVE)
    answer = await api.start(LIVE)
    await _ended(site, first.body["job_id"])
    return answer


@_meets(409, "VmNameTaken")
async def _once_more(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await _ended(site, (await api.start(LIVE)).body["job_id"])
    return await api.start(LIVE)


@_meets(409, "AmbiguousVmName")
async def _by_the_name_of_two(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await site.sql(
        "INSERT INTO vm_replication_contexts (context_id, vm_name, vmware_vm_id, vcenter_host, datacenter)"
        " VALUES ('ctx-twin', 'pgtest1', 'another-uuid', 'vcenter-b.example', 'DC2')"
    )
    return await api.start({"vm_name": "pgtest1", "failover_type": "live"})


@_meets(409, "IdempotencyKeyReused")
async def _with_a_key_of_another(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await api.start(_UNKNOWN, key=_key(site))
    return await api.start(LIVE, key=_key(site))


@_meets(409, "Cancelled")
async def _cancelled(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    site.cloud.faults.add(Fault("listZones", FaultKind.MAINTENANCE, times=None))
    asked = asyncio.create_task(api.start(LIVE))
    await site.client.get_workflow_handle(await _id_of(site)).cancel()
    return await asked


@_meets(422, "Terminated")
async def _terminated(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await site.stop_worker()
    asked = asyncio.create_task(api.start(LIVE))
    await site.client.get_workflow_handle(await _id_of(site)).terminate()
    return await asked


@_meets(422, "TimedOut")
async def _timed_out(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await site.stop_worker()
    asked = asyncio.create_task(api.start(TEST, key=_key(site)))
    job_id = await _id_of(site)
    await site.client.get_workflow_handle(job_id).terminate()
    await asked
    # No start of ours has a time limit; somebody who starts the same run anew may give it one.
    await site.client.start_workflow(
        "FailoverWorkflow",
        TEST,
        id=job_id,
        task_queue=site.task_queue,
        execution_timeout=_A_MOMENT,
    )
    await eventually(lambda: _closed(site, job_id))
    return await api.start(TEST, key=_key(site))


@_meets(422, "Lost")
async def _lost(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    site.cloud.faults.add(Fault("listZones", FaultKind.MAINTENANCE, times=None))
    asked = asyncio.create_task(api.start(LIVE, key=_key(site)))
    job_id = await _id_of(site)
    await eventually(lambda: site.record(job_id))
    await site.client.get_workflow_handle(job_id).terminate()
    await asked
    await _forget(site, job_id)
    return await api.start(LIVE, key=_key(site))


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class _GivenUp:
    """A run that ends with a passing type before it is accepted, as a worker of another version may."""

    @workflow.update
    async def accepted(self) -> Acceptance:
        return Acceptance(
            accepted=False,
            workflow_id=workflow.info().workflow_id,
            error_type=FailoverErrorType.STEP_TIMED_OUT,
            message="A step took longer than it may",
        )

    @workflow.run
    async def run(self, _request: dict[str, Any]) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        raise ApplicationError("A step took longer than it may", type=FailoverErrorType.STEP_TIMED_OUT)


@_meets(422, "any other type of a run")
async def _given_up(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await site.stop_worker()
    worker = Worker(
        site.client,
        task_queue=site.task_queue,
        workflows=[_GivenUp],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        answer = await api.start(LIVE)
    assert answer.error == FailoverErrorType.STEP_TIMED_OUT
    assert "Retry-After" not in answer.headers
    return answer


@_meets(429, "TooManyRequests")
async def _too_often(site: Site, _api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    settings = {"FAILOVER_API_RATE_PER_MINUTE": 1, "FAILOVER_API_BURST": 1}
    async with serve_api(site, settings=settings) as strict:
        await strict.jobs()
        return await strict.jobs()


@_meets(500, "InternalError")
async def _on_a_broken_database(site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    await site.sql("DROP TABLE failover_run_networks", "DROP TABLE failover_runs")
    return await api.jobs()


@contextlib.asynccontextmanager
async def _alone(site: Site) -> AsyncIterator[ApiServer]:
    nowhere = await Client.connect(
        f"127.0.0.1:{free_ports(1)[0]}", data_converter=pydantic_data_converter, lazy=True
    )
    async with serve_api(site, client=nowhere, settings={"FAILOVER_API_ACCEPT_SECONDS": 0.5}) as api:
        yield api


@_meets(503, "TemporalUnavailable")
async def _without_temporal(site: Site, _api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    async with _alone(site) as alone:
        return await alone.start(LIVE)


@_meets(503, "NotReady")
async def _not_ready(site: Site, _api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    async with _alone(site) as alone:
        return await alone.call("GET", "/readyz")


@_meets(503, "DatabaseUnavailable")
async def _without_the_database(_site: Site, api: ApiServer, _patch: pytest.MonkeyPatch) -> Answer:
    async with api.without_database():
        return await api.jobs()


def test_every_row_is_met_and_nothing_else_is() -> None:
    assert sorted(_ROWS) == sorted(_MET)


@pytest.mark.parametrize(("status", "error"), sorted(_MET))
async def test_the_row_is_what_the_server_answers(
    status: int, error: str, site: Site, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await _MET[status, error](site, api, monkeypatch)
    assert answer.status == status, answer.body
    assert " " in error or answer.error == error
    assert ("Retry-After" in answer.headers) is (status in {429, 503})
