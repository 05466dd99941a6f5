"""Renew the instance lease of a drill's VM: an extension of the drill is one of CloudStack's clock too."""

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats, to_the_end
from activities.messages.disks import RenewedLease, RenewLeaseRequest
from activities.translate import typed_failures
from cloudstack import LONGEST_LEASE_DAYS, InvalidParameter, ServerFault, VirtualMachine
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverVm

_log = structlog.get_logger(__name__)

_DESTROY = "DESTROY"
_ENDED = frozenset({"Destroyed", "Expunging"})


class RenewLeaseActivities:
    """Renews.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="RenewLeaseActivity")
    async def renew_lease(self, request: RenewLeaseRequest) -> RenewedLease:
        """Let the VM's lease end so many days from now; a VM without one is left alone.

        CloudStack counts from the call (observed, section 17), so another try renews it again and nothing
        else. What is read back is the answer: while the feature is off the call does nothing. An action that
        an operator chose stays, and a lease is never cut short of CloudStack's longest.

        Raises:
            ApplicationError: VmLost when the VM is gone, or its lease has ended it; CloudStackUnavailable
                and the like are retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                before = await _read(cloud, request.vm)
                if before.leaseduration is None:
                    return RenewedLease(days=0)
                days = min(request.days, LONGEST_LEASE_DAYS)
                action = before.leaseexpiryaction or _DESTROY
                try:
                    await to_the_end(cloud.client.update_lease(before.id, days=days, action=action))
                except (InvalidParameter, ServerFault):
                    # Gone meanwhile, or its lease was taken from it (530): what is read back decides.
                    after = await _read(cloud, request.vm)
                    if after.leaseduration is not None:
                        raise
                else:
                    after = await _read(cloud, request.vm)
                renewed = RenewedLease(days=after.leaseduration or 0)
        _log.info("lease_renewed", vm_id=after.id, asked_days=days, days=renewed.days)
        return renewed


async def _read(cloud: Cloud, known: FailoverVm) -> VirtualMachine:
    lookup = await cloud.client.find_vm(known.id)
    if lookup.vm is None or lookup.vm.state in _ENDED:
        state = lookup.vm.state if lookup.vm else lookup.existence.value
        raise failure(FailoverErrorType.VM_LOST, f"VM {known.name} ({known.id}) is gone: {state}")
    return lookup.vm
