"""Following a run: to its end, and step by step, through whatever goes away meanwhile."""

from collections.abc import AsyncIterator
from typing import Any

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import TerminatedError
from temporalio.service import RPCError

from client.endings import not_completed
from client.errors import FailoverNotFound
from client.outages import Pause, passes, through_outages, typed_errors
from client.progress import outcome_said
from client.runs import HOLDING
from client.steps import Step, StepReader
from rules.outcomes import FailoverResult
from rules.temporal_names import FAILOVER_WORKFLOW

FailoverHandle = WorkflowHandle[Any, FailoverResult]


def handle_of(client: Client, workflow_id: str, run_id: str | None) -> FailoverHandle:
    """Return Temporal's handle of a run; without ``run_id`` of the latest one."""
    return client.get_workflow_handle(workflow_id, run_id=run_id, result_type=FailoverResult)


async def describe(client: Client, workflow_id: str, run_id: str | None) -> WorkflowExecutionDescription:
    """Look at a run.

    Raises:
        FailoverNotFound: There is none, or it is no failover.
    """
    with typed_errors(client, workflow_id):
        run = await handle_of(client, workflow_id, run_id).describe()
    if run.workflow_type != FAILOVER_WORKFLOW:
        raise FailoverNotFound(workflow_id)
    return run


async def result_of(client: Client, workflow_id: str, run_id: str | None) -> FailoverResult:
    """Wait for the end of a run; without ``run_id`` a reset is followed to the new one.

    Raises:
        FailoverNotCompleted: It ended otherwise than with a verified VM.
        FailoverNotFound: There is no such run.
    """
    run = await describe(client, workflow_id, run_id)
    while True:
        with typed_errors(client, workflow_id):
            try:
                return await through_outages(handle_of(client, workflow_id, run.run_id).result)
            except WorkflowFailureError as error:
                if run_id is None and isinstance(error.cause, TerminatedError):
                    latest = await through_outages(handle_of(client, workflow_id, None).describe)
                    if latest.run_id != run.run_id:
                        run = latest
                        continue
                raise not_completed(workflow_id, error.cause) from error


async def steps_of(
    client: Client, workflow_id: str, run_id: str | None, *, until_held: bool = False
) -> AsyncIterator[Step]:
    """Yield each step of a run as it begins and ends, none twice, until the run is over.

    Args:
        client: Connected with the pydantic converter.
        workflow_id: The run.
        run_id: An earlier run of that id.
        until_held: End as well when the run holds for an operator's order.

    Raises:
        FailoverNotFound: There is no such run.
    """
    run = await describe(client, workflow_id, run_id)
    reader = StepReader(client.data_converter)
    pause, last, outcome = Pause(), 0, ""
    # What is in the history already may have been overtaken: it does not hold because it once did.
    past = run.history_length
    while True:
        events = handle_of(client, workflow_id, run.run_id).fetch_history_events(wait_new_event=True)
        with typed_errors(client, workflow_id):
            try:
                async for event in events:
                    if event.event_id <= last:
                        continue
                    last = event.event_id
                    pause.reset()
                    step = await reader.read(event)
                    if step is not None:
                        yield step
                    outcome = await outcome_said(client.data_converter, event) or outcome
                    if until_held and outcome in HOLDING and last >= past:
                        return
            except RPCError as error:
                if not passes(error):
                    raise
            else:
                return
        await pause.take()
