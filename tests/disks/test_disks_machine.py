"""The steps about our VM and its disks: template root, stop, revert, verify; a removal spares replicas."""

from dataclasses import dataclass

import pytest

from activities.messages.disks import (
    RemoveVolumeRequest,
    RevertRequest,
    StopVMRequest,
    TemplateRootRequest,
    VerifyDisksRequest,
)
from activities.messages.vm import RemoveVMRequest
from activities.remove_vm import RemoveVMActivities
from activities.revert_disk import RevertDiskActivities
from activities.stop_vm import StopVMActivities
from activities.template_root import TemplateRootActivities
from activities.verify_disks import VerifyDisksActivities
from rules.clones import clone_name
from rules.outcomes import FailoverVm
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.cloudstack.storage import Snapshot, SnapshotState, Volume, VolumeState
from tests.disks.conftest import QUICK, DiskSite, fails, run


def _root_of(site: DiskSite) -> Volume:
    root = site.sim.world.root_of(site.vm)
    assert root is not None
    return root


def _swap_root(site: DiskSite) -> None:
    site.detach_template_root()
    site.replicas[0].detach()
    site.replicas[0].attach(site.vm, 0)


# The template's root


def _root_request(site: DiskSite) -> TemplateRootRequest:
    return TemplateRootRequest(owner=site.owner, vm=site.our_vm(), replica_ids=site.replica_ids)


async def test_the_template_root_is_found_while_it_is_attached(disk_site: DiskSite) -> None:
    step = TemplateRootActivities(disk_site.clouds).find_template_root
    found = (await run(step, _root_request(disk_site))).volume
    assert found is not None
    assert found.volume_id == _root_of(disk_site).id
    assert found.is_root
    _root_of(disk_site).detach()
    assert (await run(step, _root_request(disk_site))).volume is None


async def test_a_replica_or_a_clone_is_never_taken_for_it(disk_site: DiskSite) -> None:
    _swap_root(disk_site)
    step = TemplateRootActivities(disk_site.clouds).find_template_root
    disk_site.replicas[0].name = "ROOT-77"
    assert (await run(step, _root_request(disk_site))).volume is None
    clone = disk_site.sim.world.add_disk(clone_name(disk_site.owner.workflow_id, "x"))
    disk_site.replicas[0].detach()
    clone.attach(disk_site.vm, 0)
    assert (await run(step, _root_request(disk_site))).volume is None


async def test_a_vm_that_is_gone_has_no_root(disk_site: DiskSite) -> None:
    disk_site.sim.world.expunge(disk_site.vm)
    error = await fails(TemplateRootActivities(disk_site.clouds).find_template_root, _root_request(disk_site))
    assert error.type == "VmLost"


def _deletion(site: DiskSite, volume: Volume) -> RemoveVolumeRequest:
    return RemoveVolumeRequest(owner=site.owner, volume_id=volume.id, replica_ids=site.replica_ids)


async def test_the_template_root_is_deleted_once(disk_site: DiskSite) -> None:
    root = _root_of(disk_site)
    root.detach()
    step = TemplateRootActivities(disk_site.clouds).remove_volume
    disk_site.sim.faults.add(Fault("deleteVolume", FaultKind.LOST_AFTER_EFFECT))
    assert (await fails(step, _deletion(disk_site, root))).type == "CloudStackOutcomeUnknown"
    assert root.removed
    again = await run(step, _deletion(disk_site, root))
    assert "no longer shows it" in again.removed[0]


@dataclass(frozen=True)
class Undeletable:
    what: str
    error_type: str
    final: bool = True


UNDELETABLE = (
    Undeletable("replica", "ReplicaAttached"),
    Undeletable("attached", "DiskElsewhere"),
    Undeletable("strange", "ReplicaAttached"),
    Undeletable("busy", "DiskBusy", final=False),
)


