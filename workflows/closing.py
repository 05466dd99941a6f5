"""What both workflows that go on after a run do at its end: record it, and ask whether the run is open."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages.aftermath import End, RecordEndRequest
    from activities.messages.context import OwnerQuery
    from rules.outcomes import EndReport
    from workflows import source_steps, steps
    from workflows.failures import explain
    from workflows.orders import TakenOver


async def record_end(taken: TakenOver, end: End, report: EndReport) -> str:
    """Record how the VM's time ended; the context stays held while something is left.

    Returns:
        Why it could not be recorded; empty when it was.
    """
    owner = taken.owner
    request = RecordEndRequest(
        workflow_id=owner.workflow_id,
        holder=workflow.info().workflow_id,
        context_id=owner.context_id,
        failover_type=owner.failover_type,
        vm_name=owner.source_vm_name,
        end=end,
        removed=report.removed,
        left_behind=report.left_behind,
        release=end is not End.CLEANUP_REQUIRED,
        report=report.model_dump(mode="json"),
    )
    try:
        await source_steps.record_end(request)
    except ActivityError as error:
        return explain(error)[1]
    return ""


async def run_is_open(taken: TakenOver) -> bool:
    """Ask Temporal whether the failover itself still runs."""
    return (await steps.describe_owner(OwnerQuery(workflow_id=taken.owner.workflow_id))).open
