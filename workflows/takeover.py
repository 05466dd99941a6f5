"""The takeover of the replica: what a live failover does, and a drill on storage that cannot clone.

Each function is one step of the runbook, in the order in which they run.
"""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.disks import (
        Place,
        RemoveVolumeRequest,
        SnapshotPurpose,
        TemplateRootRequest,
    )
    from activities.messages.replication import RecordSnapshotsRequest, ReplicaMark
    from activities.messages.source_power import PowerState
    from activities.messages.vm import JobState
    from rules.disks import DiskPlan, RecoveryPoint
    from rules.errors import FailoverErrorType
    from rules.recovery import recovery_point
    from workflows import disk_jobs, disk_steps, power, replication, source_steps, successor
    from workflows.conversion import Guest, convert, nic_plan
    from workflows.moves import NOWHERE, bring
    from workflows.run_state import FailoverRun
    from workflows.snapshot_set import take_set
    from workflows.together import together


async def empty_the_vm(run: FailoverRun) -> None:
    """Take the template's disk off the new VM and delete it; it costs no copy (observed, section 9)."""
    taken, policy = run.taken, run.loaded.policy
    request = TemplateRootRequest(owner=taken.owner, vm=run.vm, replica_ids=taken.replica_ids)
    root = (await disk_steps.find_template_root(request, policy)).volume
    if root is None:
        return
    # From here on it may hang on no VM: then no removal of a VM takes it along.
    run.template_root_id = root.volume_id
    await successor.tell(run)
    await bring(taken, root.volume_id, NOWHERE)
    removal = RemoveVolumeRequest(owner=taken.owner, volume_id=root.volume_id, replica_ids=taken.replica_ids)
    await disk_steps.remove_volume(removal, policy)
    run.template_root_id = ""


async def fence(run: FailoverRun) -> None:
    """Keep replication off the disks: the first step that touches the source's side."""
    if run.config.source_lost:
        run.lost_job = run.replication.running
    run.will(fence=True)
    warning = await replication.fence(run.taken, source_lost=run.config.source_lost)
    if warning:
        run.notes.append(warning)


async def stop_the_source(run: FailoverRun) -> None:
    """Power the source off, or make sure that the one declared lost is not on."""
    context, policy = run.loaded.context, run.loaded.policy
    if run.config.source_lost:
        run.source_end = await power.confirm_lost(context, policy, run.config.reason or "")
        return

    async def about_to() -> None:
        run.will(source=True)
        await successor.tell(run)

    run.source_end, warnings = await power.power_off(context, policy, about_to)
    run.will(source_off=True)
    run.notes.extend(warnings)


async def final_sync(run: FailoverRun) -> None:
    """Bring the disks to the moment in which the source was off, all of them to the same."""
    taken = run.taken
    if run.config.final_sync:
        await check_fence(run, "the final sync")
        before = await replication.facts(taken, "which syncs began before the source was off?")
        end = await replication.final_sync(taken, run.last_job_id, before.job_ids)
        until = workflow.now() + timedelta(seconds=run.loaded.policy.sync_stall_seconds)
        while (await _read_point(run)).job_id != end.job_id and workflow.now() < until:
            # Its own rows may come a little later than its word.
            await workflow.sleep(run.loaded.policy.sync_poll_seconds, summary="Wait for the sync's rows")
        await require_one_point(run)
        if run.recovery_point is None or run.recovery_point.job_id != end.job_id:
            raise failure(
                FailoverErrorType.SYNC_FAILED,
                f"final sync {end.job_id} ended, and not every disk is at it: {_points(run)}",
            )
        return
    reason = "the source is lost" if run.config.source_lost else f"as asked for: {run.config.reason}"
    run.notes.append(f"no final sync: {reason}")
    await require_one_point(run)


async def require_one_point(run: FailoverRun) -> None:
    """Read which point in time the disks hold now; one point for all, unless another was accepted."""
    point = await _read_point(run)
    if not point.consistent and not run.config.accept_recovery_point:
        raise failure(
            FailoverErrorType.RECOVERY_POINT_REFUSED,
            f"The disks do not hold one point in time: {point.detail}",
        )


async def take_rollback_snapshots(run: FailoverRun) -> None:
    """Take the snapshots that make a rollback possible, as one set."""
    if run.config.waive_snapshots:
        run.notes.append(f"no rollback snapshots, as asked for: {run.config.reason}")
        return
    await check_fence(run, "the snapshots")
    run.will(snapshots=True)
    run.snapshots = await take_set(run.taken, run.preflight.disks, SnapshotPurpose.ROLLBACK)
    if run.recovery_point is not None and run.recovery_point.snapshots:
        # The rows name the last good snapshots, which must not be forgotten.
        return
    await source_steps.record_snapshots(
        RecordSnapshotsRequest(context_id=run.config.context_id, snapshots=run.snapshots)
    )


async def use_last_good_snapshots(run: FailoverRun) -> None:
    """Revert a torn replica to the snapshots that were kept before; its torn state has its own."""
    point = run.recovery_point
    if point is None or not point.snapshots or run.config.accept_recovery_point:
        return
    await check_fence(run, "the revert to the last good snapshots")
    await _mark_written(run)
    run.will(moved=True)
    await successor.tell(run)
    run.notes.append(point.detail)
    await together(*(_restore(run, disk) for disk in run.preflight.disks), abandon=run.abandon)


