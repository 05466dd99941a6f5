"""A cancel that comes while a call is under way: its answer is waited for, so that the undo knows the job."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.clones import CreateCloneActivities
from activities.lost_calls import look_after_lost_call
from activities.messages.disks import (
    CloneRequest,
    Place,
    RevertRequest,
    SnapshotPurpose,
    SnapshotRequest,
    StopVMRequest,
)
from activities.move_disk import MoveDiskActivities
from activities.revert_disk import RevertDiskActivities
from activities.snapshots import SnapshotActivities
from activities.stop_vm import StopVMActivities
from rules.models import Record
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.cloudstack.storage import SnapshotState
from tests.disks.conftest import QUICK, DiskSite, clouds_of

Step = Callable[[Any], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Row:
    command: str
    begin: Callable[[DiskSite], tuple[Step, Record]]


def _detach(site: DiskSite) -> tuple[Step, Record]:
    return MoveDiskActivities(site.clouds).move_disk, site.move(site.replicas[1], Place())


def _attach(site: DiskSite) -> tuple[Step, Record]:
    site.replicas[1].detach()
    request = site.move(site.replicas[1], Place(vm_id=site.vm.id, device_id=1))
    return MoveDiskActivities(site.clouds).move_disk, request


def _snapshot(site: DiskSite) -> tuple[Step, Record]:
    request = SnapshotRequest(
        owner=site.owner,
        volume_id=site.replicas[0].id,
        disk_id="disk-2000",
        purpose=SnapshotPurpose.ROLLBACK,
        **QUICK,
    )
    return SnapshotActivities(site.clouds).create_snapshot, request


def _made_snapshot(site: DiskSite) -> str:
    made = site.sim.world.add_snapshot("made", site.replicas[0])
    made.state = SnapshotState.BACKED_UP
    return made.id


def _clone(site: DiskSite) -> tuple[Step, Record]:
    request = CloneRequest(owner=site.owner, disk=site.plan(0, 0), snapshot_id=_made_snapshot(site), **QUICK)
    return CreateCloneActivities(site.clouds).create_clone, request


def _revert(site: DiskSite) -> tuple[Step, Record]:
    snapshot_id = _made_snapshot(site)
    site.replicas[0].detach()
    request = RevertRequest(owner=site.owner, volume_id=site.replicas[0].id, snapshot_id=snapshot_id, **QUICK)
    return RevertDiskActivities(site.clouds).revert_disk, request


def _stop(site: DiskSite) -> tuple[Step, Record]:
    site.vm.state = VmState.RUNNING
    return StopVMActivities(site.clouds).stop_vm, StopVMRequest(owner=site.owner, vm=site.our_vm())


ROWS = (
    Row("detachVolume", _detach),
    Row("attachVolume", _attach),
    Row("createSnapshot", _snapshot),
    Row("createVolume", _clone),
    Row("revertSnapshot", _revert),
    Row("stopVirtualMachine", _stop),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.command)
async def test_the_answer_is_waited_for(disk_site: DiskSite, row: Row) -> None:
    # The command is carried out at once, and its answer is late.
    disk_site.sim.faults.add(Fault(row.command, FaultKind.HANG, seconds=0.3, effect=True))
    step, request = row.begin(disk_site)
    environment = ActivityEnvironment()
    running = asyncio.create_task(environment.run(step, request))
    await disk_site.until(lambda: row.command in disk_site.commands(row.command))
    environment.cancel()
    reply = await running
    assert reply.job_id in disk_site.sim.world.jobs


@pytest.mark.parametrize("row", ROWS[:4], ids=lambda row: row.command)
async def test_a_lost_call_is_left_to_expire_all_the_same(disk_site: DiskSite, row: Row) -> None:
    disk_site.sim.faults.add(Fault(row.command, FaultKind.LOST_BEFORE_EFFECT, times=None))
    step, request = row.begin(disk_site)
    request = request.model_copy(update={"settle_seconds": 0.4})
    environment = ActivityEnvironment()
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(environment.run(step, request))
    await disk_site.until(lambda: row.command in disk_site.commands(row.command))
    lost_at = loop.time()
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert loop.time() - lost_at >= 0.3
    # Nothing is sent after the cancel.
    assert disk_site.commands(row.command) == [row.command]


async def test_a_cancel_during_the_look_leaves_the_lost_call_to_expire_too() -> None:
    looking, loop = asyncio.Event(), asyncio.get_running_loop()

    async def look() -> None:
        looking.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(look_after_lost_call(look, 0.2))
    await looking.wait()
    cancelled_at = loop.time()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert loop.time() - cancelled_at >= 0.2


async def test_nothing_is_sent_again_after_a_cancel_during_the_lost_call(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.HANG, seconds=0.8))
    clouds = clouds_of(disk_site.sim.endpoint, timeout=0.4)
    _, request = _snapshot(disk_site)
    environment = ActivityEnvironment()
    step: Step = SnapshotActivities(clouds).create_snapshot
    try:
        running = asyncio.create_task(environment.run(step, request))
        await disk_site.until(lambda: "createSnapshot" in disk_site.commands("createSnapshot"))
        environment.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    finally:
        await clouds.close()
    assert disk_site.commands("createSnapshot") == ["createSnapshot"]