@pytest.mark.parametrize("row", UNDELETABLE, ids=lambda row: row.what)
async def test_what_is_not_deleted(disk_site: DiskSite, row: Undeletable) -> None:
    volume = _root_of(disk_site)
    if row.what == "replica":
        volume = disk_site.replicas[0]
        volume.name = "ROOT-5"
    if row.what != "attached":
        volume.detach()
    if row.what == "strange":
        volume.name = "somebody's own"
    if row.what == "busy":
        volume.state = VolumeState.SNAPSHOTTING
    step = TemplateRootActivities(disk_site.clouds).remove_volume
    error = await fails(step, _deletion(disk_site, volume))
    assert (error.type, error.non_retryable) == (row.error_type, row.final)
    assert volume.id in error.message
    assert not volume.removed


# Stop


STATES = (
    (VmState.STOPPED, "Stopped"),
    (VmState.DESTROYED, "Destroyed"),
    (VmState.ERROR, "Error"),
    (VmState.EXPUNGING, ""),
)


@pytest.mark.parametrize("row", STATES, ids=lambda row: row[0].value)
async def test_a_vm_that_does_not_run_is_left_alone(disk_site: DiskSite, row: tuple[VmState, str]) -> None:
    disk_site.vm.state = row[0]
    request = StopVMRequest(owner=disk_site.owner, vm=disk_site.our_vm())
    reply = await run(StopVMActivities(disk_site.clouds).stop_vm, request)
    assert (reply.state, reply.job_id) == (row[1], "")
    assert disk_site.commands("stopVirtualMachine") == []


@pytest.mark.parametrize("force", (False, True), ids=("gently", "by force"))
async def test_a_running_vm_is_stopped(disk_site: DiskSite, force: bool) -> None:  # noqa: FBT001 - of the table
    disk_site.vm.state = VmState.RUNNING
    request = StopVMRequest(owner=disk_site.owner, vm=disk_site.our_vm(), force=force)
    step = StopVMActivities(disk_site.clouds).stop_vm
    reply = await run(step, request)
    assert reply.state == "Running"
    await disk_site.wait(reply.job_id)
    assert (await run(step, request)).state == "Stopped"
    [call] = disk_site.sim.calls_of("stopVirtualMachine")
    assert call.params.get("forced") == ("true" if force else None)


async def test_a_vm_on_its_way_is_asked_again(disk_site: DiskSite) -> None:
    disk_site.vm.state = VmState.STARTING
    request = StopVMRequest(owner=disk_site.owner, vm=disk_site.our_vm())
    error = await fails(StopVMActivities(disk_site.clouds).stop_vm, request)
    assert (error.type, error.non_retryable) == ("VmBusy", False)


async def test_a_vm_that_is_gone_is_stopped(disk_site: DiskSite) -> None:
    disk_site.sim.world.expunge(disk_site.vm)
    request = StopVMRequest(owner=disk_site.owner, vm=disk_site.our_vm())
    assert (await run(StopVMActivities(disk_site.clouds).stop_vm, request)).state == ""


async def test_a_stop_whose_answer_was_lost(disk_site: DiskSite) -> None:
    disk_site.vm.state = VmState.RUNNING
    disk_site.sim.faults.add(Fault("stopVirtualMachine", FaultKind.LOST_AFTER_EFFECT))
    request = StopVMRequest(owner=disk_site.owner, vm=disk_site.our_vm())
    step = StopVMActivities(disk_site.clouds).stop_vm
    assert (await fails(step, request)).type == "CloudStackOutcomeUnknown"
    await disk_site.until(lambda: not disk_site.unfinished_jobs())
    assert (await run(step, request)).state == "Stopped"
    assert len(disk_site.commands("stopVirtualMachine")) == 1


# Revert


def _snapshot(site: DiskSite, index: int = 0) -> Snapshot:
    snapshot = site.sim.world.add_snapshot("before", site.replicas[index])
    snapshot.state = SnapshotState.BACKED_UP
    return snapshot


def _revert(site: DiskSite, snapshot: Snapshot) -> RevertRequest:
    return RevertRequest(owner=site.owner, volume_id=site.replicas[0].id, snapshot_id=snapshot.id, **QUICK)


