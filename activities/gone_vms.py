"""Which VMs that were failed over live are gone: their networks are production no more."""

import asyncio

from temporalio import activity

from activities.clouds import Clouds
from activities.messages.networks import GoneVMs, GoneVMsRequest
from activities.neighbours import GONE
from activities.translate import typed_failures
from cloudstack import Existence


class GoneVMActivities:
    """Asks CloudStack.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="FindGoneVMsActivity")
    async def find_gone_vms(self, request: GoneVMsRequest) -> GoneVMs:
        """Find out which VMs are gone: expunged or destroyed. One that was never known may be elsewhere.

        Raises:
            ApplicationError: CloudStackUnavailable and the like.
        """
        with typed_failures():
            cloud = await self._clouds.of(request.destination)
            found = await asyncio.gather(*(cloud.client.find_vm(vm_id) for vm_id in request.vm_ids))
        return GoneVMs(
            vm_ids=tuple(
                vm_id
                for vm_id, lookup in zip(request.vm_ids, found, strict=True)
                if lookup.existence is Existence.EXPUNGED
                or (lookup.vm is not None and lookup.vm.state in GONE)
            )
        )
