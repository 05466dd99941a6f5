"""The way back of a machine whose replicas were taken: read ``go_back`` from top to bottom.

Nothing here raises for what CloudStack, the VMA or the database cannot do: it is named in ``left_behind``,
and what depends on it is not done. A replica is never destroyed. One that may have been written to never goes
back to replication as if it had not been.
"""

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.messages.disks import (
        Place,
        RemoveSnapshotsRequest,
        SnapshotPurpose,
        StopVMRequest,
    )
    from activities.messages.replication import (
        ChangeIdRequest,
        RecordSnapshotsRequest,
        ReplicaMark,
    )
    from activities.messages.source_power import PowerState
    from activities.messages.vm import JobState
    from rules.disks import DiskPlan
    from workflows import disk_jobs, disk_steps, machine, source_steps
    from workflows.failures import explain
    from workflows.moves import NOWHERE, bring
    from workflows.orders import TakenOver, Touched, Undone
    from workflows.power import power_on
    from workflows.replication import fence_request
    from workflows.template_root import drop_template_root

_STOP_TRIES = 6
_STOPPED = frozenset({"Stopped", "Error", "Destroyed", "Expunging", ""})
_REVERT_TRIES = 3

Say = Callable[[str], None]


async def go_back(taken: TakenOver, say: Say) -> tuple[Undone, TakenOver]:
    """Stop, detach, revert, re-attach, remove the VM, release the fence.

    The source is powered on beside that: the new VM is confirmed stopped by then.

    Args:
        taken: What was taken over, and what was touched of it.
        say: Shows a headline in the current details.

    Returns:
        What was done, and what is still taken: another try goes on there, and repeats nothing.
    """
    say("way back: stop the VM")
    stopped = await stop(taken)
    if stopped.left_behind:
        # Whatever follows would act on disks that are being written to.
        return stopped.and_then(all_left(taken, "not touched, since the VM may run")), taken
    say("way back: bring the disks home; power on the source")
    disks, source = await asyncio.gather(_bring_disks_home(taken), _power_on_source(taken))
    say("way back: remove the VM")
    root = await drop_template_root(taken)
    removed = await machine.remove_taken(taken) if taken.touched.vm else Undone()
    fence = await _release_fence(taken, home=disks.home)
    still = Touched(
        cleanup=taken.touched.cleanup,
        vm=not removed.vm_gone,
        fence=taken.touched.fence and bool(fence.left_behind),
        source=taken.touched.source and bool(source.left_behind),
        source_off=taken.touched.source_off,
        started=taken.touched.started and not removed.vm_gone,
        moved=taken.touched.moved and not disks.home,
        written=taken.touched.written and not disks.home,
        snapshots=taken.touched.snapshots and (not disks.home or bool(disks.left_behind)),
    )
    undone = stopped.and_then(disks).and_then(source).and_then(root).and_then(removed).and_then(fence)
    root_id = taken.template_root_id if root.left_behind else ""
    return undone, taken.model_copy(update={"touched": still, "template_root_id": root_id})


async def stop(taken: TakenOver) -> Undone:
    """Stop the new VM, and read back that it is stopped; one that was never started costs one look.

    Never by force unless an operator ordered it: CloudStack then marks the VM as stopped even when its host
    does not answer, which proves nothing.
    """
    if taken.vm is None:
        return Undone()
    name = f"{taken.vm.name} ({taken.vm.id})"
    policy = taken.policy
    state, sent = "unknown", False
    try:
        for _ in range(_STOP_TRIES):
            request = StopVMRequest(owner=taken.owner, vm=taken.vm, force=taken.force_stop)
            reply = await disk_steps.stop_vm(request, policy)
            state = reply.state
            if not reply.job_id and state in _STOPPED:
                forced = " by force, as ordered" if taken.force_stop else ""
                return Undone(restored=(f"{name}: stopped{forced}",) if sent else ())
            if reply.job_id:
                sent = True
                await disk_jobs.wait_for(
                    taken,
                    reply.job_id,
                    "the VM stops",
                    max(policy.job_timeout_seconds, policy.disk_seconds(0)),
                )
    except ActivityError as error:
        state = explain(error)[1]
    advice = "see that it is off, then order roll_back with force_stop"
    return Undone(left_behind=(f"{name}: not stopped: {state}; {advice}",), home=False, vm_gone=False)


