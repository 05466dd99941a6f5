"""MoveDisk: one step nearer per call; what listVolumes shows decides."""

from dataclasses import dataclass

import pytest

from activities.messages.disks import MoveRequest, Place
from activities.move_disk import MoveDiskActivities
from rules.disks import VolumeFacts
from rules.placement import Step, Target, next_step
from simulators.cloudstack import Fault, FaultKind, VmState, sample
from simulators.cloudstack.storage import VolumeState
from tests.disks.conftest import DiskSite, fails, run

NOWHERE = Place()


@dataclass(frozen=True)
class Row:
    what: str
    volume: VolumeFacts
    to: Target
    step: Step


def _volume(vm_id: str = "", device_id: int | None = None, state: str = "Ready", **more: bool) -> VolumeFacts:
    return VolumeFacts(volume_id="v", vm_id=vm_id, device_id=device_id, state=state, **more)


OURS, APPLIANCE = "ours", "appliance"
ROWS = (
    Row("at its place", _volume(OURS, 0), Target(vm_id=OURS, device_id=0), Step.PLACED),
    Row("at another place", _volume(OURS, 2), Target(vm_id=OURS, device_id=1), Step.DETACH),
    Row("anywhere on the appliance", _volume(APPLIANCE, 5), Target(vm_id=APPLIANCE), Step.PLACED),
    Row("at nothing, as wanted", _volume(), Target(), Step.PLACED),
    Row("at nothing", _volume(), Target(vm_id=OURS, device_id=1), Step.ATTACH),
    Row("never stored", _volume(state="Allocated"), Target(vm_id=OURS, device_id=0), Step.ATTACH),
    Row("at the appliance", _volume(APPLIANCE, 1), Target(vm_id=OURS, device_id=1), Step.DETACH),
    Row("on its way", _volume(state="Attaching"), Target(vm_id=OURS, device_id=1), Step.WAIT),
    Row("being copied", _volume(OURS, 0, "Snapshotting"), Target(vm_id=OURS, device_id=0), Step.WAIT),
    Row("at a stranger", _volume("other", 1), Target(), Step.ELSEWHERE),
    Row("failed in its making", _volume(state="Destroy"), Target(), Step.ELSEWHERE),
    Row("gone", _volume(found=False), Target(), Step.ELSEWHERE),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_the_next_step(row: Row) -> None:
    assert next_step(row.volume, row.to, {OURS, APPLIANCE}) is row.step


async def test_replicas_go_to_their_places_and_back(disk_site: DiskSite) -> None:
    disk_site.detach_template_root()
    places = [Place(vm_id=disk_site.vm.id, device_id=device_id) for device_id in (0, 1, 2)]
    for volume, place in zip(disk_site.replicas, places, strict=True):
        moved = await disk_site.bring(disk_site.move(volume, place))
        assert (moved.vm_id, moved.device_id) == (place.vm_id, place.device_id)
        assert moved.storage_id == (volume.pool.id if volume.pool else "")
    assert disk_site.sim.world.root_of(disk_site.vm) is disk_site.replicas[0]
    for volume in disk_site.replicas:
        home = Place(vm_id=disk_site.appliance.id)
        assert (await disk_site.bring(disk_site.move(volume, home))).vm_id == disk_site.appliance.id
    assert [volume.content for volume in disk_site.replicas] == ["replica 0", "replica 1", "replica 2"]


async def test_a_placed_disk_is_left_alone(disk_site: DiskSite) -> None:
    request = disk_site.move(disk_site.replicas[0], Place(vm_id=disk_site.appliance.id))
    reply = await run(MoveDiskActivities(disk_site.clouds).move_disk, request)
    assert reply.placed
    assert not reply.job_id
    assert disk_site.commands("attachVolume", "detachVolume") == []


async def test_each_call_begins_one_step_only(disk_site: DiskSite) -> None:
    request = disk_site.move(disk_site.replicas[1], Place(vm_id=disk_site.vm.id, device_id=1))
    reply = await run(MoveDiskActivities(disk_site.clouds).move_disk, request)
    assert not reply.placed
    assert reply.job_id
    assert disk_site.commands("attachVolume", "detachVolume") == ["detachVolume"]


async def test_an_attach_names_its_place(disk_site: DiskSite) -> None:
    disk_site.replicas[2].detach()
    place = Place(vm_id=disk_site.vm.id, device_id=4)
    await disk_site.bring(disk_site.move(disk_site.replicas[2], place))
    assert disk_site.shown(disk_site.replicas[2]) == (disk_site.vm.id, 4)


@pytest.mark.parametrize("kind", (FaultKind.LOST_BEFORE_EFFECT, FaultKind.LOST_AFTER_EFFECT), ids=str)
@pytest.mark.parametrize("command", ("detachVolume", "attachVolume"))
async def test_a_lost_answer_is_looked_after(disk_site: DiskSite, command: str, kind: FaultKind) -> None:
    disk_site.sim.faults.add(Fault(command, kind))
    request = disk_site.move(disk_site.replicas[1], Place(vm_id=disk_site.vm.id, device_id=1))
    if command == "attachVolume":
        await disk_site.bring(request.model_copy(update={"to": NOWHERE}))
    moving = MoveDiskActivities(disk_site.clouds)
    error = await fails(moving.move_disk, request)
    assert (error.type, error.non_retryable) == ("CloudStackOutcomeUnknown", False)
    came_through = kind is FaultKind.LOST_AFTER_EFFECT
    await disk_site.until(lambda: not came_through or not disk_site.unfinished_jobs())
    await disk_site.bring(request)
    assert disk_site.shown(disk_site.replicas[1]) == (disk_site.vm.id, 1)
    # What came through is seen by the next look, and never sent again.
    assert len(disk_site.commands(command)) == (1 if came_through else 2)


async def _at_a_stranger(site: DiskSite) -> MoveRequest:
    network = site.sim.world.networks[sample.DEFAULT_NET_ID]
    stranger = site.sim.world.add_vm("stranger", [network])
    site.replicas[1].detach()
    site.replicas[1].attach(stranger, 1)
    return site.move(site.replicas[1], NOWHERE)


async def _deleted(site: DiskSite) -> MoveRequest:
    site.sim.world.remove_volume(site.replicas[1])
    return site.move(site.replicas[1], NOWHERE)


async def _on_another_pool(site: DiskSite) -> MoveRequest:
    site.replicas[1].detach()
    place = Place(vm_id=site.vm.id, device_id=1)
    return site.move(site.replicas[1], place, storage_id="the pool of the plan")


async def _migrated_at_its_place(site: DiskSite) -> MoveRequest:
    site.replicas[1].detach()
    site.replicas[1].attach(site.vm, 1)
    return site.move(site.replicas[1], Place(vm_id=site.vm.id, device_id=1), storage_id="of the plan")


async def _place_is_taken(site: DiskSite) -> MoveRequest:
    site.replicas[1].detach()
    site.replicas[2].detach()
    site.replicas[2].attach(site.vm, 1)
    return site.move(site.replicas[1], Place(vm_id=site.vm.id, device_id=1))


async def _template_root_is_there(site: DiskSite) -> MoveRequest:
    site.replicas[0].detach()
    return site.move(site.replicas[0], Place(vm_id=site.vm.id, device_id=0))


async def _being_copied(site: DiskSite) -> MoveRequest:
    site.replicas[0].state = VolumeState.SNAPSHOTTING
    return site.move(site.replicas[0], NOWHERE)


REFUSED = (
    (_at_a_stranger, "DiskElsewhere", True, "stranger"),
    (_deleted, "DiskElsewhere", True, "gone"),
    (_on_another_pool, "StorageChanged", True, "the pool of the plan"),
    (_migrated_at_its_place, "StorageChanged", True, "of the plan"),
    (_place_is_taken, "DiskMoveFailed", True, "pgtest1-disk-2002"),
    (_template_root_is_there, "DiskMoveFailed", True, "ROOT-"),
    (_being_copied, "DiskBusy", False, "Snapshotting"),
)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0].__name__.strip("_"))
async def test_what_is_not_done(disk_site: DiskSite, row: tuple) -> None:  # type: ignore[type-arg]  # of the table
    arrange, error_type, final, named = row
    request = await arrange(disk_site)
    error = await fails(MoveDiskActivities(disk_site.clouds).move_disk, request)
    assert (error.type, error.non_retryable) == (error_type, final)
    world = disk_site.sim.world
    named = next((vm.id for vm in world.vms_existing() if vm.name == named), named)
    assert named in error.message
    assert disk_site.commands("attachVolume", "detachVolume") == []