async def convert_guest(run: FailoverRun) -> None:
    """Make the guest bootable on KVM, on the replica; it counts as written to from before the first write."""
    if not run.preflight.convert:
        return
    await check_fence(run, "the conversion")
    await _mark_written(run)
    disks = run.preflight.disks
    guest = Guest(_boot(disks).volume_id, tuple(one.volume_id for one in disks if not one.is_boot))

    async def restore() -> Guest:
        run.show("restore the disks: a conversion was interrupted")
        await together(*(_restore(run, disk) for disk in disks), abandon=run.abandon)
        return guest

    report = await convert(run.taken, guest, nic_plan(run.decisions, run.vm), restore)
    run.notes.append(f"guest conversion: {report.outcome.value} in {report.seconds:.0f} s")


async def move_disks(run: FailoverRun) -> None:
    """Move every replica to the new VM: all off the appliance, the root in first, then the data disks."""
    await check_fence(run, "the detach")
    run.will(moved=True)
    await successor.tell(run)
    taken, disks = run.taken, run.preflight.disks
    await together(*(_off(run, disk) for disk in disks), abandon=run.abandon)
    await _on(run, _boot(disks))
    for disk in disks:
        if not disk.is_boot:
            await _on(run, disk)
    workflow.logger.info("disks moved: %d to %s", len(disks), taken.vm.id if taken.vm else "")


async def before_the_start(run: FailoverRun) -> None:
    """Record that the replica is about to be written to by the new VM itself."""
    await _mark_written(run)


async def require_source_off(run: FailoverRun) -> None:
    """Look once more, right before the new VM starts: hours may have passed since the power-off.

    Raises:
        ApplicationError: SourceStillOn, or SourceNotLost for one that was declared lost.
    """
    power_now = await power.read(run.loaded.context, run.loaded.policy, "is it still off?")
    if power_now.state in {PowerState.ON, PowerState.SUSPENDED}:
        lost = run.config.source_lost
        raise failure(
            FailoverErrorType.SOURCE_NOT_LOST if lost else FailoverErrorType.SOURCE_STILL_ON,
            f"Before the start of the new VM the VMA reports the source {power_now.state.value}",
        )
    if power_now.state is PowerState.UNREACHABLE and not run.config.source_lost:
        run.notes.append(f"the source was off, and nobody can say that it still is: {power_now.reason}")


async def check_fence(run: FailoverRun, before: str) -> None:
    """Look that replication still keeps off."""
    request = replication.fence_request(run.taken).model_copy(update={"by_run": True})
    await source_steps.check_fence(request, before)


async def _mark_written(run: FailoverRun) -> None:
    if run.touched.written:
        return
    run.will(written=True)
    await successor.tell(run)
    await source_steps.mark_replica(
        ReplicaMark(workflow_id=run.workflow_id, context_id=run.config.context_id, dirty=True)
    )


async def _off(run: FailoverRun, disk: DiskPlan) -> None:
    await bring(run.taken, disk.volume_id, NOWHERE, storage_id=disk.storage_id, only_from_appliance=True)


async def _on(run: FailoverRun, disk: DiskPlan) -> None:
    to = Place(vm_id=run.vm.id, device_id=disk.device_id)
    run.stop_if_cancelled()
    await bring(run.taken, disk.volume_id, to, storage_id=disk.storage_id)


async def _restore(run: FailoverRun, disk: DiskPlan) -> None:
    """Detach, revert, re-attach: a half-converted disk is never converted again."""
    taken = run.taken
    snapshot_id = _held_by(run, disk)
    if not snapshot_id:
        raise failure(
            FailoverErrorType.CONVERSION_FAILED,
            f"the conversion was interrupted, and there is no snapshot of {disk.disk_id} to restore",
        )
    await bring(taken, disk.volume_id, NOWHERE, only_from_appliance=True)
    report = await disk_jobs.revert(taken, disk, snapshot_id)
    if report.state is not JobState.SUCCEEDED:
        raise failure(
            FailoverErrorType.REVERT_FAILED,
            f"CloudStack did not confirm the revert of {disk.disk_id}: job {report.state.value}, "
            f"code {report.code}",
        )
    await bring(taken, disk.volume_id, Place(vm_id=taken.appliance_vm_id), storage_id=disk.storage_id)


def _held_by(run: FailoverRun, disk: DiskPlan) -> str:
    """Return the snapshot that holds the recovery point of a disk; empty where there is none."""
    point = run.recovery_point
    good = point.snapshots if point is not None and not run.config.accept_recovery_point else ()
    held = [one.snapshot_id for one in good if one.volume_id == disk.volume_id]
    held += [one.snapshot_id for one in run.snapshots if one.volume_id == disk.volume_id]
    return held[0] if held else ""


async def _read_point(run: FailoverRun) -> RecoveryPoint:
    run.replication = await replication.facts(run.taken, "which point in time do the disks hold?")
    point = recovery_point(run.replication, workflow.now(), source_lost=run.config.source_lost)
    run.recovery_point = point
    return point


def _points(run: FailoverRun) -> str:
    return ", ".join(
        f"{disk.disk_id}: {disk.sync.job_id if disk.sync else 'none'}" for disk in run.replication.disks
    )


def _boot(disks: tuple[DiskPlan, ...]) -> DiskPlan:
    return next(disk for disk in disks if disk.is_boot)
