"""One Idempotency-Key is one failover, whatever is repeated, at whatever time."""

import asyncio

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from api.tokens import Scope, new_token
from embedded.ports import free_ports
from embedded.seed import PGTEST2_CONTEXT
from tests.api.api_server import ApiServer, serve_api
from tests.support.site import LIVE, TEST, Site


def _key(site: Site) -> str:
    """All sites share one Temporal server, so each needs keys of its own."""
    return f"order-of-{site.task_queue}"


async def _ended(site: Site, job_id: str) -> None:
    await asyncio.wait_for(site.client.get_workflow_handle(job_id).result(), 60)


async def _forgetful(site: Site) -> Client:
    """A namespace that knows none of the runs, as Temporal does when the retention is over."""
    name = f"forgetful-{site.task_queue}"
    retention = Duration(seconds=24 * 3600)
    await site.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=retention)
    )
    return await Client.connect(
        site.client.service_client.config.target_host,
        namespace=name,
        data_converter=pydantic_data_converter,
    )


async def test_two_posts_with_one_key_at_one_moment_start_one_failover(site: Site, api: ApiServer) -> None:
    answers = await asyncio.gather(*(api.start(LIVE, key=_key(site)) for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    (job_id,) = {answer.body["job_id"] for answer in answers}
    assert _key(site) not in job_id
    await _ended(site, job_id)
    assert [vm.name for vm in site.vms()] == ["pgtest1"]
    assert (await api.jobs()).body["total"] == 1


async def test_a_repeated_request_after_the_end_answers_with_the_first_job(
    site: Site, api: ApiServer
) -> None:
    first = await api.start(TEST, key=_key(site))
    await _ended(site, first.body["job_id"])
    again = await api.start(TEST, key=_key(site))
    assert (again.status, again.body["job_id"]) == (200, first.body["job_id"])
    assert again.body["data"]["status"] == "completed"
    assert again.body["data"]["decisions"] == first.body["data"]["decisions"]
    assert again.body["data"]["destination_name"] == site.vms()[0].name
    assert len(site.vms()) == 1


async def test_a_repeated_request_starts_nothing_when_temporal_has_forgotten_the_first(
    site: Site, api: ApiServer
) -> None:
    first = await api.start(TEST, key=_key(site))
    await _ended(site, first.body["job_id"])
    async with serve_api(site, client=await _forgetful(site)) as later:
        again = await later.start(TEST, key=_key(site))
        assert (again.status, again.body["job_id"]) == (200, first.body["job_id"])
        assert again.body["data"]["status"] == "completed"
        other = await later.start({"context_id": PGTEST2_CONTEXT, "failover_type": "test"}, key=_key(site))
        assert (other.status, other.error) == (409, "IdempotencyKeyReused")
        listed = (await later.jobs()).body
        assert [job["job_id"] for job in listed["jobs"]] == [first.body["job_id"]]
    assert len(site.vms()) == 1


async def test_a_repeated_request_is_answered_while_temporal_is_away(site: Site, api: ApiServer) -> None:
    first = await api.start(TEST, key=_key(site))
    await _ended(site, first.body["job_id"])
    address = f"127.0.0.1:{free_ports(1)[0]}"
    nowhere = await Client.connect(address, data_converter=pydantic_data_converter, lazy=True)
    async with serve_api(site, client=nowhere) as alone:
        again = await alone.start(TEST, key=_key(site))
    assert (again.status, again.body["data"]["status"]) == (200, "completed")


async def test_a_refused_request_that_is_repeated_is_refused_alike(site: Site, api: ApiServer) -> None:
    unknown = LIVE | {"context_id": "ctx-none"}
    answers = [await api.start(unknown, key=_key(site)) for _ in range(2)]
    assert [(one.status, one.error) for one in answers] == [(404, "UnknownContext")] * 2
    assert answers[0].body == answers[1].body


async def test_a_run_that_was_refused_late_is_refused_alike(site: Site, api: ApiServer) -> None:
    await _ended(site, (await api.start(LIVE)).body["job_id"])
    answers = [await api.start(LIVE, key=_key(site)) for _ in range(3)]
    assert [(one.status, one.error) for one in answers] == [(409, "VmNameTaken")] * 3
    assert len({one.body["job_id"] for one in answers}) == 1


async def test_a_key_that_was_used_for_another_request_is_a_409(site: Site, api: ApiServer) -> None:
    first = await api.start(TEST, key=_key(site))
    for other in (LIVE, TEST | {"reason": "a drill"}):
        answer = await api.start(other, key=_key(site))
        assert (answer.status, answer.error) == (409, "IdempotencyKeyReused")
        assert answer.body["job_id"] == first.body["job_id"]
    await _ended(site, first.body["job_id"])
    late = await api.start(TEST | {"reason": "a drill"}, key=_key(site))
    assert (late.status, late.error) == (409, "IdempotencyKeyReused")
    assert len(site.vms()) == 1


async def test_an_invalid_request_does_not_use_its_key_up(site: Site, api: ApiServer) -> None:
    assert (await api.start(TEST | {"test_duration": "0h"}, key=_key(site))).status == 400
    answer = await api.start(TEST, key=_key(site))
    assert answer.status == 200
    await _ended(site, answer.body["job_id"])


async def test_a_key_belongs_to_its_token(site: Site) -> None:
    (one, stored_one), (two, stored_two) = (new_token(name, Scope) for name in ("one", "two"))
    async with serve_api(site, tokens=[stored_one, stored_two]) as api:
        unknown = LIVE | {"context_id": "ctx-none"}
        ids = {(await api.start(unknown, key=_key(site), token=token)).body["job_id"] for token in (one, two)}
    assert len(ids) == 2


async def test_a_run_without_a_worker_is_pending_for_every_repetition(site: Site) -> None:
    await site.stop_worker()
    async with serve_api(site, settings={"FAILOVER_API_ACCEPT_SECONDS": 0.5}) as api:
        answers = await asyncio.gather(*(api.start(LIVE, key=_key(site)) for _ in range(2)))
        answers.append(await api.start(LIVE, key=_key(site)))
        assert {answer.status for answer in answers} == {202}
        (job_id,) = {answer.body["job_id"] for answer in answers}
        await site.start_worker()
        await _ended(site, job_id)
    assert len(site.vms()) == 1
