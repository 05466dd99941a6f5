"""createSnapshot, deleteSnapshot, revertSnapshot, listSnapshots (observed, sections 13, 15 and 16)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from simulators.cloudstack import storage_shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.job_classes import user_job_class
from simulators.cloudstack.commands.limits import SECONDARY_STORAGE, SNAPSHOT, require_room
from simulators.cloudstack.commands.listing import keyword_of, one_of, paged, same_name, shown_owner, tagged
from simulators.cloudstack.commands.names import require_short
from simulators.cloudstack.entities import Tag, VmState
from simulators.cloudstack.errors import ApiError, Detail, internal, refused
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.state import KVM
from simulators.cloudstack.storage import Snapshot, SnapshotState, Volume, VolumeState


async def create_snapshot(inv: Invocation) -> JobSpec:
    """Take a snapshot of a Ready volume, attached or not; it can be tagged in the same call.

    Jobs on one VM take turns, so two snapshots of its volumes are made one after the other.
    """
    volume = inv.live_volume("volumeid")
    if volume.state is not VolumeState.READY:
        raise refused(
            f"Volume {{id: {volume.number}}} is not in {VolumeState.READY} state but {volume.state}."
            " Cannot take snapshot."
        )
    _require_supported(inv, volume)
    require_room(inv.world, volume.account, SNAPSHOT, Detail.ALLOCATION)
    require_room(inv.world, volume.account, SECONDARY_STORAGE, Detail.ALLOCATION, volume.size)
    name = require_short(inv, "snapshotName", inv.params.get("name")) or _generated_name(inv, volume)
    snapshot, tags = inv.world.add_snapshot(name, volume), inv.params.array("tags")

    async def work(progress: Progress) -> Json:
        try:
            async with _turn_of(volume):
                await _copy(inv, snapshot, progress)
        except (ApiError, asyncio.CancelledError):
            snapshot.state = SnapshotState.ERROR
            raise
        _put_tags(inv, snapshot, tags)
        return {"snapshot": storage_shapes.snapshot(inv.world, snapshot)}

    return JobSpec(
        user_job_class("snapshot", "CreateSnapshotCmd"), "Snapshot", snapshot.id, work, created_id=snapshot.id
    )


def _require_supported(inv: Invocation, volume: Volume) -> None:
    """Check what KVM does not do unless a setting allows it (CloudStack's source; not observed)."""
    running = volume.vm is not None and volume.vm.state is VmState.RUNNING
    if running and inv.world.hypervisor == KVM and not inv.world.setting("kvm.snapshot.enabled"):
        raise internal("KVM Snapshot is not supported for Running VMs.", Detail.RUNTIME)


def _generated_name(inv: Invocation, volume: Volume) -> str:
    owner = "detached" if volume.vm is None else volume.vm.name
    return f"{owner}_{volume.name}_{inv.world.now():%Y%m%d%H%M%S}"


@asynccontextmanager
async def _turn_of(volume: Volume) -> AsyncIterator[None]:
    """Wait for other jobs of the VM that has the volume."""
    if volume.vm is None:
        yield
    else:
        async with volume.vm.turn:
            yield


async def _copy(inv: Invocation, snapshot: Snapshot, progress: Progress) -> None:
    """Make the snapshot; what fails or is interrupted leaves it in Error and the volume Ready (section 16).

    Raises:
        ApiError: 530, it was deleted meanwhile, or ordered to fail.
    """
    volume = snapshot.volume
    if snapshot.removed or volume.removed:
        raise _failed(volume)
    snapshot.state, volume.state = SnapshotState.CREATING, VolumeState.SNAPSHOTTING
    try:
        await progress.take(inv.latency.snapshot)
    finally:
        volume.state = VolumeState.READY
    if snapshot.removed:
        raise _failed(volume)
    snapshot.state = SnapshotState.BACKED_UP


def _failed(volume: Volume) -> ApiError:
    return internal(
        f"Failed to create snapshot due to an internal error creating snapshot for volume {volume.id}"
    )


def _put_tags(inv: Invocation, snapshot: Snapshot, entries: list[dict[str, str]]) -> None:
    """Put the tags of the create call; a broken one fails the job, and yet the snapshot is there."""
    for entry in entries:
        if not entry.get("value"):
            raise internal(f"No value is passed in for key {entry.get('key', '')}")
    inv.world.tags.extend(
        Tag(entry.get("key", ""), entry["value"], "Snapshot", snapshot.id, snapshot.account)
        for entry in entries
    )


async def delete_snapshot(inv: Invocation) -> JobSpec:
    """Delete a snapshot, whatever was made from it; its tags stay (section 15)."""
    snapshot = inv.find("id", inv.world.snapshots)
    inv.require_access(snapshot.account)

    async def work(progress: Progress) -> Json:
        if snapshot.removed:
            raise refused(f"Snapshot {snapshot.id} is already destroyed")
        await progress.take(inv.latency.snapshot_delete)
        snapshot.removed = True
        return {"success": True}

    return JobSpec(user_job_class("snapshot", "DeleteSnapshotCmd"), "Snapshot", snapshot.id, work)


async def revert_snapshot(inv: Invocation) -> JobSpec:
    """Put a volume back to a snapshot, where the hypervisor can (``World.can_revert``)."""
    snapshot = inv.find("id", inv.world.snapshots)
    inv.require_access(snapshot.account)
    if snapshot.removed:
        raise refused(f"Snapshot {snapshot.id} is already destroyed")

    async def work(progress: Progress) -> Json:
        volume = snapshot.volume
        async with _turn_of(volume):
            _require_revertible(inv, snapshot)
            await progress.take(inv.latency.revert)
            if not inv.world.can_revert:
                raise internal(
                    f"Revert snapshot command failed for snapshot Snapshot {{id: {snapshot.id}}}, because"
                    " this command is supported only for KVM hypervisor"
                )
            volume.content = snapshot.content
        return {"snapshot": storage_shapes.snapshot(inv.world, snapshot)}

    return JobSpec(user_job_class("snapshot", "RevertSnapshotCmd"), "Snapshot", snapshot.id, work)


def _require_revertible(inv: Invocation, snapshot: Snapshot) -> None:
    volume = snapshot.volume
    if volume.vm is not None and inv.world.has_vm_snapshot(volume.vm):
        raise refused(f"The volume {volume.id} is attached to a VM with VM snapshots")
    if volume.removed or volume.state is not VolumeState.READY:
        raise refused(f"The volume {volume.id} is not in state {VolumeState.READY}")
    if snapshot.state is not SnapshotState.BACKED_UP:
        raise refused(f"Snapshot {snapshot.id} is not in state {SnapshotState.BACKED_UP}")
    if volume.vm is not None and volume.vm.state not in (VmState.STOPPED, VmState.DESTROYED):
        raise refused("The VM the specified disk is attached to is not in the shutdown state.")


async def list_snapshots(inv: Invocation) -> Json:
    """Return snapshots, failed ones too."""
    params = inv.params
    wanted = inv.find("id", inv.world.snapshots) if params.get("id") else None
    if wanted is not None:
        inv.require_access(wanted.account)
    if params.get("volumeid"):
        inv.require_access(inv.find("volumeid", inv.world.volumes).account)
    shown = shown_owner(inv, by_id=wanted is not None)
    keyword, has_tag = keyword_of(inv), tagged(inv, "Snapshot")
    snapshots = [
        snapshot
        for snapshot in inv.world.snapshots.values()
        if not snapshot.removed
        and shown(snapshot.account)
        and (wanted is None or snapshot is wanted)
        and keyword in snapshot.name.lower()
        and has_tag(snapshot.id)
        and same_name(params.get("name"), snapshot.name)
        and one_of(params.get("volumeid"), [snapshot.volume.id])
        and one_of(params.get("zoneid"), [snapshot.zone.id])
    ]
    return paged(inv, "snapshot", snapshots, lambda item: storage_shapes.snapshot(inv.world, item))


COMMANDS = (
    Command("createSnapshot", create_snapshot, required=("volumeid",), is_async=True),
    Command("deleteSnapshot", delete_snapshot, required=("id",), is_async=True),
    Command("revertSnapshot", revert_snapshot, required=("id",), is_async=True),
    Command("listSnapshots", list_snapshots),
)
