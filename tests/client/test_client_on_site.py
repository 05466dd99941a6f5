"""The client against the real workflow: every method, on a whole site."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from client import (
    AnswerPending,
    FailoverClient,
    FailoverNotCompleted,
    FailoverNotFound,
    FailoverStatus,
    FailoverSummary,
    FailoverType,
    InvalidRequest,
    InvalidRequestId,
    NoWorker,
    QuestionRefused,
    RequestIdReused,
    RunOutcome,
    TemporalRefused,
    Trouble,
    UnifiedFailoverConfig,
)
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverOutcome
from rules.resolution import NetworkRule
from simulators.cloudstack import Fault, FaultKind
from tests.client.waiting import eventually
from tests.support.resets import reset
from tests.support.site import LIVE, TEST, Site, activity_started

_PATIENCE = 60
_UNKNOWN = {"context_id": "ctx-none", "failover_type": "live"}


@pytest.fixture
def client(site: Site) -> FailoverClient:
    return FailoverClient(site.client, task_queue=site.task_queue)


def _slow_create(site: Site, seconds: float = 3) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=seconds))


async def _listed(client: FailoverClient, *ids: str, **filters: Any) -> tuple[FailoverSummary, ...]:  # noqa: ANN401 - of list
    """List until the ids are there: Temporal's lists lag."""

    async def found() -> tuple[FailoverSummary, ...] | None:
        runs = await client.list(**filters)
        return runs if {*ids} <= {run.workflow_id for run in runs} else None

    return await eventually(found)


async def test_two_requests_with_one_id_at_one_moment_are_one_failover(
    site: Site, client: FailoverClient
) -> None:
    request_id = f"{site.task_queue} request"
    one, other = await asyncio.gather(
        client.accepted(LIVE, request_id=request_id), client.accepted(LIVE, request_id=request_id)
    )
    assert one == other
    assert one.accepted
    assert one.workflow_id == request_id
    assert (await client.result(request_id)).outcome is FailoverOutcome.COMPLETED
    assert [vm.name for vm in site.vms()] == ["pgtest1"]
    await _listed(client, request_id)
    assert (await site.client.count_workflows(f"WorkflowId = '{request_id}'")).count == 1


async def test_a_repeated_request_leads_to_the_run_that_is_there_open_or_closed(
    site: Site, client: FailoverClient
) -> None:
    request_id = f"{site.task_queue}-repeated"
    _slow_create(site)
    first = await client.start(LIVE, request_id=request_id)
    while_open = await client.start(LIVE, request_id=request_id)
    result = await client.result(request_id)
    once_closed = await client.start(LIVE | {"user_id": "somebody else"}, request_id=request_id)
    assert first.result_run_id == while_open.result_run_id == once_closed.result_run_id
    assert await once_closed.result() == result
    assert (await client.accepted(LIVE, request_id=request_id)).accepted
    assert len(site.vms()) == 1


async def test_a_request_id_never_stands_for_two_different_requests(
    site: Site, client: FailoverClient
) -> None:
    request_id = f"{site.task_queue}-other"
    await client.start(LIVE, request_id=request_id)
    with pytest.raises(RequestIdReused, match=request_id):
        await client.start(TEST, request_id=request_id)
    with pytest.raises(RequestIdReused):
        await client.accepted({**LIVE, "context_id": PGTEST2_CONTEXT}, request_id=request_id)
    assert (await client.result(request_id)).failover_type == "live"


async def test_an_impossible_request_id_starts_nothing(client: FailoverClient) -> None:
    for request_id in ("", " x", "x ", "a\nb", "\udcff", "x" * 256):
        with pytest.raises(InvalidRequestId):
            await client.start(LIVE, request_id=request_id)
        with pytest.raises(InvalidRequestId):
            await client.accepted(LIVE, request_id=request_id)


async def test_what_is_no_json_starts_nothing_and_asks_nothing(client: FailoverClient) -> None:
    deep: dict[str, Any] = {}
    for _ in range(250):
        deep = {"deeper": deep}
    for request in ({**LIVE, "reason": "\ud800"}, {"\ud800": 1}, {"what": object()}, deep):
        with pytest.raises(InvalidRequest, match="cannot be written as JSON"):
            await client.start(request)
        with pytest.raises(InvalidRequest):
            await client.accepted(request)
    for ask in (client.explain, client.mappings):
        with pytest.raises(InvalidRequest):
            await ask("ctx\udcff")


