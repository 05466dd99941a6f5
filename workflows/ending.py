"""How a run ends: recorded after the fact, and nothing left that the result does not name."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.messages.record import FinishRunRequest, RunQuery
    from rules.errors import FailoverErrorType
    from rules.outcomes import FailoverOutcome, FailoverResult, FailureReport, Objectives
    from rules.request import FailoverType
    from workflows import drill_end, machine, steps, surface, way_back
    from workflows.acceptance import holder
    from workflows.failures import explain
    from workflows.orders import TakenOver, Undone
    from workflows.run_state import FailoverRun
    from workflows.successor import hand_over, stand_down, successor_id
    from workflows.undisturbed import undisturbed

_LIVE_STATUS = "failed_over_live"
_TEST_STATUS = "failed_over_test"


async def complete(run: FailoverRun) -> FailoverResult:
    """Hand the VM over to whoever ends its time, record the completion and return the result."""
    return await undisturbed(_complete(run))


async def _complete(run: FailoverRun) -> FailoverResult:
    if run.whole:
        run.continues_as = successor_id(run.taken)
        if run.lease_days and not run.vm.lease_days:
            run.notes.append("CloudStack gave the test's VM no instance lease: only the cleanup ends it")
    result = _result(run)
    record = _record(run, result.outcome, result, keeps_vm=True)
    record = record.model_copy(
        update={"lease_to": run.continues_as, "context_status": _status_of_completion(run)}
    )
    try:
        await steps.finish_run(record)
    except ActivityError as error:
        # A record that cannot be written is no reason to remove a verified VM.
        run.notes.append(f"the database does not know of this completion: {explain(error)[1]}")
    if run.whole:
        await _hand_over(run)
    result = result.model_copy(update={"warnings": run.warnings})
    surface.show_outcome(result.outcome)
    run.show("completed")
    return result


async def roll_back(run: FailoverRun, error: BaseException) -> BaseException:
    """Undo what was done, record how it ended, and return what the run ends with."""
    return await undisturbed(_roll_back(run, error))


async def _roll_back(run: FailoverRun, error: BaseException) -> BaseException:
    failed_step = run.failed_step or run.step
    error_type, message = explain(error)
    outcome = FailoverOutcome.FAILED if run.has_effects else FailoverOutcome.REFUSED
    if workflow.cancellation_reason() is not None or isinstance(error, asyncio.CancelledError):
        error_type, message, outcome = (
            FailoverErrorType.UNDO_INCOMPLETE,
            "Cancelled",
            FailoverOutcome.CANCELLED,
        )
    undone, still = await _undo(run)
    if undone.home:
        run.attached = ()
    report = FailureReport(
        step=failed_step,
        outcome=outcome,
        decisions=run.decisions,
        removed=undone.removed,
        left_behind=undone.named,
        warnings=run.warnings,
        held_by=holder(error),
        disks=run.disks_in_words,
        checks=run.preflight.checks,
        restored=undone.restored,
        rolled_back_by=run.rolled_back_by,
    )
    text = f"{message} (step: {failed_step})"
    if report.removed:
        # A cancelled workflow carries no report, and what is only destroyed still holds its name.
        text = f"{text}. Removed: {'; '.join(report.removed)}"
        run.forget_vm()
    if report.restored:
        text = f"{text}. Restored: {'; '.join(report.restored)}"
    if report.left_behind:
        text = f"{text}. Left behind: {'; '.join(report.left_behind)}"
    if run.begun:
        record = _record(run, outcome, report, keeps_vm=not undone.vm_gone)
        failed = outcome is not FailoverOutcome.CANCELLED or bool(report.left_behind)
        update = {
            "step": failed_step,
            "error_type": error_type.value if failed else "",
            "error_message": text,
            "context_status": _status_of_undo(run, clean=still is None),
            "lease_to": successor_id(run.taken) if still is not None else "",
        }
        try:
            await steps.finish_run(record.model_copy(update=update))
        except ActivityError as unwritten:
            text = f"{text}. The database does not know of this end: {explain(unwritten)[1]}"
    if run.touched.cleanup and not run.unwatched:
        unheard = await stand_down(still or run.taken, clean=still is None)
        text = f"{text}. {unheard}" if unheard else text
    surface.show_outcome(outcome)
    run.show(f"{outcome.value}. {text}")
    if outcome is FailoverOutcome.CANCELLED and not report.left_behind:
        return asyncio.CancelledError(text)
    return ApplicationError(text, report, type=error_type.value, non_retryable=True)


async def _undo(run: FailoverRun) -> tuple[Undone, TakenOver | None]:
    """Undo in the order that the kind of run asks for; nothing is touched that was not begun.

    Returns:
        What was done; and what is still taken, for the workflow that goes on, if anything is.
    """
    if not run.has_effects:
        return Undone(), None
    if not run.whole:
        gone = [await compensate() for compensate in reversed(run.undo)]
        left = tuple(one for part in gone for one in part.left_behind)
        removed = tuple(one for part in gone for one in part.removed)
        return Undone(removed=removed, left_behind=left, vm_gone=not left), None
    taken = run.taken
    try:
        # Read afresh: a reset replays what an earlier run knew before it completed.
        before = await steps.begin_undo(RunQuery(workflow_id=run.workflow_id))
    except ActivityError as error:
        why = f"not undone: {explain(error)[1]}"
        of_vm = Undone(left_behind=(f"{machine.named(taken)}: {why}",) if taken.touched.vm else ())
        return of_vm.and_then(way_back.all_left(taken, why)), _watched(run, taken)
    if before.completed_vm_id:
        kept = f"VM {before.completed_vm_id} with its disks, snapshots and fence: an earlier run completed it"
        # Whoever goes on after that run goes on.
        run.unwatched = True
        return Undone(kept=(kept,), home=False, vm_gone=False), None
    if run.set_is_incomplete:
        # A snapshot or a clone whose answer nobody has seen may still come; its absence proves nothing yet.
        await workflow.sleep(taken.policy.settle_seconds, summary="Let unanswered calls expire")
    if run.on_clones:
        undone = await drill_end.remove_drill(taken, run.show)
    else:
        undone, taken = await way_back.go_back(taken, run.show)
    return undone, _watched(run, taken) if undone.left_behind else None


def _watched(run: FailoverRun, taken: TakenOver) -> TakenOver | None:
    """Return what is still taken, if there is a workflow that can go on with it."""
    return taken if run.touched.cleanup and not run.unwatched else None


async def _hand_over(run: FailoverRun) -> None:
    """Give the VM to the workflow that ends its time; after the record, so that no end precedes it."""
    try:
        await hand_over(run.taken.model_copy(update={"verified": True}))
    except FailureError as error:
        # A verified VM is not removed for it.
        run.notes.append(f"no workflow watches over this VM: {explain(error)[1]}")


def _status_of_completion(run: FailoverRun) -> str:
    """Return the context's new status; a drill on clones leaves it, since any other stops replication."""
    if not run.whole or run.on_clones:
        return ""
    return _LIVE_STATUS if run.config.failover_type is FailoverType.LIVE else _TEST_STATUS


