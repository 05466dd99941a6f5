"""Accepted or refused: what a caller that starts a run may wait for."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from rules.outcomes import Acceptance
    from workflows.failures import explain, typed_cause
    from workflows.lease import HELD_BY
    from workflows.run_state import FailoverRun


def accepted(run: FailoverRun) -> Acceptance:
    """Say that everything that can be checked before the first effect was checked."""
    return Acceptance(
        accepted=True,
        workflow_id=run.workflow_id,
        context_id=run.config.context_id,
        vm_name=run.loaded.context.vm_name,
        failover_type=run.config.failover_type.value,
        decisions=run.decisions,
        warnings=run.warnings,
        checks=run.preflight.checks,
    )


def refused(error: BaseException, run: FailoverRun | None = None) -> Acceptance:
    """Say why the run ended before its first effect.

    Args:
        error: What ended it.
        run: For what it had decided by then; None when its request was not valid.
    """
    error_type, message = explain(error)
    cancelled = workflow.cancellation_reason() is not None
    return Acceptance(
        accepted=False,
        workflow_id=workflow.info().workflow_id,
        context_id=run.config.context_id if run else "",
        failover_type=run.config.failover_type.value if run else "",
        decisions=run.decisions if run else (),
        checks=run.preflight.checks if run else (),
        error_type="Cancelled" if cancelled else error_type.value,
        message="Cancelled" if cancelled else message,
        held_by=holder(error),
    )


def holder(error: BaseException) -> str:
    """Return the workflow id of the failover that was in the way; empty when none was."""
    cause = typed_cause(error)
    details = cause.details if isinstance(cause, ApplicationError) else ()
    return next((str(one[HELD_BY]) for one in details if isinstance(one, dict) and HELD_BY in one), "")