async def test_a_start_has_one_id_not_two(client: FailoverClient) -> None:
    with pytest.raises(ValueError, match="not both"):
        await client.start(LIVE, workflow_id="one", request_id="other")


async def test_a_typed_request_is_the_same_as_its_json(site: Site, client: FailoverClient) -> None:
    typed = UnifiedFailoverConfig.model_validate(
        {"context_id": PGTEST1_CONTEXT, "failover_type": FailoverType.LIVE}
    )
    request_id = f"{site.task_queue}-typed"
    handle = await client.start(typed, request_id=request_id)
    assert (await client.start(LIVE, request_id=request_id)).id == handle.id
    assert (await client.result(handle.id)).vm_name == "pgtest1"


async def test_a_start_without_an_id_gets_a_readable_one_of_its_own(client: FailoverClient) -> None:
    handle = await client.start(_UNKNOWN)
    other = await client.start(_UNKNOWN)
    assert handle.id.startswith("failover-live-ctx-none-")
    assert handle.id != other.id
    for one in (handle, other):
        with pytest.raises(FailoverNotCompleted):
            await client.result(one.id)


async def test_a_refusal_is_told_at_once_with_its_type(client: FailoverClient) -> None:
    answer = await client.accepted({**LIVE, "test_duration": "2h"})
    assert not answer.accepted
    assert answer.error_type == FailoverErrorType.INVALID_REQUEST
    assert "test_duration" in answer.message


async def test_the_second_failover_of_a_vm_is_refused_with_the_id_of_the_first(
    site: Site, client: FailoverClient
) -> None:
    _slow_create(site)
    first = await client.accepted(LIVE)
    answer = await client.accepted(LIVE)
    assert answer.error_type == FailoverErrorType.FAILOVER_IN_PROGRESS
    assert answer.held_by == first.workflow_id
    await client.result(first.workflow_id)


async def test_without_a_worker_the_answer_is_pending_and_the_run_goes_on(
    site: Site, client: FailoverClient
) -> None:
    await site.stop_worker()
    request_id = f"{site.task_queue}-pending"
    with pytest.raises(AnswerPending) as caught:
        await client.accepted(LIVE, request_id=request_id, timeout_seconds=0.5)
    assert caught.value.workflow_id == request_id
    status = await client.status(request_id)
    assert status.open
    assert not status.picked_up
    assert status.decisions == ()
    await site.start_worker()
    answer = await client.accepted(LIVE, request_id=request_id)
    assert answer.accepted
    assert (await client.result(request_id)).outcome is FailoverOutcome.COMPLETED


@pytest.mark.parametrize("request_json", (LIVE, _UNKNOWN), ids=("completed", "refused"))
async def test_a_closed_run_that_nobody_had_asked_still_says_whether_it_was_accepted(
    site: Site, client: FailoverClient, request_json: dict[str, str]
) -> None:
    handle = await site.start(request_json)
    end = await client.wait(handle.id)
    answer = await client.accepted(request_json, request_id=handle.id)
    assert answer.accepted is (end.outcome is RunOutcome.COMPLETED)
    assert answer.error_type == end.error_type
    assert answer.decisions == end.decisions


async def test_the_status_of_an_open_run_has_step_decisions_and_vm(
    site: Site, client: FailoverClient
) -> None:
    _slow_create(site, 4)
    handle = await site.start(LIVE)
    await activity_started(handle, "WaitForJobActivity")
    status = await client.status(handle.id)
    assert status.open
    assert status.picked_up
    assert status.outcome is RunOutcome.RUNNING
    assert status.step == "Wait for CloudStack: the VM is created"
    assert [one.destination_network_name for one in status.decisions] == ["prod-lan", "prod-dmz"]
    assert status.vm is not None
    assert status.vm.name == "pgtest1"
    assert (status.context_id, status.vm_name, status.failover_type) == (PGTEST1_CONTEXT, "pgtest1", "live")
    await site.stop_worker()
    assert (await client.status(handle.id)).step == status.step, "it needs no worker"
    await site.start_worker()
    assert (await client.wait(handle.id)).outcome is RunOutcome.COMPLETED


