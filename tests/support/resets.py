"""``temporal workflow reset``, as a call: to the first task, or to the task that scheduled an activity."""

import uuid
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

from rules.outcomes import FailoverResult

FIRST_TASK = ""
"""Everything is done again."""


async def reset(
    client: Client, handle: WorkflowHandle[Any, Any], to: str = FIRST_TASK
) -> WorkflowHandle[Any, FailoverResult]:
    """Reset a run, open or closed, and return the new run.

    Args:
        client: Of the run's namespace.
        handle: The run.
        to: The activity that is to be the first one that is scheduled again.
    """
    description = await handle.describe()
    done = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id, run_id=description.run_id),
            reason="a test resets it",
            workflow_task_finish_event_id=await _event(handle, to),
            request_id=str(uuid.uuid4()),
        )
    )
    return client.get_workflow_handle(handle.id, run_id=done.run_id, result_type=FailoverResult)


async def _event(handle: WorkflowHandle[Any, Any], to: str) -> int:
    for event in (await handle.fetch_history()).events:
        scheduled = event.activity_task_scheduled_event_attributes
        if to == FIRST_TASK and event.HasField("workflow_task_completed_event_attributes"):
            return event.event_id
        if to != FIRST_TASK and scheduled.activity_type.name == to:
            return scheduled.workflow_task_completed_event_id
    raise AssertionError(f"the run never scheduled {to}")
