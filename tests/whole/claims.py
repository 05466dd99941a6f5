"""What a workflow says of its end, compared with what is: the simulators' resources and the database's rows.

Reads both by itself and shares nothing with the product but the models of results. Every leftover must be
named by a line of ``left_behind``, and every such line must name a leftover.
"""

from collections.abc import Iterator

from rules.outcomes import FailoverResult
from tests.whole.fault_judge import (
    Claim,
    Judge,
    change_ids_due,
    context_lease,
    fence,
    named,
    names_of,
    new_snapshots,
    our_leases,
    says,
    scheduler,
    status,
    status_of,
)
from tests.whole.fault_world import World

_KEPT = (": not reverted", ": kept, since a revert was not confirmed")
_FINAL_WORDS = {"completed": "completed", "failed": "failed", "cancelled": "failed", "refused": "failed"}
"""State of ``failover_runs`` to the nearest word that ``failover_jobs`` has."""


def untrue(before: World, after: World, claim: Claim, *, lenient: bool = False) -> list[str]:
    """Compare a claim with what is; return every difference.

    Args:
        before: Before the run.
        after: Now.
        claim: What is said.
        lenient: More may be named than is left.
    """
    judge = Judge(before, after, claim, lenient)
    if claim.outcome == "completed":
        _completed(judge)
    elif claim.outcome == "committed":
        _committed(judge)
    else:
        _given_back(judge)
    _recorded(judge)
    return judge.wrong


def _completed(judge: Judge) -> None:
    """Exactly one VM, as the result says, with its disks at their places; nothing else is new."""
    before, after, claim = judge.before, judge.after, judge.claim
    result = claim.result
    assert result is not None
    vm_id = result.vm.id
    new = {one: seen for one, seen in after.vms.items() if one not in before.vms}
    judge.expect("the new VMs", new, {vm_id: (result.vm.name, "Running")})
    judge.expect(
        "its NICs",
        after.nics.get(vm_id),
        tuple((nic.network_id, nic.mac_address) for nic in result.vm.nics),
    )
    judge.expect(
        "its networks",
        [network for network, _ in after.nics.get(vm_id, ())],
        [one.destination_network_id for one in result.decisions if one.connected],
    )
    _disks_of_the_vm(judge, result, vm_id)
    judge.expect("the snapshots", new_snapshots(judge), {one.snapshot_id for one in result.snapshots})
    judge.expect("their states", {after.snapshots[one][2] for one in new_snapshots(judge)}, {"BackedUp"})
    judge.expect("what is left behind", claim.left_behind, ())
    if claim.on == "replica":
        _holds_the_replica(judge)
    else:
        _left_the_replica_alone(judge)
    taken_over = claim.live and result.source_end is not None and result.source_end.powered_off
    judge.expect("the source", after.source, "poweredOff" if taken_over else before.source)
    judge.expect("the syncs", list(after.syncs.values()), ["completed"] if taken_over else [])
    follower = f"{claim.workflow_id}-{'commit' if claim.live else 'cleanup'}"
    judge.expect("who continues", result.continues_as, follower)
    if not claim.unrecorded:
        judge.expect("the leases", our_leases(judge), {context_lease(judge): follower})
        word = {True: "failed_over_live", False: "failed_over_test"}[claim.live]
        status(judge, word if claim.on == "replica" else status_of(before))


def _disks_of_the_vm(judge: Judge, result: FailoverResult, vm_id: str) -> None:
    before, after, claim = judge.before, judge.after, judge.claim
    there = {
        volume_id: (place, pool)
        for volume_id, (at, place, pool, _, _) in after.volumes.items()
        if at == vm_id
    }
    judge.expect(
        "the disks", there, {one.volume_id: (one.device_id, one.storage_id) for one in result.attached}
    )
    judge.expect("the root's place", 0 in [place for place, _ in there.values()])
    contents = sorted(content for at, _, _, content, _ in after.volumes.values() if at == vm_id)
    judge.expect("what is on them", contents, sorted(content for _, _, content in before.replicas.values()))
    new = set(after.volumes) - set(before.volumes)
    judge.expect("the new volumes", new, set() if claim.on == "replica" else set(there))


def _holds_the_replica(judge: Judge) -> None:
    fenced = fence(judge.after)
    judge.expect("fence and mark", fenced, (judge.claim.workflow_id, judge.claim.workflow_id))
    judge.expect("the scheduler", scheduler(judge.after), 0)
    judge.expect("the change ids", judge.after.change_ids, change_ids_due(judge))
    kept = {row["volume_id"]: row.get("snapshot_id") for row in judge.after.rows["ossea_volumes"]}
    for snapshot_id in new_snapshots(judge):
        judge.expect("the recorded snapshot", kept[judge.after.snapshots[snapshot_id][1]], snapshot_id)


def _left_the_replica_alone(judge: Judge) -> None:
    before, after = judge.before, judge.after
    judge.expect("the replicas", after.replicas, before.replicas)
    judge.expect("fence and mark", fence(after), fence(before))
    judge.expect("the scheduler", scheduler(after), scheduler(before))
    judge.expect("the change ids", after.change_ids, before.change_ids)