async def test_the_status_tells_why_a_step_is_tried_again(site: Site, client: FailoverClient) -> None:
    site.cloud.faults.add(Fault("listZones", FaultKind.MAINTENANCE, times=None))
    handle = await site.start(LIVE)

    async def trouble_seen() -> Trouble | None:
        return (await client.status(handle.id)).trouble

    trouble = await eventually(trouble_seen)
    assert trouble.error_type == FailoverErrorType.CLOUDSTACK_UNAVAILABLE
    assert trouble.attempt > 0
    assert "CloudStack" in trouble.step
    site.cloud.faults.clear()
    assert (await client.wait(handle.id)).outcome is RunOutcome.COMPLETED


async def test_the_status_of_a_completed_run_is_its_result(site: Site, client: FailoverClient) -> None:
    result = await site.run({"context_id": PGTEST3_CONTEXT, "failover_type": "test"})
    status = await client.status(result.workflow_id)
    assert not status.open
    assert status.outcome is RunOutcome.COMPLETED
    assert status.closed_at is not None
    assert status.closed_at >= status.started_at
    assert status.vm == result.vm
    assert status.decisions == result.decisions
    assert [one.rule for one in status.decisions] == [NetworkRule.MAPPED, NetworkRule.DEFAULT]
    assert status.warnings == result.warnings
    assert status.nic_source == "vma"
    assert status.error_type == ""


async def test_the_status_of_a_failed_run_names_what_it_removed(site: Site, client: FailoverClient) -> None:
    site.cloud.faults.add(Fault("listVirtualMachines", FaultKind.WRONG_MAC, times=None))
    failed = await site.run_failing(LIVE, workflow_id=f"{site.task_queue}-fails")
    status = await client.wait(f"{site.task_queue}-fails")
    assert failed.report is not None
    assert status.outcome is RunOutcome.FAILED
    assert status.error_type == failed.type
    assert status.reason == failed.message
    assert status.removed == failed.report.removed != ()
    assert status.left_behind == ()
    assert status.step == failed.report.step


async def test_a_request_that_is_not_valid_is_listed_as_refused(site: Site, client: FailoverClient) -> None:
    handle = await site.start({"context_id": PGTEST1_CONTEXT})
    status = await client.wait(handle.id)
    assert (status.outcome, status.error_type) == (RunOutcome.REFUSED, FailoverErrorType.INVALID_REQUEST)
    assert status.context_id == ""
    listed = await _listed(client, handle.id, outcome=RunOutcome.REFUSED)
    assert next(run for run in listed if run.workflow_id == handle.id).outcome is RunOutcome.REFUSED


async def test_lists_are_filtered_and_in_order(site: Site, client: FailoverClient) -> None:
    live = await site.run(LIVE)
    test = await site.run(TEST)
    refused = await site.start(_UNKNOWN)
    await client.wait(refused.id)
    _slow_create(site, 5)
    running = await site.start({"context_id": PGTEST2_CONTEXT, "failover_type": "live"})
    await activity_started(running, "WaitForJobActivity")

    everything = [
        run.workflow_id
        for run in await _listed(client, live.workflow_id, test.workflow_id, refused.id, running.id)
        if run.workflow_id.startswith(f"{site.task_queue}-")
    ]
    assert everything == [running.id, refused.id, test.workflow_id, live.workflow_id]

    async def ids(**filters: Any) -> set[str]:  # noqa: ANN401 - of list
        ours = {running.id, refused.id, test.workflow_id, live.workflow_id}
        return {run.workflow_id for run in await client.list(**filters)} & ours

    assert await ids(outcome=RunOutcome.RUNNING) == {running.id}
    assert await ids(outcome=RunOutcome.REFUSED) == {refused.id}
    assert await ids(outcome=RunOutcome.COMPLETED) == {live.workflow_id, test.workflow_id}
    assert await ids(outcome=RunOutcome.FAILED) == set()
    assert await ids(failover_type=FailoverType.TEST) == {test.workflow_id}
    assert await ids(vm_name="pgtest1") == {live.workflow_id, test.workflow_id}
    assert await ids(context_id="ctx-none") == {refused.id}
    assert await ids(vm_name="pgtest1", failover_type=FailoverType.LIVE) == {live.workflow_id}
    assert await ids(vm_name="it's \\ not' OR 'a' = 'a") == set()
    assert len(await client.list(limit=2)) == 2
    await client.wait(running.id)


