"""attachVolume and detachVolume (observed, sections 9, 12 and 16).

Unknown ids are refused at submit; everything else is found out inside the job.
"""

from simulators.cloudstack import storage_shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.job_classes import job_class
from simulators.cloudstack.entities import Vm, VmState
from simulators.cloudstack.errors import internal, refused
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.storage import Volume, VolumeState, device_ids

_ROOT_DEVICE_ID = 0


async def attach_volume(inv: Invocation) -> JobSpec:
    """Attach a volume: at ``deviceid`` 0 as the root, elsewhere or without a place as a data disk."""
    vm, volume = inv.live_vm("virtualmachineid"), inv.live_volume()
    wanted = inv.params.number("deviceid")

    async def work(progress: Progress) -> Json:
        await attach_in_turn(inv, volume, vm, progress, wanted)
        return {"volume": storage_shapes.volume(inv.world, volume, inv.caller)}

    return JobSpec(job_class(inv, "volume", "AttachVolumeCmd"), "Volume", volume.id, work)


async def attach_in_turn(
    inv: Invocation, volume: Volume, vm: Vm, progress: Progress, wanted: int | None = None
) -> None:
    """Attach the volume once it is the turn of this job on the VM.

    Raises:
        ApiError: 431 or 530, the volume, the VM or the place does not allow it.
    """
    async with vm.turn:
        _require_attachable(inv, volume, vm, wanted)
        await progress.take(inv.latency.attach)
        # Looked at again: another VM may have taken the volume meanwhile.
        device_id = _require_attachable(inv, volume, vm, wanted)
        _store_near(inv, volume, vm)
        volume.attach(vm, device_id)


def _require_attachable(inv: Invocation, volume: Volume, vm: Vm, wanted: int | None) -> int:
    """Return the device id that the volume gets."""
    if volume.removed or volume.vm is not None:
        raise refused("Please specify a volume that is not attached to any VM.")
    if inv.world.has_vm_snapshot(vm):
        # CloudStack's source, as for detach and revert; not observed.
        raise refused("Unable to attach volume, the VM has VM snapshots")
    if volume.state not in (VolumeState.ALLOCATED, VolumeState.READY):
        raise refused("Volume state must be in Allocated, Ready or in Uploaded state")
    if wanted == _ROOT_DEVICE_ID:
        return _require_place_for_root(inv, volume, vm)
    if vm.state not in (VmState.RUNNING, VmState.STOPPED):
        raise refused("Please specify a VM that is either running or stopped.")
    free = inv.world.free_device_id(vm)
    if free is None:
        raise refused(
            "The specified VM already has the maximum number of data disks"
            f" ({inv.world.max_data_disks}) attached. Please specify another VM."
        )
    return free if wanted is None else _require_free(inv, vm, wanted)


def _require_place_for_root(inv: Invocation, volume: Volume, vm: Vm) -> int:
    if inv.world.root_of(vm) is not None:
        raise refused("Vm already has root volume attached to it")
    if vm.state is not VmState.STOPPED:
        raise refused("Root volume attach can happen only when vm is in state: Stopped")
    if volume.pool is not None and volume.pool.managed:
        raise refused("Root volume attach is not supported for managed storage")
    return _ROOT_DEVICE_ID


def _require_free(inv: Invocation, vm: Vm, wanted: int) -> int:
    places = device_ids(inv.world.max_data_disks)
    if wanted not in places:
        raise internal(f"deviceId should be 0,1,2,4-{places[-1]}")
    for other in inv.world.volumes_of(vm):
        if other.device_id == wanted:
            raise internal(f"deviceId {wanted} is used by vol Volume {{id: {other.number}}} on vm {vm.id}")
    return wanted


def _store_near(inv: Invocation, volume: Volume, vm: Vm) -> None:
    """Bring the volume to the VM's cluster, silently; a blank one gets storage on a Running VM only.

    A VM that nothing binds to a cluster follows the volume when it starts (section 9).
    """
    cluster = inv.world.cluster_of(vm)
    home = volume.pool
    is_elsewhere = home is not None and not home.is_zone_wide and cluster not in ("", home.cluster_id)
    if is_elsewhere or (volume.pool is None and vm.state is VmState.RUNNING):
        volume.put_on(inv.world.any_pool(cluster), inv.world.ids.uuid())


async def detach_volume(inv: Invocation) -> JobSpec:
    """Detach a volume by its id. By VM and device id the real server fails, whatever the id (section 9)."""
    by_place = not inv.params.get("id")
    if by_place and not (inv.params.get("virtualmachineid") and inv.params.get("deviceid")):
        raise refused("Either a volume id, or a VM id and a device id, have to be specified")
    volume = None if by_place else inv.live_volume()
    if by_place:
        inv.live_vm("virtualmachineid")

    async def work(progress: Progress) -> Json:
        if volume is None:
            raise internal('Cannot invoke "java.lang.Long.longValue()" because "volumeId" is null')
        vm = volume.vm
        if vm is None:
            raise refused("The specified volume is not attached to a VM.")
        async with vm.turn:
            _require_detachable(inv, volume, vm)
            await progress.take(inv.latency.detach)
            volume.detach()
        return {"volume": storage_shapes.volume(inv.world, volume, inv.caller)}

    return JobSpec(
        job_class(inv, "volume", "DetachVolumeCmd"), "Volume", "" if volume is None else volume.id, work
    )


def _require_detachable(inv: Invocation, volume: Volume, vm: Vm) -> None:
    if volume.vm is not vm:
        raise refused("The specified volume is not attached to a VM.")
    if inv.world.has_vm_snapshot(vm):
        raise refused("Unable to detach volume, the VM has VM snapshots")
    if volume.is_root and vm.state is not VmState.STOPPED:
        raise refused("Root volume detach can happen only when vm is in states: Stopped or Destroyed")
    if vm.state not in (VmState.RUNNING, VmState.STOPPED, VmState.DESTROYED):
        raise refused("Please specify a VM that is either running, stopped or destroyed.")


COMMANDS = (
    Command("attachVolume", attach_volume, required=("id", "virtualmachineid"), is_async=True),
    Command("detachVolume", detach_volume, is_async=True),
)
