"""Lists of failovers: the query that Temporal's visibility gets, and what one of its rows says."""

from typing import Final

from temporalio.client import WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from client.runs import HOLDING, FailoverSummary, RunOutcome
from rules.temporal_names import (
    CONTEXT_ATTRIBUTE,
    FAILOVER_WORKFLOW,
    OUTCOME_ATTRIBUTE,
    TYPE_ATTRIBUTE,
    VM_NAME_ATTRIBUTE,
)

_CONDITIONS: Final = {
    RunOutcome.RUNNING: "ExecutionStatus = 'Running'",
    RunOutcome.HELD: f"ExecutionStatus = 'Running' AND ({OUTCOME_ATTRIBUTE} = 'held'"
    f" OR {OUTCOME_ATTRIBUTE} = 'source_returned')",
    RunOutcome.COMPLETED: "ExecutionStatus = 'Completed'",
    # A request that is not valid is refused before the run can say anything about itself.
    RunOutcome.REFUSED: f"ExecutionStatus = 'Failed' AND ({OUTCOME_ATTRIBUTE} = 'refused'"
    f" OR {OUTCOME_ATTRIBUTE} IS NULL)",
    RunOutcome.FAILED: f"ExecutionStatus = 'Failed' AND {OUTCOME_ATTRIBUTE} = 'failed'",
    # Cancelled, but something was left behind: then the run ends as a failed one that says so.
    RunOutcome.CANCELLED: f"(ExecutionStatus = 'Canceled' OR (ExecutionStatus = 'Failed'"
    f" AND {OUTCOME_ATTRIBUTE} = 'cancelled'))",
    RunOutcome.TERMINATED: "ExecutionStatus = 'Terminated'",
    RunOutcome.TIMED_OUT: "ExecutionStatus = 'TimedOut'",
}

_ENDS: Final = {
    WorkflowExecutionStatus.RUNNING: RunOutcome.RUNNING,
    WorkflowExecutionStatus.COMPLETED: RunOutcome.COMPLETED,
    WorkflowExecutionStatus.CANCELED: RunOutcome.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: RunOutcome.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT: RunOutcome.TIMED_OUT,
}

_FAILED: Final = {"failed": RunOutcome.FAILED, "cancelled": RunOutcome.CANCELLED}


def list_query(*, outcome: RunOutcome | None, failover_type: str, vm_name: str, context_id: str) -> str:
    """Return the query for the failovers that pass every filter; an empty filter lets all pass."""
    conditions = [f"WorkflowType = {quoted(FAILOVER_WORKFLOW)}"]
    if outcome is not None:
        conditions.append(_CONDITIONS[outcome])
    named = ((TYPE_ATTRIBUTE, failover_type), (VM_NAME_ATTRIBUTE, vm_name), (CONTEXT_ATTRIBUTE, context_id))
    conditions += [f"{name} = {quoted(value)}" for name, value in named if value]
    return " AND ".join(conditions)


def summary_of(run: WorkflowExecution) -> FailoverSummary:
    """Read one row of a list, or the head of a description."""
    is_open = run.status is WorkflowExecutionStatus.RUNNING
    return FailoverSummary(
        workflow_id=run.id,
        run_id=run.run_id,
        context_id=_attribute(run, CONTEXT_ATTRIBUTE),
        vm_name=_attribute(run, VM_NAME_ATTRIBUTE),
        failover_type=_attribute(run, TYPE_ATTRIBUTE),
        outcome=_outcome(run),
        open=is_open,
        started_at=run.start_time,
        closed_at=run.close_time,
    )


def _outcome(run: WorkflowExecution) -> RunOutcome:
    said = _attribute(run, OUTCOME_ATTRIBUTE)
    if run.status is WorkflowExecutionStatus.RUNNING and said in HOLDING:
        return RunOutcome.HELD
    if run.status in _ENDS:
        return _ENDS[run.status]
    return _FAILED.get(said, RunOutcome.REFUSED)


def _attribute(run: WorkflowExecution, name: str) -> str:
    return run.typed_search_attributes.get(SearchAttributeKey.for_keyword(name)) or ""


def quoted(value: str) -> str:
    """Return a text as a literal of Temporal's list queries."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
