"""Resolve the networks; a production network that nobody uses any more is none."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages.networks import GoneVMsRequest, ResolveNetworkRequest
    from rules.errors import FailoverErrorType
    from rules.guard import ProductionUse
    from rules.resolution import NetworkDecision
    from workflows import steps
    from workflows.failures import explain, typed_cause


async def resolve(request: ResolveNetworkRequest) -> tuple[tuple[NetworkDecision, ...], tuple[str, ...]]:
    """Decide each NIC's network.

    The database remembers which networks VMs that were failed over live use. When that stands in the way of a
    test, CloudStack is asked whether those VMs are still there.

    Returns:
        The decisions, and the ids of the VMs that turned out to be gone.
    """
    try:
        return (await steps.resolve_networks(request)).decisions, ()
    except ActivityError as refusal:
        gone = await _gone(request, refusal)
        if not gone:
            raise
    again = request.model_copy(update={"gone_vm_ids": gone})
    return (await steps.resolve_networks(again)).decisions, gone


async def _gone(request: ResolveNetworkRequest, refusal: ActivityError) -> tuple[str, ...]:
    cause = typed_cause(refusal)
    if (
        not isinstance(cause, ApplicationError)
        or cause.type != FailoverErrorType.PRODUCTION_NETWORK_REFUSED
        or not cause.details
    ):
        return ()
    use = ProductionUse.model_validate(cause.details[0])
    vm_ids = tuple(dict.fromkeys(one.vm_id for one in use.live if one.vm_id))
    if not vm_ids:
        return ()
    try:
        found = await steps.find_gone_vms(GoneVMsRequest(destination=request.destination, vm_ids=vm_ids))
    except ActivityError as error:
        # Without CloudStack's word the VMs count as there: the refusal stands.
        workflow.logger.warning("cannot ask CloudStack for the VMs: %s", explain(error)[1])
        return ()
    return found.vm_ids