async def test_a_pool_is_not_compared_on_the_way_to_nothing(disk_site: DiskSite) -> None:
    request = disk_site.move(disk_site.replicas[1], NOWHERE, storage_id="of the plan")
    assert not (await disk_site.bring(request)).vm_id


async def test_a_root_of_a_running_vm_stays_and_the_job_says_so(disk_site: DiskSite) -> None:
    disk_site.detach_template_root()
    root = disk_site.replicas[0]
    await disk_site.bring(disk_site.move(root, Place(vm_id=disk_site.vm.id, device_id=0)))
    disk_site.vm.state = VmState.RUNNING
    reply = await run(MoveDiskActivities(disk_site.clouds).move_disk, disk_site.move(root, NOWHERE))
    report = await disk_site.wait(reply.job_id)
    assert (report.state.value, report.code) == ("failed", 431)
    assert disk_site.shown(root) == (disk_site.vm.id, 0)


async def test_a_silent_migration_is_found_after_the_attach(disk_site: DiskSite) -> None:
    world = disk_site.sim.world
    disk_site.detach_template_root()
    root, data = disk_site.replicas[0], disk_site.replicas[1]
    await disk_site.bring(disk_site.move(root, Place(vm_id=disk_site.vm.id, device_id=0)))
    there = root.pool
    assert there is not None
    data.pool = next(pool for pool in world.pools if pool.cluster_id != there.cluster_id)
    request = disk_site.move(data, Place(vm_id=disk_site.vm.id, device_id=1))
    error = None
    moving = MoveDiskActivities(disk_site.clouds)
    for _ in range(2):
        await disk_site.wait((await run(moving.move_disk, request)).job_id)
    error = await fails(moving.move_disk, request)
    assert error.type == "StorageChanged"
