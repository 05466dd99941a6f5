"""listVolumes, createVolume, deleteVolume (observed, sections 2, 9, 13, 15 and 16)."""

import asyncio

from simulators.cloudstack import storage_shapes
from simulators.cloudstack.commands.attaching import attach_in_turn
from simulators.cloudstack.commands.disk_sizes import blank_size, named_disk_offering
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.job_classes import job_class
from simulators.cloudstack.commands.limits import PRIMARY_STORAGE, VOLUME, require_room
from simulators.cloudstack.commands.listing import keyword_of, one_of, paged, same_name, shown_owner, tagged
from simulators.cloudstack.commands.names import require_short
from simulators.cloudstack.entities import Account, Vm
from simulators.cloudstack.errors import ApiError, Detail, entity_exists, refused, uuid_taken
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.storage import Snapshot, SnapshotState, Volume, VolumeState


async def list_volumes(inv: Invocation) -> Json:
    """Return volumes: what is deleted is not among them, what failed in its making is."""
    wanted = inv.find("id", inv.world.volumes) if inv.params.get("id") else None
    if wanted is not None:
        inv.require_access(wanted.account)
    if inv.params.get("virtualmachineid"):
        inv.require_access(inv.find("virtualmachineid", inv.world.vms).account)
    shown = shown_owner(inv, by_id=wanted is not None)
    keyword, has_tag = keyword_of(inv), tagged(inv, "Volume")
    volumes = [
        volume
        for volume in inv.world.volumes.values()
        if not volume.removed
        and shown(volume.account)
        and (wanted is None or volume is wanted)
        and keyword in volume.name.lower()
        and has_tag(volume.id)
        and _fits(inv, volume)
    ]
    return paged(inv, "volume", volumes, lambda item: storage_shapes.volume(inv.world, item, inv.caller))


def _fits(inv: Invocation, volume: Volume) -> bool:
    params = inv.params
    return (
        same_name(params.get("name"), volume.name)
        and one_of(params.get("type"), [volume.type])
        and one_of(params.get("state"), [volume.state])
        and one_of(params.get("zoneid"), [volume.zone.id])
        and one_of(params.get("ids"), [volume.id])
        and one_of(params.get("virtualmachineid"), [volume.vm.id] if volume.vm else [])
        and one_of(params.get("storageid"), [volume.pool.id] if volume.pool else [])
        and one_of(params.get("diskofferingid"), [volume.disk_offering.id] if volume.disk_offering else [])
    )


async def create_volume(inv: Invocation) -> JobSpec:
    """Make a volume: a blank one, which stays without storage, or one from a snapshot, which is Ready.

    ``storageid``, tags and details are ignored without a word; with ``virtualmachineid`` it is attached as
    a data disk at once (observed, sections 15 and 16).
    """
    source, vm = _source(inv), _vm_to_attach_to(inv)
    volume = _insert(inv, source)

    async def work(progress: Progress) -> Json:
        try:
            await progress.take(inv.latency.volume)
        except ApiError:
            volume.state = VolumeState.DESTROY
            raise
        except asyncio.CancelledError:
            inv.world.remove_volume(volume)
            raise
        if source is not None:
            volume.put_on(inv.world.any_pool(), inv.world.ids.uuid())
        if vm is not None:
            await attach_in_turn(inv, volume, vm, progress)
        shown = storage_shapes.volume(inv.world, volume, inv.caller)
        return {"volume": shown if source is None else {**shown, "snapshotid": source.id}}

    return JobSpec(
        job_class(inv, "volume", "CreateVolumeCmd"), "Volume", volume.id, work, created_id=volume.id
    )


def _source(inv: Invocation) -> Snapshot | None:
    """Return the snapshot to copy, None for a blank volume.

    Raises:
        ApiError: 431 for a snapshot that is unknown, deleted or not BackedUp, 531 for a foreign one.
    """
    if not inv.params.get("snapshotid"):
        return None
    snapshot = inv.find("snapshotid", inv.world.snapshots)
    inv.require_access(snapshot.account)
    if snapshot.removed or snapshot.state is not SnapshotState.BACKED_UP:
        raise refused(
            f"Snapshot {snapshot.id} is not in {SnapshotState.BACKED_UP} state yet and can't be used for"
            " volume creation"
        )
    return snapshot


def _vm_to_attach_to(inv: Invocation) -> Vm | None:
    if not inv.params.get("virtualmachineid"):
        return None
    return inv.live_vm("virtualmachineid")


def _insert(inv: Invocation, source: Snapshot | None) -> Volume:
    """Insert the volume. What is refused afterwards leaves it behind, as a resent customjobid (section 15).

    Raises:
        ApiError: 431 for parameters, 531 and 431 and 530 for a customid, 535 over a limit.
    """
    world, owner = inv.world, inv.owner()
    offering = named_disk_offering(inv)
    name = require_short(inv, "volumeName", inv.params.get("name")) or world.ids.uuid()
    if offering is not None:
        size = blank_size(inv, offering)
    elif source is not None:
        size = source.size
    else:
        raise refused("Either snapshot or disk offering has to be specified")
    zone = source.zone if source is not None else inv.find("zoneid", world.zones)
    custom_id = _free_custom_id(inv)
    _require_room(inv, owner, size)
    volume = world.add_volume(
        name, account=owner, zone=zone, size=size, volume_id=custom_id, disk_offering=offering
    )
    if source is not None:
        volume.template, volume.content = source.template, source.content
    return volume


def _free_custom_id(inv: Invocation) -> str:
    if not inv.params.get("customid"):
        return ""
    inv.require_custom_id_permission()
    custom_id = inv.custom_id("customid")
    holder = inv.world.volumes.get(custom_id)
    if holder is not None and holder.removed:
        raise entity_exists(Detail.UNSPECIFIED)
    if holder is not None:
        raise uuid_taken(custom_id)
    return custom_id


def _require_room(inv: Invocation, owner: Account, size: int) -> None:
    require_room(inv.world, owner, VOLUME, Detail.ALLOCATION)
    require_room(inv.world, owner, PRIMARY_STORAGE, Detail.ALLOCATION, size)


async def delete_volume(inv: Invocation) -> Json:
    """Delete a volume that no VM has; synchronous. Its snapshots stay, and can still be copied."""
    volume = inv.live_volume()
    if volume.state is VolumeState.SNAPSHOTTING:
        raise refused("There are snapshot operations in progress on the volume, unable to delete it")
    if volume.vm is not None:
        raise refused("Please specify a volume that is not attached to any VM.")
    inv.world.remove_volume(volume)
    return {"success": True}


COMMANDS = (
    Command("listVolumes", list_volumes),
    Command("createVolume", create_volume, is_async=True),
    Command("deleteVolume", delete_volume, required=("id",)),
)
