"""How a run ended, or how far it is: Temporal's answers turned into a status, an error or an acceptance."""

from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowExecution, WorkflowExecutionDescription
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,  # noqa: A004 - the SDK's own name for a run that ran out of time
)

from client.errors import FailoverNotCompleted
from client.progress import Progress
from client.runs import FailoverStatus, RunOutcome, Trouble
from client.visibility import summary_of
from rules.outcomes import Acceptance, FailoverResult, FailureReport

_ENDED_BY_TEMPORAL: Final = {
    CancelledError: "Cancelled",
    TerminatedError: "Terminated",
    TimeoutError: "TimedOut",
}
_ACCEPTED: Final = frozenset({RunOutcome.COMPLETED, RunOutcome.FAILED})
"""Ends of runs that had passed every check before their first effect."""


def not_completed(workflow_id: str, cause: BaseException) -> FailoverNotCompleted:
    """Read why a run did not complete."""
    if isinstance(cause, ApplicationError):
        return FailoverNotCompleted(
            workflow_id,
            error_type=cause.type or "Unknown",
            reason=cause.message,
            report=_report(cause.details[0]) if cause.details else None,
        )
    kind = next((name for known, name in _ENDED_BY_TEMPORAL.items() if isinstance(cause, known)), "Unknown")
    return FailoverNotCompleted(workflow_id, error_type=kind, reason=str(cause))


def status_of(run: WorkflowExecution, end: FailoverResult | FailoverNotCompleted) -> FailoverStatus:
    """Tell how a closed run ended."""
    head = summary_of(run).model_dump()
    if isinstance(end, FailoverResult):
        # The result knows what the search attributes may not show yet.
        known = {"context_id": end.context_id, "vm_name": end.vm_name, "failover_type": end.failover_type}
        return FailoverStatus(
            **head | known,
            decisions=end.decisions,
            vm=end.vm,
            disks=end.disks,
            nic_source=end.nic_source,
            nics_inferred=end.nics_inferred,
            warnings=end.warnings,
            proven=end.proven,
            attached=end.attached,
            recovery_point=end.recovery_point,
            objectives=end.objectives,
            source_end=end.source_end,
            snapshots=end.snapshots,
            checks=end.checks,
            continues_as=end.continues_as,
        )
    report = end.report
    if report is None:
        return FailoverStatus(**head, error_type=end.error_type, reason=end.reason)
    return FailoverStatus(
        **head,
        step=report.step,
        decisions=report.decisions,
        disks=report.disks,
        warnings=report.warnings,
        error_type=end.error_type,
        reason=end.reason,
        removed=report.removed,
        left_behind=report.left_behind,
        held_by=report.held_by,
        checks=report.checks,
        restored=report.restored,
        rolled_back_by=report.rolled_back_by,
    )


def open_status(run: WorkflowExecutionDescription, progress: Progress) -> FailoverStatus:
    """Tell how far an open run is."""
    head = summary_of(run).model_dump()
    if progress.held:
        # The history says it at once; the search attribute that a description shows may lag behind.
        head["outcome"] = RunOutcome.HELD
    return FailoverStatus(
        **head,
        picked_up=progress.picked_up,
        step=progress.step,
        decisions=progress.decisions,
        vm=progress.vm,
        warnings=tuple(f"{one}: {warning}" for one in progress.decisions for warning in one.warnings),
        trouble=trouble_of(run.raw_description.pending_activities, progress.step),
        held=progress.held,
        checks=progress.checks,
        recovery_point=progress.recovery_point,
    )


def acceptance_of(status: FailoverStatus) -> Acceptance:
    """Say of a closed run whether it had been accepted: for one that ended without having been asked."""
    accepted = status.outcome in _ACCEPTED
    return Acceptance(
        accepted=accepted,
        workflow_id=status.workflow_id,
        context_id=status.context_id,
        vm_name=status.vm_name,
        failover_type=status.failover_type,
        decisions=status.decisions,
        warnings=status.warnings,
        error_type="" if accepted else status.error_type,
        message="" if accepted else status.reason,
        held_by=status.held_by,
        checks=status.checks,
    )


def trouble_of(pending: Iterable[PendingActivityInfo], step: str) -> Trouble | None:
    """Tell which pending step fails and is tried again; None when none does."""
    for one in pending:
        if one.HasField("last_failure"):
            info = one.last_failure.application_failure_info
            return Trouble(
                step=step or one.activity_type.name,
                error_type=info.type or "Timeout",
                message=one.last_failure.message,
                attempt=one.attempt,
            )
    return None


def _report(detail: object) -> FailureReport | None:
    try:
        return FailureReport.model_validate(detail)
    except ValidationError:
        # An error that did not come from the end of the run carries no report.
        return None
