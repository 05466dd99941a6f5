"""How a run ends: recorded after the fact, and nothing left that the result does not name."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages.record import FinishRunRequest
    from rules.errors import FailoverErrorType
    from rules.outcomes import FailoverOutcome, FailoverResult, FailureReport
    from workflows import steps, surface
    from workflows.acceptance import holder
    from workflows.failures import explain
    from workflows.run_state import FailoverRun
    from workflows.undisturbed import undisturbed


async def complete(run: FailoverRun) -> FailoverResult:
    """Record the completion and return the result."""
    source = run.source
    result = FailoverResult(
        workflow_id=run.workflow_id,
        context_id=run.loaded.context.context_id,
        vm_name=run.loaded.context.vm_name,
        failover_type=run.config.failover_type.value,
        outcome=FailoverOutcome.COMPLETED,
        vm=run.vm,
        decisions=run.decisions,
        nic_source=source.source,
        nic_source_observed_at=source.observed_at,
        nic_source_age_seconds=run.source_age_seconds,
        nic_source_reason=source.reason,
        nics_inferred=source.inferred,
        warnings=run.warnings,
    )
    try:
        await undisturbed(steps.finish_run(_record(run, result.outcome, result, keeps_vm=True)))
    except ActivityError as error:
        # A record that cannot be written is no reason to remove a verified VM.
        run.notes.append(f"the database does not know of this completion: {explain(error)[1]}")
        result = result.model_copy(update={"warnings": run.warnings})
    surface.show_outcome(result.outcome)
    run.show("completed")
    return result


async def roll_back(run: FailoverRun, error: BaseException) -> BaseException:
    """Undo what was done, record how it ended, and return what the run ends with."""
    return await undisturbed(_roll_back(run, error))


async def _roll_back(run: FailoverRun, error: BaseException) -> BaseException:
    failed_step = run.step
    error_type, message = explain(error)
    outcome = FailoverOutcome.FAILED if run.undo else FailoverOutcome.REFUSED
    if workflow.cancellation_reason() is not None or isinstance(error, asyncio.CancelledError):
        error_type, message, outcome = (
            FailoverErrorType.UNDO_INCOMPLETE,
            "Cancelled",
            FailoverOutcome.CANCELLED,
        )
    undone = [await compensate() for compensate in reversed(run.undo)]
    report = FailureReport(
        step=failed_step,
        outcome=outcome,
        decisions=run.decisions,
        removed=tuple(one for part in undone for one in part.removed),
        left_behind=tuple(one for part in undone for one in part.left_behind),
        warnings=run.warnings,
        held_by=holder(error),
    )
    text = f"{message} (step: {failed_step})"
    if report.removed:
        # A cancelled workflow carries no report, and what is only destroyed still holds its name.
        text = f"{text}. Removed: {'; '.join(report.removed)}"
        run.forget_vm()
    if report.left_behind:
        text = f"{text}. Left behind: {'; '.join(report.left_behind)}"
    if run.begun:
        record = _record(run, outcome, report, keeps_vm=bool(report.left_behind))
        failed = outcome is not FailoverOutcome.CANCELLED or bool(report.left_behind)
        update = {
            "step": failed_step,
            "error_type": error_type.value if failed else "",
            "error_message": text,
        }
        try:
            await steps.finish_run(record.model_copy(update=update))
        except ActivityError as unwritten:
            text = f"{text}. The database does not know of this end: {explain(unwritten)[1]}"
    surface.show_outcome(outcome)
    run.show(f"{outcome.value}. {text}")
    if outcome is FailoverOutcome.CANCELLED and not report.left_behind:
        return asyncio.CancelledError(text)
    return ApplicationError(text, report, type=error_type.value, non_retryable=True)


def _record(
    run: FailoverRun, outcome: FailoverOutcome, report: FailoverResult | FailureReport, *, keeps_vm: bool
) -> FinishRunRequest:
    return FinishRunRequest(
        workflow_id=run.workflow_id,
        context_id=run.loaded.context.context_id,
        failover_type=run.config.failover_type,
        vm_name=run.loaded.context.vm_name,
        outcome=outcome,
        create_attempted=bool(run.undo),
        keeps_vm=keeps_vm,
        vm=run.vm_if_any,
        report=report.model_dump(mode="json"),
    )
