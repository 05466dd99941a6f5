"""The VMs of one failover in CloudStack: found by identity or by mark, and removed.

A VM is never destroyed while a volume that we did not make is attached to it: an expunge deletes the root
(observed, section 10), and after a swap the root is the replica.
"""

from collections.abc import Collection

from activities.clouds import Cloud
from activities.failures import failure
from activities.messages.vm import VmOwner
from activities.our_volumes import OurClones, describe, facts_of, is_template_root, read_volume
from cloudstack import InvalidParameter, OutcomeUnknown, Refused, VirtualMachine, VmLookup
from rules.errors import FailoverErrorType
from rules.identity import MARK_CONTEXT, MARK_ID, MARK_WORKFLOW, vm_identity
from rules.outcomes import VerifiedNic

USABLE = frozenset({"Stopped", "Running", "Starting"})
DEAD = frozenset({"Error", "Destroyed"})
DESTROYED = "Destroyed"
_EXPUNGING = "Expunging"


class OurVMs:
    """Looks for what this failover made, and for nothing else.

    Args:
        cloud: Where to look.
        owner: Whose VMs.
        replica_ids: Replicated volumes of the machine, where they are known.
    """

    def __init__(self, cloud: Cloud, owner: VmOwner, replica_ids: Collection[str] = ()) -> None:
        self._cloud = cloud
        self._owner = owner
        self._replica_ids = frozenset(replica_ids)

    def identity(self, generation: int) -> str:
        """Return the id of a generation's VM."""
        return vm_identity(self._owner.workflow_id, self._owner.context_id, generation)

    def name(self, generation: int) -> str:
        """Return the name of a generation's VM."""
        return self._owner.vm_name(generation)

    async def by_identity(self, generation: int) -> VmLookup:
        """Look a generation's VM up by its id."""
        return await self._cloud.client.find_vm(self.identity(generation))

    async def find(self, vm_id: str) -> VmLookup:
        """Look a VM up by an id that is known otherwise."""
        return await self._cloud.client.find_vm(vm_id)

    async def by_mark(self) -> list[VirtualMachine]:
        """List the VMs of all generations that carry our mark, whoever chose their id.

        A key that may not choose ids leaves only name and mark to know a VM by.
        """
        named = await self._cloud.client.list_vms(keyword=self._owner.keyword, all_owners=True)
        return [vm for vm in named if self._is_marked(vm)]

    def generation_of(self, vm: VirtualMachine, most: int) -> int:
        """Return the generation that a marked VM says it is, 1 when it says none that we know."""
        marked = vm.details.get(MARK_ID, vm.id)
        return next((one for one in range(1, most + 1) if self.identity(one) == marked), 1)

    def _is_marked(self, vm: VirtualMachine) -> bool:
        return (
            vm.details.get(MARK_WORKFLOW) == self._owner.workflow_id
            and vm.details.get(MARK_CONTEXT) == self._owner.context_id
        )

    async def remove(self, vm: VirtualMachine) -> str:
        """Destroy and expunge a VM of ours, and say what is left of it.

        A failed expunge may be one that the key is not allowed, or a passing fault: 530 is both (observed,
        section 10). So the VM is destroyed without it, and the expunge is tried once more.

        Returns:
            ``expunged``; or that it is destroyed only.

        Raises:
            ApplicationError: ReplicaAttached while a volume is attached to it that we did not make; VmBusy
                when CloudStack still shows it, or nobody knows how the expunge ended.
            CloudStackError: CloudStack cannot be asked.
        """
        may_be_gone = vm.state == _EXPUNGING or await self._destroy(vm, expunge=True)
        if not may_be_gone and await self._destroy(vm, expunge=False):
            may_be_gone = await self._destroy(vm, expunge=True)
        after = (await self._cloud.client.find_vm(vm.id)).vm
        if after is None and may_be_gone:
            return "expunged"
        if after is not None and (may_be_gone or after.state != DESTROYED):
            raise failure(
                FailoverErrorType.VM_BUSY, f"VM {vm.name} ({vm.id}) is still there, in state {after.state}"
            )
        # A key that may not expunge does not even see a destroyed VM, whose name stays taken (observed, 10).
        return "destroyed; it keeps its name until CloudStack expunges it"

    async def _destroy(self, vm: VirtualMachine, *, expunge: bool) -> bool:
        """Return False when CloudStack said that it failed; otherwise the look afterwards decides."""
        await self._require_no_replica(vm)
        try:
            submitted = await self._cloud.client.destroy_vm(vm.id, expunge=expunge)
        except InvalidParameter:
            return True  # gone meanwhile
        try:
            outcome = await self._cloud.jobs.wait(submitted.jobid)
        except Refused:
            return True  # it runs, and only its end cannot be asked for
        error = outcome.error("destroyVirtualMachine")
        return error is None or isinstance(error, OutcomeUnknown)

    async def _require_no_replica(self, vm: VirtualMachine) -> None:
        """Look at the VM's volumes right before it is destroyed, in whatever state it is.

        Raises:
            ApplicationError: ReplicaAttached, naming every volume that is in the way.
        """
        clones = OurClones(self._owner, self._replica_ids)
        foreign = {
            volume.id: describe(facts_of(volume.id, volume))
            for volume in await self._cloud.storage.list_volumes(vm_id=vm.id)
            if volume.id in self._replica_ids
            or not (is_template_root(volume, vm.templateid) or clones.is_one(volume))
        }
        for replica_id in self._replica_ids:
            # Asked for one by one too: a list that left one out would cost a machine its disk.
            replica = await read_volume(self._cloud, replica_id)
            if replica.vm_id == vm.id:
                foreign[replica_id] = describe(replica)
        if foreign:
            raise failure(
                FailoverErrorType.REPLICA_ATTACHED,
                f"VM {vm.name} ({vm.id}), {vm.state}, is not destroyed, since it would take along: "
                f"{'; '.join(foreign.values())}: detach it first"
                + (", after recovering the VM" if vm.state == DESTROYED else ""),
            )


def read_nics(vm: VirtualMachine) -> tuple[VerifiedNic, ...]:
    """Return the NICs as read back, in device order."""
    return tuple(
        VerifiedNic(
            device_id=nic.deviceid,
            network_id=nic.networkid,
            network_name=nic.networkname or "",
            mac_address=(nic.macaddress or "").lower(),
            ip_address=nic.ipaddress or "",
            is_default=nic.isdefault,
        )
        for nic in vm.nics_in_order
    )
