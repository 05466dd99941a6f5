"""Resolve the networks; a production network that nobody uses any more is none."""

from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages.networks import GoneVMsRequest, ResolveNetworkRequest
    from rules.errors import FailoverErrorType
    from rules.guard import ProductionUse
    from rules.judge_destination import unmapped_check
    from rules.preflight import Preflight
    from rules.resolution import NetworkDecision
    from workflows import steps
    from workflows.failures import explain, typed_cause
    from workflows.run_state import FailoverRun

_BY_THE_MAPPINGS = frozenset(
    {
        FailoverErrorType.AMBIGUOUS_MAPPING,
        FailoverErrorType.DUPLICATE_NETWORK,
        FailoverErrorType.NO_FALLBACK_NETWORK,
        FailoverErrorType.FALLBACK_REFUSED,
        FailoverErrorType.UNKNOWN_SOURCE_NETWORK,
        FailoverErrorType.PRODUCTION_NETWORK_REFUSED,
    }
)


@dataclass(frozen=True)
class Unmapped:
    """Why it is not decided where each NIC goes."""

    error_type: FailoverErrorType
    message: str


async def decide(run: FailoverRun) -> None:
    """Decide each NIC's network for a run; a whole run keeps a refusal among its checks.

    Raises:
        ActivityError: What ``unmapped_by`` reads, or that database or CloudStack could not be asked.
    """
    request = ResolveNetworkRequest(
        workflow_id=run.workflow_id,
        config=run.config,
        context=run.loaded.context,
        destination=run.loaded.destination,
        source=run.source,
        policy=run.loaded.policy,
    )
    try:
        run.decisions, run.gone_vm_ids = await resolve(request)
    except ActivityError as error:
        refused = unmapped_by(error)
        if refused is not None and run.whole:
            run.preflight = Preflight(checks=(unmapped_check(refused.message),))
        raise


def unmapped_by(error: ActivityError) -> Unmapped | None:
    """Return the refusal of the mappings that an error is; None when it is another."""
    error_type, message = explain(error)
    return Unmapped(error_type, message) if error_type in _BY_THE_MAPPINGS else None


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