def _status_of_undo(run: FailoverRun, *, clean: bool) -> str:
    """Return the context's new status; a run that never held did not change it."""
    if not clean:
        return "cleanup_required"
    return "ready_for_failover" if run.rolled_back_by else ""


def _result(run: FailoverRun) -> FailoverResult:
    source = run.source
    result = FailoverResult(
        workflow_id=run.workflow_id,
        context_id=run.loaded.context.context_id,
        vm_name=run.loaded.context.vm_name,
        failover_type=run.config.failover_type.value,
        outcome=FailoverOutcome.COMPLETED,
        vm=run.vm,
        decisions=run.decisions,
        disks=run.disks_in_words,
        nic_source=source.source,
        nic_source_observed_at=source.observed_at,
        nic_source_age_seconds=run.source_age_seconds,
        nic_source_reason=source.reason,
        nics_inferred=source.inferred,
        warnings=run.warnings,
        proven=run.proven,
        continues_as=run.continues_as,
    )
    if not run.whole:
        return result
    return result.model_copy(
        update={
            "attached": run.attached,
            "recovery_point": run.recovery_point,
            "objectives": _objectives(run),
            "source_end": run.source_end,
            "snapshots": run.snapshots,
            "checks": run.preflight.checks,
        }
    )


def _objectives(run: FailoverRun) -> Objectives:
    now = workflow.now()
    off_at = run.source_end.off_at if run.source_end else None
    point = run.recovery_point
    return Objectives(
        rpo_seconds=_rpo(run),
        rto_seconds=(now - run.started_at).total_seconds(),
        outage_seconds=max(0.0, (now - off_at).total_seconds()) if off_at and point else None,
    )


def _rpo(run: FailoverRun) -> float | None:
    """Nothing is lost when the last sync ran after the source was off; else what came after that sync."""
    point = run.recovery_point
    if point is None:
        return None
    if run.config.failover_type is FailoverType.LIVE and run.config.final_sync and point.consistent:
        return 0.0
    return point.age_seconds


def _record(
    run: FailoverRun, outcome: FailoverOutcome, report: FailoverResult | FailureReport, *, keeps_vm: bool
) -> FinishRunRequest:
    return FinishRunRequest(
        workflow_id=run.workflow_id,
        context_id=run.loaded.context.context_id,
        failover_type=run.config.failover_type,
        vm_name=run.loaded.context.vm_name,
        outcome=outcome,
        create_attempted=run.has_effects,
        keeps_vm=keeps_vm,
        vm=run.vm_if_any,
        report=report.model_dump(mode="json"),
    )
