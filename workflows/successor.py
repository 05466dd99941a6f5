"""The workflow that goes on after a run: it ends a drill's time, or waits for a live VM's commit or rollback.

It is started before the run's first effect and outlives it, also when the run is terminated: it is told what
the run has, each time before something more is put at stake.
"""

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from rules.models import Record
    from rules.request import FailoverType
    from rules.temporal_names import (
        CLEANUP_WORKFLOW,
        COMMIT_WORKFLOW,
        GO_ON_SIGNAL,
        SO_FAR_SIGNAL,
        STAND_DOWN_SIGNAL,
        VERIFIED_SIGNAL,
        cleanup_workflow_id,
        commit_workflow_id,
    )
    from workflows.orders import CleanupOrder, CommitOrder, TakenOver
    from workflows.run_state import FailoverRun


def successor_id(taken: TakenOver) -> str:
    """Return the id of the workflow that goes on after this run."""
    is_live = taken.owner.failover_type is FailoverType.LIVE
    return (commit_workflow_id if is_live else cleanup_workflow_id)(taken.owner.workflow_id)


async def begin(run: FailoverRun) -> None:
    """Start it, before anything is made."""
    run.will(cleanup=True)
    taken = run.taken
    if run.config.failover_type is FailoverType.LIVE:
        await _begin(COMMIT_WORKFLOW, CommitOrder(taken=taken), taken, "Waits for commit or rollback")
        return
    duration = run.config.test_duration_seconds or run.loaded.policy.test_duration_seconds
    order = CleanupOrder(taken=taken, duration_seconds=duration)
    await _begin(CLEANUP_WORKFLOW, order, taken, "Ends this drill")


async def tell(run: FailoverRun) -> None:
    """Tell it what it needs to give everything back, were this run terminated from here on."""
    if not run.touched.cleanup or run.unwatched:
        return
    try:
        await _signal(run.taken, SO_FAR_SIGNAL, run.taken)
    except FailureError:
        run.unwatched = True
        run.notes.append(f"workflow {successor_id(run.taken)} is not there: nobody watches over this run")


async def hand_over(taken: TakenOver) -> None:
    """Tell it that the VM is verified: it holds the context from now on.

    Raises:
        FailureError: It is not there.
    """
    await _signal(taken, VERIFIED_SIGNAL, taken)


async def stand_down(taken: TakenOver, *, clean: bool) -> str:
    """Tell it how the undo ended: nothing is left, or what is.

    Args:
        taken: What is still taken.
        clean: Nothing is.

    Returns:
        What to say of it; empty when it was told.
    """
    try:
        if clean:
            await _signal(taken, STAND_DOWN_SIGNAL)
        else:
            await _signal(taken, GO_ON_SIGNAL, taken)
    except FailureError:
        return f"workflow {successor_id(taken)} could not be told of this end"
    return ""


async def _begin(name: str, order: Record, taken: TakenOver, summary: str) -> None:
    workflow_id = successor_id(taken)
    try:
        await workflow.start_child_workflow(
            name,
            order,
            id=workflow_id,
            parent_close_policy=ParentClosePolicy.ABANDON,
            cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
            static_summary=summary,
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("%s is there already: this run was reset", workflow_id)


async def _signal(taken: TakenOver, name: str, argument: Record | None = None) -> None:
    handle = workflow.get_external_workflow_handle(successor_id(taken))
    if argument is None:
        await handle.signal(name)
    else:
        await handle.signal(name, argument)
