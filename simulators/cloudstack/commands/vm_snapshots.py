"""Snapshots of whole VMs (CloudStack's source, but for what they block; not observed)."""

from simulators.cloudstack import storage_shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import one_of, paged, shown_owner
from simulators.cloudstack.entities import VmState
from simulators.cloudstack.errors import refused, unknown_entity
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.storage import VmSnapshot

_PACKAGE = "org.apache.cloudstack.api.command.user.vmsnapshot"


async def create_vm_snapshot(inv: Invocation) -> JobSpec:
    """Take a snapshot of a Running or Stopped VM."""
    vm = inv.live_vm("virtualmachineid")
    if vm.state not in (VmState.RUNNING, VmState.STOPPED):
        raise refused(f"Creating a snapshot of VM {vm.id} failed, it is {vm.state}")
    snapshot = inv.world.add_vm_snapshot(inv.params.get("name") or f"i-2-{vm.number}-VM_VS", vm)

    async def work(progress: Progress) -> Json:
        async with vm.turn:
            await progress.take(inv.latency.snapshot)
        return {"vmsnapshot": storage_shapes.vm_snapshot(inv.world, snapshot)}

    return JobSpec(f"{_PACKAGE}.CreateVMSnapshotCmd", "VmSnapshot", snapshot.id, work, created_id=snapshot.id)


async def delete_vm_snapshot(inv: Invocation) -> JobSpec:
    """Delete one; then the VM's disks can be moved again."""
    snapshot = _named(inv, "vmsnapshotid")

    async def work(progress: Progress) -> Json:
        await progress.take(inv.latency.snapshot_delete)
        if snapshot in inv.world.vm_snapshots:
            inv.world.vm_snapshots.remove(snapshot)
        return {"success": True}

    return JobSpec(f"{_PACKAGE}.DeleteVMSnapshotCmd", "VmSnapshot", snapshot.id, work)


def _named(inv: Invocation, name: str) -> VmSnapshot:
    wanted = inv.params.get(name)
    found = next((one for one in inv.world.vm_snapshots if one.id == wanted.lower()), None)
    if found is None:
        raise unknown_entity(inv.params.command, name, wanted)
    inv.require_access(found.vm.account)
    return found


async def list_vm_snapshots(inv: Invocation) -> Json:
    """Return snapshots of whole VMs."""
    params = inv.params
    if params.get("virtualmachineid"):
        inv.require_access(inv.find("virtualmachineid", inv.world.vms).account)
    shown = shown_owner(inv, by_id=False)
    found = [
        one
        for one in inv.world.vm_snapshots
        if shown(one.vm.account) and one_of(params.get("virtualmachineid"), [one.vm.id])
    ]
    return paged(inv, "vmSnapshot", found, lambda one: storage_shapes.vm_snapshot(inv.world, one))


COMMANDS = (
    Command("createVMSnapshot", create_vm_snapshot, required=("virtualmachineid",), is_async=True),
    Command("deleteVMSnapshot", delete_vm_snapshot, required=("vmsnapshotid",), is_async=True),
    Command("listVMSnapshot", list_vm_snapshots),
)
