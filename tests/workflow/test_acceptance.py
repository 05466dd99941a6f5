"""Update with start: whoever starts a failover learns at once whether it was accepted."""

from typing import Any

from temporalio.client import WithStartWorkflowOperation, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy

from rules.errors import FailoverErrorType
from rules.outcomes import Acceptance, FailoverOutcome, FailoverResult
from simulators.cloudstack import Fault, FaultKind
from tests.support.site import LIVE, Failed, Site, activity_started, failed


async def _ask(site: Site, request: object, workflow_id: str) -> Acceptance:
    start: WithStartWorkflowOperation[Any, FailoverResult] = WithStartWorkflowOperation(
        "FailoverWorkflow",
        request,
        id=workflow_id,
        task_queue=site.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        result_type=FailoverResult,
    )
    update = await site.client.start_update_with_start_workflow(
        "accepted",
        start_workflow_operation=start,
        wait_for_stage=WorkflowUpdateStage.COMPLETED,
        result_type=Acceptance,
    )
    answer: Acceptance = await update.result()
    return answer


async def test_an_accepted_run_answers_with_its_decisions_and_goes_on(site: Site) -> None:
    workflow_id = f"{site.task_queue}-accepted"
    answer = await _ask(site, LIVE, workflow_id)
    assert answer.accepted
    assert [one.destination_network_name for one in answer.decisions] == ["prod-lan", "prod-dmz"]
    result = await site.client.get_workflow_handle(workflow_id, result_type=FailoverResult).result()
    assert result.outcome is FailoverOutcome.COMPLETED


async def test_an_invalid_request_is_refused_with_its_field(site: Site) -> None:
    workflow_id = f"{site.task_queue}-invalid"
    answer = await _ask(site, LIVE | {"test_duration": "2h"}, workflow_id)
    assert not answer.accepted
    assert answer.error_type == FailoverErrorType.INVALID_REQUEST
    assert "test_duration" in answer.message
    assert (await failed(site.client.get_workflow_handle(workflow_id))).type == answer.error_type


async def test_a_second_live_failover_is_refused_with_the_id_of_the_first(site: Site) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=3))
    first = await site.start(LIVE)
    await activity_started(first, "WaitForJobActivity")
    answer = await _ask(site, LIVE, f"{site.task_queue}-second")
    assert answer.error_type == FailoverErrorType.FAILOVER_IN_PROGRESS
    assert answer.held_by == first.id
    assert (await first.result()).outcome is FailoverOutcome.COMPLETED
    assert len(site.vms()) == 1


async def test_a_run_that_ends_early_still_answers(site: Site) -> None:
    end: Failed = await site.run_failing({"context_id": "ctx-none", "failover_type": "live"})
    assert end.type == FailoverErrorType.UNKNOWN_CONTEXT
    answer = await _ask(site, {"context_id": "ctx-none", "failover_type": "live"}, f"{site.task_queue}-none")
    assert answer.error_type == FailoverErrorType.UNKNOWN_CONTEXT
    assert answer.context_id == "ctx-none"
