"""Whether a source that was declared lost is there again; nothing acts on it but an operator."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages.aftermath import SourceReturned
    from activities.messages.source_power import PowerQuery, PowerState
    from rules.outcomes import FailoverOutcome
    from workflows import source_steps, surface
    from workflows.failures import explain
    from workflows.orders import TakenOver

_THERE = frozenset({PowerState.ON, PowerState.SUSPENDED})


async def has_returned(taken: TakenOver) -> bool:
    """Look once; if it is there, say so in the database, the log and the search attribute."""
    try:
        power = await source_steps.read_power(
            PowerQuery(context=taken.context), "is the lost source back?", taken.policy
        )
        if power.state not in _THERE:
            return False
        await source_steps.record_source_returned(
            SourceReturned(
                workflow_id=taken.owner.workflow_id,
                context_id=taken.owner.context_id,
                power_state=power.state.value,
            )
        )
    except ActivityError as error:
        workflow.logger.warning("cannot look for the source: %s", explain(error)[1])
        return False
    surface.show_outcome(FailoverOutcome.SOURCE_RETURNED)
    return True
