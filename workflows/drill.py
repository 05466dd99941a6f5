"""A drill that holds the replica gives it back, when a live failover needs it."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.aftermath import DrillQuery
    from rules.errors import FailoverErrorType
    from rules.temporal_names import CLEAN_UP_SIGNAL
    from workflows import preflight, source_steps
    from workflows.lease import HELD_BY
    from workflows.run_state import FailoverRun

_LONGEST_PAUSE_SECONDS = 60.0


async def take_replica_back(run: FailoverRun) -> None:
    """A live failover is never refused because of a drill: one that holds the replica gives it back first.

    Raises:
        ApplicationError: FailoverInProgress when the drill does not end in the time for an undo.
    """
    query = DrillQuery(context_id=run.config.context_id)
    holder = (await source_steps.describe_drill(query)).cleanup_workflow_id
    if not holder:
        return
    # A live failover that cannot be made anyhow ends nobody's drill.
    await preflight.check_destination_only(run, record=False)
    policy = run.loaded.policy
    run.notes.append(f"a drill held the replica and was ended first: workflow {holder}")
    try:
        await workflow.get_external_workflow_handle(holder).signal(CLEAN_UP_SIGNAL)
    except FailureError:
        # Terminated, say: the preflight names every disk that is not at the appliance.
        run.notes.append(f"workflow {holder} of that drill is not there any more")
        return
    until = workflow.now() + timedelta(seconds=policy.undo_budget_seconds)
    pause = policy.source_poll_seconds
    while (await source_steps.describe_drill(query)).cleanup_workflow_id:
        if workflow.now() >= until:
            raise failure(
                FailoverErrorType.FAILOVER_IN_PROGRESS,
                f"A drill holds the replica and does not end: workflow {holder}",
                {HELD_BY: holder},
            )
        await workflow.sleep(pause, summary=f"Wait until {holder} gave the replica back")
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