async def _bring_disks_home(taken: TakenOver) -> Undone:
    touched = taken.touched
    undone = Undone()
    if touched.moved or touched.written:
        if broken := await _fence_is_broken(taken):
            return _not_touched(taken, broken)
        homes = [_bring_home(taken, disk, revert=touched.written) for disk in taken.disks]
        for home in await asyncio.gather(*homes):
            undone = undone.and_then(home)
    if not undone.home:
        return undone.and_then(_snapshots_left(taken, "not removed, since a replica is not back"))
    reverted = not undone.kept
    if touched.written:
        undone = undone.and_then(await _say_how_it_returns(taken, reverted=reverted))
    if not undone.home:
        return undone.and_then(_snapshots_left(taken, "not removed, since the replica counts as written to"))
    if touched.snapshots:
        of_snapshots = await drop_rollback_snapshots(taken) if reverted else _snapshots_kept(taken)
        undone = undone.and_then(of_snapshots)
    return undone


async def _fence_is_broken(taken: TakenOver) -> str:
    """Say why replication may be writing to the disks; empty while the fence is ours and stands."""
    try:
        await source_steps.check_fence(fence_request(taken), "the disks go home")
    except ActivityError as error:
        return explain(error)[1]
    return ""


def _not_touched(taken: TakenOver, why: str) -> Undone:
    left = tuple(f"disk {disk.disk_id} (volume {disk.volume_id}): not touched: {why}" for disk in taken.disks)
    return Undone(left_behind=left, home=False)


async def _bring_home(taken: TakenOver, disk: DiskPlan, *, revert: bool) -> Undone:
    """Detach, revert while unattached, re-attach to the appliance."""
    name = f"disk {disk.disk_id} (volume {disk.volume_id})"
    reverted = Undone()
    try:
        if revert or disk.appliance_device_id is None:
            await bring(taken, disk.volume_id, NOWHERE, undo=True)
        if revert:
            reverted = await _revert(taken, disk)
        if disk.appliance_device_id is not None:
            # Whatever pool it is on by now: a disk that was moved silently must get home, too.
            await bring(taken, disk.volume_id, Place(vm_id=taken.appliance_vm_id), undo=True)
    except (ActivityError, ApplicationError) as error:
        return Undone(left_behind=(f"{name}: not back at the appliance: {explain(error)[1]}",), home=False)
    return Undone(restored=(f"{name}: back at the appliance",)).and_then(reverted)


async def _revert(taken: TakenOver, disk: DiskPlan) -> Undone:
    """Return with ``kept`` when CloudStack did not confirm it: the disk holds what was written to it."""
    name = f"disk {disk.disk_id}"
    snapshot = next((one for one in taken.snapshots if one.volume_id == disk.volume_id), None)
    if snapshot is None:
        return Undone(kept=(f"{name}: not reverted: there is no snapshot of it",))
    said = ""
    try:
        for _ in range(_REVERT_TRIES):
            report = await disk_jobs.revert(taken, disk, snapshot.snapshot_id)
            if report.state is JobState.SUCCEEDED:
                return Undone(restored=(f"{name}: reverted to {snapshot.name or snapshot.snapshot_id}",))
            said = f"CloudStack's job {report.state.value}"
    except (ActivityError, ApplicationError) as error:
        said = explain(error)[1]
    return Undone(kept=(f"{name}: not reverted to snapshot {snapshot.snapshot_id}: {said}",))