@pytest.mark.parametrize("lost", (False, True), ids=("answered", "answer lost"))
async def test_an_unattached_volume_is_reverted(disk_site: DiskSite, lost: bool) -> None:  # noqa: FBT001 - of the table
    disk_site.sim.world.can_revert = True
    snapshot = _snapshot(disk_site)
    volume = disk_site.replicas[0]
    volume.detach()
    volume.content = "converted"
    step = RevertDiskActivities(disk_site.clouds).revert_disk
    if lost:
        disk_site.sim.faults.add(Fault("revertSnapshot", FaultKind.LOST_BEFORE_EFFECT))
        error = await fails(step, _revert(disk_site, snapshot))
        assert (error.type, error.non_retryable) == ("CloudStackOutcomeUnknown", False)
    reply = await run(step, _revert(disk_site, snapshot))
    assert (await disk_site.wait(reply.job_id)).state.value == "succeeded"
    assert volume.content == "replica 0"


async def test_a_revert_that_the_hypervisor_cannot_do_is_said_by_its_job(disk_site: DiskSite) -> None:
    snapshot = _snapshot(disk_site)
    disk_site.replicas[0].detach()
    reply = await run(RevertDiskActivities(disk_site.clouds).revert_disk, _revert(disk_site, snapshot))
    report = await disk_site.wait(reply.job_id)
    assert (report.state.value, report.code) == ("failed", 530)


REVERTS = (
    ("attached", "RevertFailed", True),
    ("gone", "RevertFailed", True),
    ("no snapshot", "RevertFailed", True),
    ("another's snapshot", "RevertFailed", True),
    ("failed snapshot", "RevertFailed", True),
    ("snapshot in the making", "DiskBusy", False),
    ("busy volume", "DiskBusy", False),
)


@pytest.mark.parametrize("row", REVERTS, ids=lambda row: row[0])
async def test_what_is_not_reverted(disk_site: DiskSite, row: tuple[str, str, bool]) -> None:
    what, error_type, final = row
    volume = disk_site.replicas[0]
    snapshot = _snapshot(disk_site, 1 if what == "another's snapshot" else 0)
    if what != "attached":
        volume.detach()
    if what == "gone":
        disk_site.sim.world.remove_volume(volume)
    snapshot.removed = what == "no snapshot"
    if what == "failed snapshot":
        snapshot.state = SnapshotState.ERROR
    if what == "snapshot in the making":
        snapshot.state = SnapshotState.CREATING
    if what == "busy volume":
        volume.state = VolumeState.SNAPSHOTTING
    error = await fails(RevertDiskActivities(disk_site.clouds).revert_disk, _revert(disk_site, snapshot))
    assert (error.type, error.non_retryable) == (error_type, final)
    assert disk_site.commands("revertSnapshot") == []


# Verify


def _verification(site: DiskSite) -> VerifyDisksRequest:
    plans = tuple(site.plan(index, device_id) for index, device_id in ((0, 0), (1, 1)))
    return VerifyDisksRequest(owner=site.owner, vm=site.our_vm(), volumes=plans)


async def test_disks_at_their_places(disk_site: DiskSite) -> None:
    request = _verification(disk_site)
    _swap_root(disk_site)
    disk_site.replicas[1].detach()
    disk_site.replicas[1].attach(disk_site.vm, 1)
    verified = await run(VerifyDisksActivities(disk_site.clouds).verify_disks, request)
    assert [one.device_id for one in verified.volumes] == [0, 1]
    assert [one.volume_id for one in verified.volumes] == list(disk_site.replica_ids[:2])


