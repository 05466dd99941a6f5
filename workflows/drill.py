"""A drill and those around it: the workflow that ends it, and a live failover that needs the replica."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.aftermath import DrillQuery
    from rules.errors import FailoverErrorType
    from rules.models import Record
    from rules.temporal_names import (
        CLEAN_UP_SIGNAL,
        CLEANUP_WORKFLOW,
        COMMIT_WORKFLOW,
        GO_ON_SIGNAL,
        SO_FAR_SIGNAL,
        STAND_DOWN_SIGNAL,
        VERIFIED_SIGNAL,
        cleanup_workflow_id,
        commit_workflow_id,
    )
    from workflows import source_steps
    from workflows.lease import HELD_BY
    from workflows.orders import CleanupOrder, CommitOrder, TakenOver
    from workflows.run_state import FailoverRun


async def begin_cleanup(run: FailoverRun) -> None:
    """Start the workflow that ends this drill, before anything is made: it outlives a terminated run."""
    run.will(cleanup=True)
    duration = run.config.test_duration_seconds or run.loaded.policy.test_duration_seconds
    order = CleanupOrder(taken=run.taken, duration_seconds=duration)
    await _begin(CLEANUP_WORKFLOW, order, cleanup_workflow_id(run.workflow_id), "Ends this drill")


async def begin_commit(taken: TakenOver) -> None:
    """Start the workflow that holds the context until commit or rollback."""
    workflow_id = commit_workflow_id(taken.owner.workflow_id)
    await _begin(COMMIT_WORKFLOW, CommitOrder(taken=taken), workflow_id, "Waits for commit or rollback")


async def tell_so_far(run: FailoverRun) -> None:
    """Tell the cleanup's workflow what it needs to give the replica back, were this run terminated."""
    try:
        await _signal(cleanup_workflow_id(run.workflow_id), SO_FAR_SIGNAL, run.taken)
    except FailureError:
        run.notes.append("no workflow watches over this drill: its cleanup is not there any more")


async def hand_over(taken: TakenOver) -> None:
    """Tell the cleanup's workflow that the drill is verified: its time begins."""
    await _signal(cleanup_workflow_id(taken.owner.workflow_id), VERIFIED_SIGNAL, taken)


async def stand_down(taken: TakenOver, *, clean: bool) -> str:
    """Tell the cleanup's workflow how the undo ended: nothing is left, or it goes on trying.

    Returns:
        What to say of it; empty when it was told.
    """
    workflow_id = cleanup_workflow_id(taken.owner.workflow_id)
    try:
        await _signal(workflow_id, STAND_DOWN_SIGNAL if clean else GO_ON_SIGNAL)
    except FailureError:
        return f"workflow {workflow_id} could not be told of this end"
    return ""


async def take_replica_back(run: FailoverRun) -> None:
    """A live failover is never refused because of a drill: one that holds the replica gives it back first.

    Raises:
        ApplicationError: FailoverInProgress when the drill does not end in the time for an undo.
    """
    query = DrillQuery(context_id=run.config.context_id)
    holder = (await source_steps.describe_drill(query)).cleanup_workflow_id
    if not holder:
        return
    policy = run.loaded.policy
    run.notes.append(f"a drill held the replica and was ended first: workflow {holder}")
    try:
        await _signal(holder, CLEAN_UP_SIGNAL)
    except FailureError:
        # Terminated, say: the preflight names every disk that is not at the appliance.
        run.notes.append(f"workflow {holder} of that drill is not there any more")
        return
    until = workflow.now() + timedelta(seconds=policy.undo_budget_seconds)
    while (await source_steps.describe_drill(query)).cleanup_workflow_id:
        if workflow.now() >= until:
            raise failure(
                FailoverErrorType.FAILOVER_IN_PROGRESS,
                f"A drill holds the replica and does not end: workflow {holder}",
                {HELD_BY: holder},
            )
        await workflow.sleep(policy.source_poll_seconds, summary=f"Wait until {holder} gave the replica back")


async def _begin(name: str, order: Record, workflow_id: str, summary: str) -> None:
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


async def _signal(workflow_id: str, name: str, argument: Record | None = None) -> None:
    handle = workflow.get_external_workflow_handle(workflow_id)
    if argument is None:
        await handle.signal(name)
    else:
        await handle.signal(name, argument)