async def _say_how_it_returns(taken: TakenOver, *, reverted: bool) -> Undone:
    """A replica that is not proven to be as it was is synced in full the next time."""
    context_id = taken.owner.context_id
    try:
        if not reverted:
            disk_ids = tuple(disk.disk_id for disk in taken.disks)
            await source_steps.clear_change_ids(ChangeIdRequest(context_id=context_id, disk_ids=disk_ids))
        mark = ReplicaMark(workflow_id=taken.owner.workflow_id, context_id=context_id, dirty=False)
        await source_steps.mark_replica(mark)
    except ActivityError as error:
        return Undone(left_behind=(f"the replica counts as written to: {explain(error)[1]}",), home=False)
    if reverted:
        return Undone()
    return Undone(restored=("change ids cleared: the next sync of every disk is a full one",))


def _snapshots_kept(taken: TakenOver) -> Undone:
    why = "kept, since a revert was not confirmed"
    return Undone(kept=tuple(f"snapshot {one.name} ({one.snapshot_id}): {why}" for one in taken.snapshots))


async def drop_rollback_snapshots(taken: TakenOver) -> Undone:
    """Remove the rollback snapshots, failed ones included, and record that they are gone."""
    request = RemoveSnapshotsRequest(
        owner=taken.owner, volume_ids=taken.replica_ids, purpose=SnapshotPurpose.ROLLBACK
    )
    try:
        removed = await disk_steps.remove_snapshots(request, taken.policy)
        if taken.snapshots:
            record = RecordSnapshotsRequest(
                context_id=taken.owner.context_id, snapshots=taken.snapshots, gone=True
            )
            await source_steps.record_snapshots(record)
    except ActivityError as error:
        return Undone(left_behind=(f"rollback snapshots: not removed: {explain(error)[1]}",))
    return Undone(removed=removed.removed, left_behind=removed.left_behind)


async def _power_on_source(taken: TakenOver) -> Undone:
    """Only if this run powered it off, or may have; the new VM is stopped here."""
    if not taken.touched.source:
        return Undone()
    try:
        power = await power_on(taken.context, taken.policy, was_off=taken.touched.source_off)
    except ActivityError as error:
        return Undone(left_behind=(f"source VM: not powered on: {explain(error)[1]}",))
    if power.state is not PowerState.ON:
        return Undone(left_behind=(f"source VM: not powered on: it is {power.state.value} {power.reason}",))
    return Undone(restored=("source VM: powered on",))


async def _release_fence(taken: TakenOver, *, home: bool) -> Undone:
    """The last thing: replication may write again from here on."""
    if not taken.touched.fence:
        return Undone()
    if not home:
        return Undone(left_behind=("replication stays fenced: a replica is not back",))
    try:
        await source_steps.release_fence(fence_request(taken))
    except ActivityError as error:
        return Undone(left_behind=(f"replication stays fenced: {explain(error)[1]}",))
    return Undone(restored=("replication: released",))


def all_left(taken: TakenOver, why: str) -> Undone:
    """Name everything that was touched and that nothing was done about, the VM itself excepted."""
    touched = taken.touched
    left = []
    if touched.moved or touched.written:
        left += [f"disk {disk.disk_id} (volume {disk.volume_id}): {why}" for disk in taken.disks]
    left += [f"clone {clone_id}: {why}" for clone_id in taken.clone_ids]
    left += _snapshots_left(taken, why).left_behind
    if touched.fence:
        left.append(f"replication stays fenced: {why}")
    if touched.source:
        left.append(f"source VM: not powered on: {why}")
    return Undone(left_behind=tuple(left), home=False, vm_gone=False)


def _snapshots_left(taken: TakenOver, why: str) -> Undone:
    if not taken.touched.snapshots and not taken.touched.clones:
        return Undone()
    if not taken.snapshots:
        return Undone(left_behind=(f"snapshots that this failover may have begun: {why}",))
    return Undone(
        left_behind=tuple(f"snapshot {one.name} ({one.snapshot_id}): {why}" for one in taken.snapshots)
    )
