"""The client against a real Temporal server, with a workflow that plays the failover's part."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from client import (
    FailoverAlreadyRunning,
    FailoverClient,
    FailoverNotCompleted,
    FailoverNotFound,
    StepState,
    TemporalUnreachable,
)
from embedded.environment import PROJECT_ROOT
from embedded.ports import free_ports
from embedded.temporal_server import TemporalServer
from rules.outcomes import FailoverOutcome, FailoverResult, FailureReport
from rules.resolution import NetworkRule

QUEUE = "client-test"
CONTEXT = "ctx-pgtest1-20250922-210037"


class Decision(BaseModel):
    nic_index: int = 0
    source_network_name: str = "VM Network"
    destination_network_id: str = "net-1"
    rule: str = "mapped"


class Answer(BaseModel):
    """What a worker of another version may send: the fields of the result, and one that we do not know."""

    workflow_id: str
    context_id: str
    vm_name: str = "pgtest1"
    failover_type: str
    outcome: str = "completed"
    vm: dict[str, Any] = {"id": "vm-1", "name": "pgtest1", "state": "Running"}
    decisions: list[Decision] = [Decision()]
    nic_source: str = "vma"
    from_the_future: str = "unknown to this client"


@activity.defn(name="ResolveNetworkActivity")
async def resolve(what: str) -> str:
    if what == "break":
        raise ApplicationError("two rows name one network", type="DuplicateNetwork", non_retryable=True)
    return what


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class PlayedFailover:
    def __init__(self) -> None:
        self._released = False

    @workflow.signal
    def release(self) -> None:
        self._released = True

    @workflow.run
    async def run(self, request: dict[str, Any]) -> Answer:
        workflow.set_current_details(f"**{request['failover_type']}** at work")
        play = request.get("play", "complete")
        await self._resolve("fine", "Resolve networks")
        if play == "fail":
            try:
                await self._resolve("break", None)
            except ActivityError as error:
                report = FailureReport(
                    step="resolve networks", outcome=FailoverOutcome.FAILED, left_behind=("VM vm-1",)
                )
                raise ApplicationError("refused", report, type="DuplicateNetwork") from error
        if play == "fail without report":
            raise ApplicationError("no words", {"some": "thing"}, type="ActivityFailed")
        if play == "wait":
            await workflow.wait_condition(lambda: self._released)
        return Answer(
            workflow_id=workflow.info().workflow_id,
            context_id=request["context_id"],
            failover_type=request["failover_type"],
        )

    async def _resolve(self, what: str, summary: str | None) -> str:
        answer: str = await workflow.execute_activity(
            "ResolveNetworkActivity",
            what,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=1),
            summary=summary,
        )
        return answer


@pytest.fixture
async def client(temporal_client: Client) -> AsyncIterator[FailoverClient]:
    worker = Worker(
        temporal_client,
        task_queue=QUEUE,
        workflows=[PlayedFailover],
        activities=[resolve],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        yield FailoverClient(temporal_client, task_queue=QUEUE)


def request(play: str = "complete", failover_type: str = "live") -> dict[str, str]:
    return {"context_id": CONTEXT, "failover_type": failover_type, "play": play}


async def test_a_started_failover_comes_back_as_a_typed_result(client: FailoverClient) -> None:
    handle = await client.start(request(), workflow_id="client-completes")

    result = await client.result("client-completes")

    assert isinstance(result, FailoverResult)
    assert result.workflow_id == handle.id
    assert result.context_id == CONTEXT
    assert result.outcome is FailoverOutcome.COMPLETED
    assert result.decisions[0].rule is NetworkRule.MAPPED
    assert result.disks == "none attached"
    assert await handle.result() == result


async def test_what_goes_to_temporal_is_the_plain_json_of_the_request(
    client: FailoverClient, temporal_client: Client
) -> None:
    await client.start(request(), workflow_id="client-sends")
    await client.result("client-sends")

    history = await temporal_client.get_workflow_handle("client-sends").fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    (payload,) = started.input.payloads
    assert started.workflow_type.name == "FailoverWorkflow"
    assert payload.metadata["encoding"] == b"json/plain"
    assert json.loads(payload.data) == request()


async def test_an_id_that_is_open_is_refused_and_can_be_used_again_once_closed(
    client: FailoverClient,
) -> None:
    first: WorkflowHandle[Any, FailoverResult] = await client.start(
        request("wait"), workflow_id="client-twice"
    )

    with pytest.raises(FailoverAlreadyRunning, match="client-twice is running already"):
        await client.start(request(), workflow_id="client-twice")

    await first.signal("release")
    await client.result("client-twice")
    again = await client.start(request(failover_type="test"), workflow_id="client-twice")
    assert (await client.result("client-twice", run_id=again.result_run_id)).failover_type == "test"
    assert (await client.result("client-twice", run_id=first.result_run_id)).failover_type == "live"


async def test_a_failed_run_tells_its_type_and_what_it_left_behind(client: FailoverClient) -> None:
    await client.start(request("fail"), workflow_id="client-fails")

    with pytest.raises(FailoverNotCompleted) as caught:
        await client.result("client-fails")

    assert caught.value.error_type == "DuplicateNetwork"
    assert caught.value.reason == "refused"
    assert caught.value.report is not None
    assert caught.value.report.left_behind == ("VM vm-1",)
    assert str(caught.value) == "client-fails ended with DuplicateNetwork: refused"


async def test_a_failed_run_without_a_report_is_told_as_well(client: FailoverClient) -> None:
    await client.start(request("fail without report"), workflow_id="client-fails-plainly")

    with pytest.raises(FailoverNotCompleted) as caught:
        await client.result("client-fails-plainly")

    assert caught.value.error_type == "ActivityFailed"
    assert caught.value.report is None


@pytest.mark.parametrize(("how", "kind"), (("cancel", "Cancelled"), ("terminate", "Terminated")))
async def test_a_run_that_was_ended_from_outside_is_not_completed(
    client: FailoverClient, how: str, kind: str
) -> None:
    handle = await client.start(request("wait"), workflow_id=f"client-{how}")

    await getattr(handle, how)()

    with pytest.raises(FailoverNotCompleted) as caught:
        await client.result(f"client-{how}")
    assert caught.value.error_type == kind


async def test_a_run_that_ran_out_of_time_is_not_completed(
    client: FailoverClient, temporal_client: Client
) -> None:
    await temporal_client.start_workflow(
        "FailoverWorkflow",
        request("wait"),
        id="client-late",
        task_queue=QUEUE,
        execution_timeout=timedelta(seconds=1),
    )

    with pytest.raises(FailoverNotCompleted) as caught:
        await client.result("client-late")

    assert caught.value.error_type == "TimedOut"


async def test_the_steps_of_a_run_are_told_as_they_happen_and_end_with_it(client: FailoverClient) -> None:
    handle = await client.start(request("wait"), workflow_id="client-steps")
    seen: list[tuple[str, str, StepState]] = []

    async for step in client.steps("client-steps"):
        seen.append((step.activity, step.summary, step.state))
        if step.state is StepState.DONE:
            # The run is still open here: it waits for this.
            await handle.signal("release")

    assert seen == [
        ("ResolveNetworkActivity", "Resolve networks", StepState.STARTED),
        ("ResolveNetworkActivity", "Resolve networks", StepState.DONE),
    ]


async def test_a_failed_step_is_told_and_a_step_without_summary_has_its_name(client: FailoverClient) -> None:
    await client.start(request("fail"), workflow_id="client-failed-step")

    steps = [step async for step in client.steps("client-failed-step")]

    assert [(step.summary, step.state) for step in steps[2:]] == [
        ("ResolveNetworkActivity", StepState.STARTED),
        ("ResolveNetworkActivity", StepState.FAILED),
    ]
    assert steps[2].number == steps[3].number != steps[0].number


async def test_the_current_details_are_what_the_run_says_of_itself(client: FailoverClient) -> None:
    handle = await client.start(request("wait", "test"), workflow_id="client-details")

    assert await client.current_details("client-details") == "**test** at work"

    await handle.signal("release")
    await client.result("client-details")


async def test_an_unknown_id_is_not_found(client: FailoverClient) -> None:
    with pytest.raises(FailoverNotFound, match="no failover with the workflow id nobody"):
        await client.result("nobody")
    with pytest.raises(FailoverNotFound):
        await client.current_details("nobody")
    with pytest.raises(FailoverNotFound):
        await anext(client.steps("nobody"))


async def test_connect_takes_address_and_namespace_from_temporals_environment(
    temporal_server: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_server.address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")

    configured = await FailoverClient.connect()
    given = await FailoverClient.connect(temporal_server.address, "default")

    assert configured.temporal.namespace == "elsewhere"
    assert given.temporal.namespace == "default"
    with pytest.raises(FailoverNotFound):
        await given.result("nobody")


async def test_connect_says_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("TEMPORAL_API_KEY", "made-up-secret")
    address = f"127.0.0.1:{free_ports(1)[0]}"

    with pytest.raises(TemporalUnreachable, match=f"no Temporal server answers at {address}") as caught:
        await asyncio.wait_for(FailoverClient.connect(address), timeout=60)

    assert "made-up-secret" not in str(caught.value)


def test_the_client_needs_nothing_but_temporal_and_the_rules() -> None:
    code = "import sys, client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"

    loaded = set(subprocess.check_output([sys.executable, "-c", code], cwd=PROJECT_ROOT, text=True).split())

    assert {"client", "rules", "temporalio"} <= loaded
    assert not loaded & {
        "activities",
        "cloudstack",
        "database",
        "settings",
        "sqlalchemy",
        "vma",
        "worker",
        "workflows",
    }
    assert (PROJECT_ROOT / "client" / "py.typed").is_file()
