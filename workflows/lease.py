"""The lease on a VM's context: two failovers of one VM never run at once, however they were started."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.context import LeaseRequest, LoadedContext, OwnerQuery, ReleaseLeaseRequest
    from rules.errors import FailoverErrorType
    from rules.naming import live_vm_name
    from rules.request import FailoverType, UnifiedFailoverConfig
    from workflows import steps
    from workflows.undisturbed import undisturbed

HELD_BY = "held_by"
"""The key under which FailoverInProgress carries the workflow id of the run that holds the lease."""


async def take_lease(config: UnifiedFailoverConfig, loaded: LoadedContext) -> bool:
    """Take the lease, from an owner that Temporal says is closed if need be, never by age.

    An owner that was terminated undid nothing, so what it sent last is waited for.

    Returns:
        True when no earlier run can have left a create call under way.

    Raises:
        ApplicationError: FailoverInProgress with the id of the run that holds the lease; VmNameBusy when
            another VM's failover holds the same name for too long.
    """
    own_id = workflow.info().workflow_id
    give_up = workflow.now() + timedelta(seconds=loaded.policy.name_wait_seconds)
    take_over_from = take_over_token = ""
    fresh = True
    holds_context = asking = False
    try:
        while True:
            asking = True
            reply = await steps.acquire_lease(
                LeaseRequest(
                    context_id=loaded.context.context_id,
                    failover_type=config.failover_type,
                    owner=own_id,
                    vm_name=live_vm_name(loaded.context.vm_name),
                    take_over_from=take_over_from,
                    take_over_token=take_over_token,
                )
            )
            asking = False
            fresh = fresh and reply.fresh
            holds_context = reply.name_only or reply.granted
            if reply.granted:
                if take_over_from and config.failover_type is FailoverType.LIVE:
                    # Two creates of one name at one moment make two VMs (observed, section 3).
                    await workflow.sleep(
                        loaded.policy.settle_seconds, summary=f"Let create calls of {take_over_from} expire"
                    )
                return fresh
            owner = await steps.describe_owner(OwnerQuery(workflow_id=reply.held_by))
            if not owner.open:
                take_over_from, take_over_token = reply.held_by, reply.held_token
            elif not reply.name_only:
                raise failure(
                    FailoverErrorType.FAILOVER_IN_PROGRESS,
                    f"Another failover of this VM is running: workflow {reply.held_by}",
                    {HELD_BY: reply.held_by},
                )
            elif workflow.now() >= give_up:
                raise failure(
                    FailoverErrorType.VM_NAME_BUSY,
                    f"Workflow {reply.held_by} is making a VM of the same name and does not end",
                )
            else:
                await workflow.sleep(
                    loaded.policy.name_poll_seconds,
                    summary=f"Wait for {reply.held_by}: it makes a VM of this name",
                )
    except (FailureError, asyncio.CancelledError):
        # A cancel, or a failure of the question itself, may hide that the lease was granted all the same.
        if holds_context or asking or workflow.cancellation_reason() is not None:
            await undisturbed(steps.release_lease(ReleaseLeaseRequest(owner=own_id)))
        raise
