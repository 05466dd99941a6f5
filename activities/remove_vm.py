"""The undo of a create: every VM of this failover is found and removed, and nobody else's."""

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.clouds import Clouds
from activities.heartbeats import heartbeats
from activities.messages.vm import RemovedVMs, RemoveVMRequest
from activities.our_vms import OurVMs
from activities.translate import typed_failures
from cloudstack import Existence, VirtualMachine
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)

_COMPLETED = "since an earlier run of this workflow completed it"


class RemoveVMActivities:
    """Removes what a failover made.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="RemoveVMActivity")
    async def remove_vm(self, request: RemoveVMRequest) -> RemovedVMs:
        """Remove the VMs of all generations, by identity and by mark, but for one that is to be kept.

        Raises:
            ApplicationError: ReplicaAttached when a VM has a volume that we did not make; VmBusy,
                CloudStackUnavailable and the like are retried until the budget ends.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                vms = OurVMs(cloud, request.owner, request.replica_ids)
                removed, kept = [], []
                refusal: ApplicationError | None = None
                known = await vms.find(request.vm_id) if request.vm_id else None
                found = await _all(vms, request.generation)
                if known is not None and known.vm is not None:
                    found[known.vm.id] = known.vm
                for vm in found.values():
                    if vm.id == request.keep_vm_id:
                        kept.append(f"{vm.name} ({vm.id}): kept, {_COMPLETED}")
                        continue
                    try:
                        what = f"{vm.name} ({vm.id}): {await vms.remove(vm)}"
                    except ApplicationError as error:
                        if error.type != FailoverErrorType.REPLICA_ATTACHED:
                            raise
                        refusal = error  # the others go all the same
                        continue
                    _log.info("vm_removed", what=what, workflow_id=request.owner.workflow_id)
                    removed.append(what)
                if refusal is not None:
                    raise refusal
        if known is not None and known.vm is None and request.vm_id not in found:
            # An earlier try may have removed it and never heard of it.
            removed.append(f"{request.vm_name} ({request.vm_id}): CloudStack no longer shows it")
        return RemovedVMs(removed=tuple(removed), left_behind=tuple(kept))


async def _all(vms: OurVMs, last_known: int) -> dict[str, VirtualMachine]:
    """Find the VMs of every generation, the one after the last known that CloudStack never saw ends it."""
    found = {vm.id: vm for vm in await vms.by_mark()}
    generation = 0
    while True:
        generation += 1
        lookup = await vms.by_identity(generation)
        if lookup.vm is not None:
            found[lookup.vm.id] = lookup.vm
        if generation >= last_known and lookup.existence is Existence.UNKNOWN:
            return found