async def test_a_cancel_is_asked_for_and_undone(site: Site, client: FailoverClient) -> None:
    _slow_create(site, 4)
    handle = await site.start(LIVE)
    await activity_started(handle, "WaitForJobActivity")
    assert await client.cancel(handle.id, reason="a drill of the drill")
    end = await client.wait(handle.id)
    assert end.outcome is RunOutcome.CANCELLED
    assert end.error_type == "Cancelled"
    assert site.vms() == []
    listed = await _listed(client, handle.id, outcome=RunOutcome.CANCELLED)
    assert handle.id in {run.workflow_id for run in listed}
    assert not await client.cancel(handle.id), "it is over"
    with pytest.raises(FailoverNotFound):
        await client.cancel("nobody")


async def test_a_terminated_run_says_so(site: Site, client: FailoverClient) -> None:
    await site.stop_worker()
    handle = await site.start(LIVE)
    await handle.terminate()
    end = await client.wait(handle.id)
    assert (end.outcome, end.error_type) == (RunOutcome.TERMINATED, "Terminated")
    assert handle.id in {
        run.workflow_id for run in await _listed(client, handle.id, outcome=RunOutcome.TERMINATED)
    }


async def test_a_wait_follows_a_reset_to_the_new_run(site: Site, client: FailoverClient) -> None:
    _slow_create(site, 4)
    handle = await site.start(LIVE)
    await activity_started(handle, "WaitForJobActivity")
    waiting = asyncio.create_task(client.wait(handle.id))
    pinned = asyncio.create_task(client.wait(handle.id, run_id=handle.result_run_id))
    assert (await client.status(handle.id)).open, "by now all three have seen the run"
    again = await reset(site.client, handle)
    end = await asyncio.wait_for(waiting, _PATIENCE)
    assert end.run_id == again.run_id
    assert end.outcome is RunOutcome.COMPLETED
    assert (await asyncio.wait_for(pinned, _PATIENCE)).outcome is RunOutcome.TERMINATED
    assert len(site.vms()) == 1


async def test_explain_and_mappings_answer_and_change_nothing(site: Site, client: FailoverClient) -> None:
    found = await client.explain(PGTEST3_CONTEXT)
    assert [one.destination_network_name for one in found.live.decisions] == ["prod-lan", ""]
    assert [one.destination_network_name for one in found.test.decisions] == ["test-lan", ""]
    rows = (await client.mappings(PGTEST1_CONTEXT)).rows
    assert [row.is_test_network for row in rows] == [False, True, False, True]
    assert site.vms() == []


async def test_a_question_about_nobody_is_refused_with_its_type(client: FailoverClient) -> None:
    for ask in (client.explain, client.mappings):
        with pytest.raises(QuestionRefused) as caught:
            await ask("ctx-none")
        assert caught.value.error_type == FailoverErrorType.UNKNOWN_CONTEXT


async def test_a_question_that_no_worker_takes_up_is_withdrawn(site: Site, client: FailoverClient) -> None:
    await site.stop_worker()
    with pytest.raises(NoWorker, match=site.task_queue):
        await client.mappings(PGTEST1_CONTEXT, worker_seconds=0.5)
    query = f"TaskQueue = '{site.task_queue}' AND ExecutionStatus = 'Terminated'"

    async def withdrawn() -> bool:
        return (await site.client.count_workflows(query)).count == 1

    assert await eventually(withdrawn)


async def test_an_answer_that_takes_too_long_is_given_up(site: Site, client: FailoverClient) -> None:
    site.vma.hang(60)
    with pytest.raises(QuestionRefused) as caught:
        await client.explain(PGTEST1_CONTEXT, timeout_seconds=1)
    assert caught.value.error_type == "TimedOut"


async def test_what_is_no_failover_is_not_found(site: Site, client: FailoverClient) -> None:
    handle = await site.client.start_workflow(
        "ListMappingsWorkflow",
        {"context_id": PGTEST1_CONTEXT},
        id=f"{site.task_queue}-question",
        task_queue=site.task_queue,
    )
    await handle.result()
    for ask in (client.status, client.wait, client.result, client.cancel):
        with pytest.raises(FailoverNotFound):
            await ask(handle.id)


async def test_an_unknown_namespace_is_told_by_name(temporal_client: Client) -> None:
    elsewhere = await FailoverClient.connect(
        temporal_client.service_client.config.target_host, "no-such-namespace"
    )
    with pytest.raises(TemporalRefused, match="no-such-namespace") as caught:
        await elsewhere.status("anything")
    assert caught.value.code == "NAMESPACE_NOT_FOUND"
    with pytest.raises(TemporalRefused):
        await elsewhere.start(LIVE)


def test_a_status_is_a_summary_and_more() -> None:
    assert issubclass(FailoverStatus, FailoverSummary)