async def test_every_difference_is_named(disk_site: DiskSite) -> None:
    request = _verification(disk_site)
    world = disk_site.sim.world
    boot, data, extra = disk_site.replicas
    boot.detach()
    data.detach()
    data.attach(disk_site.vm, 4)
    data.pool = next(pool for pool in world.pools if pool is not data.pool)
    extra.detach()
    extra.attach(disk_site.vm, 2)
    error = await fails(VerifyDisksActivities(disk_site.clouds).verify_disks, request)
    assert (error.type, error.non_retryable) == ("VerificationFailed", True)
    for said in (
        "disk-2000 is not at the VM",
        "disk-2001 is at device id 4, not 1",
        "disk-2001 is on pool",
        f"not expected: volume {extra.name}",
        "not expected: volume ROOT-",
    ):
        assert said in error.message, (said, error.message)


# Removal of the VM


def _removal(site: DiskSite, replica_ids: tuple[str, ...] | None = None) -> RemoveVMRequest:
    ids = site.replica_ids if replica_ids is None else replica_ids
    return RemoveVMRequest(
        owner=site.owner, generation=1, vm_id=site.vm.id, vm_name=site.vm.name, replica_ids=ids
    )


@pytest.mark.parametrize("known", (True, False), ids=("ids known", "ids not known"))
@pytest.mark.parametrize(
    "state", (VmState.STOPPED, VmState.RUNNING, VmState.DESTROYED, VmState.ERROR), ids=lambda one: one.value
)
@pytest.mark.parametrize("device_id", (0, 1), ids=("as root", "as data disk"))
async def test_a_vm_with_a_replica_is_never_destroyed(
    disk_site: DiskSite,
    device_id: int,
    state: VmState,
    known: bool,  # noqa: FBT001 - of the table
) -> None:
    replica = disk_site.replicas[0]
    if device_id == 0:
        _swap_root(disk_site)
    else:
        replica.detach()
        replica.attach(disk_site.vm, device_id)
    disk_site.vm.state = state
    request = _removal(disk_site, None if known else ())
    error = await fails(RemoveVMActivities(disk_site.clouds).remove_vm, request)
    assert (error.type, error.non_retryable) == ("ReplicaAttached", True)
    assert replica.id in error.message
    assert disk_site.commands("destroyVirtualMachine") == []
    assert ("recovering" in error.message) is (state is VmState.DESTROYED)
    assert disk_site.shown(replica) == (disk_site.vm.id, device_id)
    assert not replica.removed


async def test_a_vm_with_its_own_root_and_our_clones_goes(disk_site: DiskSite) -> None:
    name = clone_name(disk_site.owner.workflow_id, disk_site.replicas[1].id)
    clone = disk_site.sim.world.add_disk(name, vm=disk_site.vm, device_id=1)
    removed = await run(RemoveVMActivities(disk_site.clouds).remove_vm, _removal(disk_site))
    assert "expunged" in removed.removed[0]
    # A data disk outlives its VM.
    assert (clone.vm, clone.removed) == (None, False)


async def test_a_foreign_disk_is_not_taken_along(disk_site: DiskSite) -> None:
    disk_site.sim.world.add_disk("an operator's own", vm=disk_site.vm, device_id=1)
    error = await fails(RemoveVMActivities(disk_site.clouds).remove_vm, _removal(disk_site))
    assert error.type == "ReplicaAttached"
    assert "an operator's own" in error.message


async def test_the_other_vms_go_all_the_same(disk_site: DiskSite) -> None:
    _swap_root(disk_site)
    second = disk_site.sim.world.add_vm("pgtest1", [], details=dict(disk_site.vm.details))
    error = await fails(RemoveVMActivities(disk_site.clouds).remove_vm, _removal(disk_site))
    assert error.type == "ReplicaAttached"
    assert second.removed
    assert not disk_site.vm.removed


async def test_a_vm_without_volumes_goes(disk_site: DiskSite) -> None:
    disk_site.detach_template_root()
    vm = FailoverVm(id=disk_site.vm.id, name=disk_site.vm.name)
    removed = await run(RemoveVMActivities(disk_site.clouds).remove_vm, _removal(disk_site))
    assert vm.id in removed.removed[0]
    assert disk_site.vm.removed