def _committed(judge: Judge) -> None:
    """The VM is there for good; its snapshots are gone, and nobody holds the context."""
    before, after, claim = judge.before, judge.after, judge.claim
    assert claim.result is not None
    new = {one: seen for one, seen in after.vms.items() if one not in before.vms}
    judge.expect("the VMs", new, {claim.result.vm.id: (claim.result.vm.name, "Running")})
    named(judge, [(snapshot_id, *names_of(after, snapshot_id)) for snapshot_id in new_snapshots(judge)])
    judge.expect("the leases", our_leases(judge), {})
    source_end = claim.result.source_end
    lost = source_end is not None and source_end.lost
    judge.expect("the source", after.source, before.source if lost else "poweredOff")
    judge.expect("who has the replicas", {at for _, at, _ in after.replicas.values()}, {claim.result.vm.id})
    judge.expect("fence and mark", fence(after), ("", ""))
    judge.expect("the scheduler", scheduler(after), 0)
    judge.expect("the status", status_of(after), "completed")


def _given_back(judge: Judge) -> None:
    """Nothing of it is there but what is named."""
    before, after, claim = judge.before, judge.after, judge.claim
    leftovers, of_a_vm = _new_vms_and_volumes(judge)
    leftovers += [(snapshot_id, *names_of(after, snapshot_id)) for snapshot_id in new_snapshots(judge)]
    recorded = {str(row["snapshot_id"]) for row in after.rows["ossea_volumes"] if row.get("snapshot_id")}
    leftovers += [(one, "rollback snapshots: not removed") for one in recorded - set(before.snapshots)]
    leftovers += list(_replicas_not_as_they_were(judge))
    fenced, dirty = fence(after)
    if fenced or scheduler(after) != scheduler(before):
        leftovers.append(("replication stays fenced",))
    if dirty:
        leftovers.append(("counts as written to", "replication stays fenced"))
    if after.source != before.source:
        leftovers.append(("source VM: not powered on",))
    named(judge, leftovers, of_a_vm)
    if not claim.left_behind and not claim.unrecorded:
        judge.expect("the leases", our_leases(judge), {})
    if not claim.unrecorded:
        # A snapshot that is kept, and a disk that is synced in full, keep nobody from the next failover.
        mendable = [line for line in claim.left_behind if not says((line,), _KEPT)]
        status(judge, status_of(before), "cleanup_required" if mendable else "")


def _new_vms_and_volumes(judge: Judge) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return what is left, and what goes with a VM that is: such a volume may be named."""
    before, after, claim = judge.before, judge.after, judge.claim
    leftovers: list[tuple[str, ...]] = []
    for vm_id, (name, state) in after.vms.items():
        is_gone = state == "Destroyed" and says(claim.removed, (vm_id,))
        if vm_id not in before.vms and not is_gone:
            leftovers.append((vm_id, name))
    judge.expect("VMs of others", {one for one in before.vms if one not in after.vms}, set())
    of_a_vm: list[tuple[str, ...]] = []
    for volume_id, (at, _, _, _, name) in after.volumes.items():
        if volume_id not in before.volumes:
            (leftovers if not at or at in before.vms else of_a_vm).append((volume_id, name))
    judge.expect("volumes of others", set(before.volumes) - set(after.volumes), set())
    return leftovers, of_a_vm


def _replicas_not_as_they_were(judge: Judge) -> Iterator[tuple[str, ...]]:
    before, after, claim = judge.before, judge.after, judge.claim
    cleared = {disk_id for disk_id, change in after.change_ids.items() if change is None}
    said = says(claim.restored, ("change ids cleared",))
    if not says(claim.left_behind, ("counts as written to",)):
        judge.expect("whether the change ids are cleared", bool(cleared), said)
    if not cleared:
        judge.expect("the change ids", after.change_ids, change_ids_due(judge))
    for disk_id, (volume_id, home, content) in before.replicas.items():
        _, at, now = after.replicas[disk_id]
        if at != home:
            yield (volume_id, disk_id)
        if now != content:
            # Written to and not reverted: the next sync is a full one, or nobody may sync.
            judge.expect(f"{disk_id} is synced in full or not at all", _guarded(after, disk_id))
            yield (f"{disk_id}: not reverted", volume_id, "counts as written to")


def _guarded(after: World, disk_id: str) -> bool:
    fenced, dirty = fence(after)
    return after.change_ids[disk_id] is None or bool(fenced and dirty)


def _recorded(judge: Judge) -> None:
    """``failover_runs`` and ``failover_jobs`` say the same as the result."""
    claim, after = judge.claim, judge.after
    if claim.unrecorded:
        return
    run = after.row("failover_runs", workflow_id=claim.workflow_id)
    job = after.row("failover_jobs", job_id=claim.workflow_id)
    if not run:
        judge.expect("an outcome without a record", claim.outcome in {"refused", "cancelled"})
        judge.expect("the VMs of a run without a record", set(after.vms), set(judge.before.vms))
        return
    if claim.outcome in _FINAL_WORDS:
        judge.expect("the run's state", run["state"], claim.outcome)
        judge.expect("the job's status", job["status"], _FINAL_WORDS[claim.outcome])
    else:
        judge.expect("what ended the VM's time", run["ending"], claim.outcome)
        judge.expect("the run's state", run["state"] in {"completed", "failed", "cancelled"})
    if claim.outcome == "cleanup_required":
        return  # until its end is final, what is known of the VM errs on the safe side
    made = claim.result is not None and claim.outcome in {"completed", "committed"}
    judge.expect("the VM's state", run["vm_state"] == "running", made or _vm_is_left(judge))


def _vm_is_left(judge: Judge) -> bool:
    run = judge.after.row("failover_runs", workflow_id=judge.claim.workflow_id)
    return run["vm_state"] == "running" and run["vm_id"] in judge.after.vms
