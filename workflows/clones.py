"""A drill's disks: clones of one moment between two syncs; replication is never stopped."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.disks import (
        CloneRequest,
        Place,
        RemoveClonesRequest,
        RemoveSnapshotsRequest,
        SnapshotPurpose,
    )
    from rules.disks import DiskPlan, ReplicationFacts, SnapshotFact
    from rules.errors import FailoverErrorType
    from rules.recovery import recovery_point
    from workflows import disk_jobs, disk_steps, replication, successor
    from workflows.conversion import Guest, convert, nic_plan
    from workflows.moves import NOWHERE, bring
    from workflows.run_state import FailoverRun
    from workflows.snapshot_set import take_set
    from workflows.together import together

_CLONE_TRIES = 4


def _points(facts: ReplicationFacts) -> tuple[str, ...]:
    return tuple(disk.sync.job_id if disk.sync else "" for disk in facts.disks)


async def snapshot_between_syncs(run: FailoverRun) -> None:
    """Take one set in which no sync ran: asked before and after, since nothing stops replication.

    Raises:
        ApplicationError: SnapshotFailed when a sync tore every set.
    """
    policy = run.loaded.policy
    run.will(clones=True)
    for attempt in range(1, policy.snapshot_set_tries + 1):
        before = await replication.wait_until_quiet(run.taken)
        taken_set = await take_set(run.taken, run.preflight.disks, SnapshotPurpose.CLONE, attempt)
        run.replication = await replication.facts(run.taken, "did a sync run meanwhile?")
        point = recovery_point(run.replication, workflow.now())
        for found in (before, run.replication):
            _require_clean(found)
        if not point.consistent:
            raise failure(
                FailoverErrorType.RECOVERY_POINT_REFUSED,
                f"The disks do not hold one point in time: {point.detail}",
            )
        if run.replication.running is None and _points(run.replication) == _points(before):
            run.snapshots = taken_set
            run.recovery_point = point
            return
        run.notes.append(f"snapshot set {attempt} was torn by a sync; it is taken anew")
        await _drop(run, taken_set)
    raise failure(
        FailoverErrorType.SNAPSHOT_FAILED,
        f"a sync ran during each of {policy.snapshot_set_tries} snapshot sets",
    )


async def clone_disks(run: FailoverRun) -> None:
    """Make a volume from each snapshot."""
    await together(*(_clone(run, disk) for disk in run.preflight.disks), abandon=run.abandon)


async def convert_clones(run: FailoverRun) -> None:
    """Convert the guest on its clones, attached to the appliance for that time."""
    if not run.preflight.convert:
        return
    await successor.tell(run)
    guest = await _lend_to_appliance(run)

    async def anew() -> Guest:
        run.show("make the clones anew: a conversion was interrupted")
        await _give_back(run)
        removal = RemoveClonesRequest(owner=run.owner, volume_ids=run.taken.replica_ids)
        removed = await disk_steps.remove_clones(removal, run.loaded.policy)
        if removed.left_behind:
            raise failure(FailoverErrorType.CLONE_FAILED, "; ".join(removed.left_behind))
        run.clones.clear()
        await clone_disks(run)
        await successor.tell(run)
        return await _lend_to_appliance(run)

    report = await convert(run.taken, guest, nic_plan(run.decisions, run.vm), anew)
    run.notes.append(f"guest conversion on the clones: {report.outcome.value} in {report.seconds:.0f} s")
    await _give_back(run)


async def attach_clones(run: FailoverRun) -> None:
    """Attach the root first, then the data disks; an attach may copy a clone to the VM's cluster."""
    await successor.tell(run)
    disks = run.preflight.disks
    for disk in sorted(disks, key=lambda one: one.device_id):
        run.stop_if_cancelled()
        clone = run.clones[disk.volume_id]
        to = Place(vm_id=run.vm.id, device_id=disk.device_id)
        at = await bring(run.taken, clone.volume_id, to, seconds=run.loaded.policy.disk_seconds(disk.size_gb))
        if clone.storage_id and at.storage_id != clone.storage_id:
            run.notes.append(
                f"the clone of {disk.disk_id} was moved to pool {at.storage_name or at.storage_id}"
            )
        run.clones[disk.volume_id] = at


async def _clone(run: FailoverRun, disk: DiskPlan) -> None:
    policy = run.loaded.policy
    snapshot = next(one for one in run.snapshots if one.volume_id == disk.volume_id)
    request = CloneRequest(owner=run.owner, disk=disk, snapshot_id=snapshot.snapshot_id)
    for _ in range(_CLONE_TRIES):
        run.stop_if_cancelled()
        reply = await disk_steps.create_clone(request, policy)
        if not reply.job_id:
            run.clones[disk.volume_id] = reply.volume
            return
        seconds = policy.disk_seconds(disk.size_gb)
        await disk_jobs.wait_for(run.taken, reply.job_id, f"clone of {disk.disk_id}", seconds)
    raise failure(
        FailoverErrorType.CLONE_FAILED, f"no clone of {disk.disk_id} after {_CLONE_TRIES - 1} tries"
    )


async def _lend_to_appliance(run: FailoverRun) -> Guest:
    to = Place(vm_id=run.replication.appliance_vm_id)
    boot, data = "", []
    for disk in run.preflight.disks:
        clone = run.clones[disk.volume_id]
        await bring(run.taken, clone.volume_id, to, seconds=run.loaded.policy.disk_seconds(disk.size_gb))
        if disk.is_boot:
            boot = clone.volume_id
        else:
            data.append(clone.volume_id)
    return Guest(boot, tuple(data))


async def _give_back(run: FailoverRun) -> None:
    for clone in run.clones.values():
        await bring(run.taken, clone.volume_id, NOWHERE)


def _require_clean(found: ReplicationFacts) -> None:
    """A live failover beside the drill may write to the replica by now: it is no source any more."""
    if found.dirty_by:
        raise failure(
            FailoverErrorType.FENCE_BROKEN,
            f"failover {found.dirty_by} writes to the replica: there is nothing to rehearse with",
        )


async def _drop(run: FailoverRun, snapshots: tuple[SnapshotFact, ...]) -> None:
    removal = RemoveSnapshotsRequest(
        owner=run.owner,
        volume_ids=tuple(one.volume_id for one in snapshots),
        purpose=SnapshotPurpose.CLONE,
    )
    await disk_steps.remove_snapshots(removal, run.loaded.policy)
