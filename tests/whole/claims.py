"""What a workflow says of its end, compared with what is: the simulators' resources and the database's rows.

Reads both by itself and shares nothing with the product but the models of results. Every leftover must be
named by a line of ``left_behind``, and every such line must name a leftover.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rules.outcomes import FailoverResult
from tests.whole.fault_world import World

_KEPT = (": not reverted", ": kept, since a revert was not confirmed")
_FINAL_WORDS = {"completed": "completed", "failed": "failed", "cancelled": "failed", "refused": "failed"}
"""State of ``failover_runs`` to the nearest word that ``failover_jobs`` has."""


@dataclass(frozen=True)
class Claim:
    """What the end of a run or of its VM's time says.

    Attributes:
        outcome: ``completed``, ``failed``, ``cancelled``, ``refused``; or ``committed``, ``rolled_back``,
            ``cleaned_up``, ``cleanup_required`` for what came after a completed run.
        on: What the VM runs from: ``replica`` or ``clones``.
        live: Whether it is a live failover.
        result: Of the completed run.
        unrecorded: The database does not know of it, as the result itself says: leases stay until another run
            finds their owner closed.
    """

    workflow_id: str
    outcome: str
    live: bool
    on: str = "replica"
    result: FailoverResult | None = None
    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    unrecorded: bool = False


@dataclass
class _Judge:
    before: World
    after: World
    claim: Claim
    lenient: bool
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, expected: object = True) -> None:  # noqa: FBT002 - what most are
        """Note what is not as it should be."""
        if found != expected:
            self.wrong.append(f"{what}: {found!r} instead of {expected!r}")


def untrue(before: World, after: World, claim: Claim, *, lenient: bool = False) -> list[str]:
    """Compare a claim with what is; return every difference.

    Args:
        before: Before the run.
        after: Now.
        claim: What is said.
        lenient: More may be named than is left.
    """
    judge = _Judge(before, after, claim, lenient)
    if claim.outcome == "completed":
        _completed(judge)
    elif claim.outcome == "committed":
        _committed(judge)
    else:
        _given_back(judge)
    _recorded(judge)
    return judge.wrong


def _completed(judge: _Judge) -> None:
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
    judge.expect("the snapshots", _new_snapshots(judge), {one.snapshot_id for one in result.snapshots})
    judge.expect("their states", {after.snapshots[one][2] for one in _new_snapshots(judge)}, {"BackedUp"})
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
        judge.expect("the leases", _our_leases(judge), {_context_lease(judge): follower})
        status = {True: "failed_over_live", False: "failed_over_test"}[claim.live]
        _status(judge, status if claim.on == "replica" else _status_of(before))


def _disks_of_the_vm(judge: _Judge, result: FailoverResult, vm_id: str) -> None:
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


def _holds_the_replica(judge: _Judge) -> None:
    fenced = _fence(judge.after)
    judge.expect("fence and mark", fenced, (judge.claim.workflow_id, judge.claim.workflow_id))
    judge.expect("the scheduler", _scheduler(judge.after), 0)
    judge.expect("the change ids", judge.after.change_ids, _change_ids_due(judge))
    kept = {row["volume_id"]: row.get("snapshot_id") for row in judge.after.rows["ossea_volumes"]}
    for snapshot_id in _new_snapshots(judge):
        judge.expect("the recorded snapshot", kept[judge.after.snapshots[snapshot_id][1]], snapshot_id)


def _left_the_replica_alone(judge: _Judge) -> None:
    before, after = judge.before, judge.after
    judge.expect("the replicas", after.replicas, before.replicas)
    judge.expect("fence and mark", _fence(after), _fence(before))
    judge.expect("the scheduler", _scheduler(after), _scheduler(before))
    judge.expect("the change ids", after.change_ids, before.change_ids)


def _committed(judge: _Judge) -> None:
    """The VM is there for good; its snapshots are gone, and nobody holds the context."""
    before, after, claim = judge.before, judge.after, judge.claim
    assert claim.result is not None
    new = {one: seen for one, seen in after.vms.items() if one not in before.vms}
    judge.expect("the VMs", new, {claim.result.vm.id: (claim.result.vm.name, "Running")})
    _named(judge, [(snapshot_id, *_names_of(after, snapshot_id)) for snapshot_id in _new_snapshots(judge)])
    judge.expect("the leases", _our_leases(judge), {})
    source_end = claim.result.source_end
    lost = source_end is not None and source_end.lost
    judge.expect("the source", after.source, before.source if lost else "poweredOff")
    judge.expect("who has the replicas", {at for _, at, _ in after.replicas.values()}, {claim.result.vm.id})
    judge.expect("fence and mark", _fence(after), ("", ""))
    judge.expect("the scheduler", _scheduler(after), 0)
    judge.expect("the status", _status_of(after), "completed")


def _given_back(judge: _Judge) -> None:
    """Nothing of it is there but what is named."""
    before, after, claim = judge.before, judge.after, judge.claim
    leftovers, of_a_vm = _new_vms_and_volumes(judge)
    leftovers += [(snapshot_id, *_names_of(after, snapshot_id)) for snapshot_id in _new_snapshots(judge)]
    recorded = {str(row["snapshot_id"]) for row in after.rows["ossea_volumes"] if row.get("snapshot_id")}
    leftovers += [(one, "rollback snapshots: not removed") for one in recorded - set(before.snapshots)]
    leftovers += list(_replicas_not_as_they_were(judge))
    fenced, dirty = _fence(after)
    if fenced or _scheduler(after) != _scheduler(before):
        leftovers.append(("replication stays fenced",))
    if dirty:
        leftovers.append(("counts as written to", "replication stays fenced"))
    if after.source != before.source:
        leftovers.append(("source VM: not powered on",))
    _named(judge, leftovers, of_a_vm)
    if not claim.left_behind and not claim.unrecorded:
        judge.expect("the leases", _our_leases(judge), {})
    if not claim.unrecorded:
        # A snapshot that is kept, and a disk that is synced in full, keep nobody from the next failover.
        mendable = [line for line in claim.left_behind if not _says((line,), _KEPT)]
        _status(judge, _status_of(before), "cleanup_required" if mendable else "")


def _new_vms_and_volumes(judge: _Judge) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return what is left, and what goes with a VM that is: such a volume may be named."""
    before, after, claim = judge.before, judge.after, judge.claim
    leftovers: list[tuple[str, ...]] = []
    for vm_id, (name, state) in after.vms.items():
        is_gone = state == "Destroyed" and _says(claim.removed, (vm_id,))
        if vm_id not in before.vms and not is_gone:
            leftovers.append((vm_id, name))
    judge.expect("VMs of others", {one for one in before.vms if one not in after.vms}, set())
    of_a_vm: list[tuple[str, ...]] = []
    for volume_id, (at, _, _, _, name) in after.volumes.items():
        if volume_id not in before.volumes:
            (leftovers if not at or at in before.vms else of_a_vm).append((volume_id, name))
    judge.expect("volumes of others", set(before.volumes) - set(after.volumes), set())
    return leftovers, of_a_vm


def _replicas_not_as_they_were(judge: _Judge) -> Iterator[tuple[str, ...]]:
    before, after, claim = judge.before, judge.after, judge.claim
    cleared = {disk_id for disk_id, change in after.change_ids.items() if change is None}
    said = _says(claim.restored, ("change ids cleared",))
    if not _says(claim.left_behind, ("counts as written to",)):
        judge.expect("whether the change ids are cleared", bool(cleared), said)
    if not cleared:
        judge.expect("the change ids", after.change_ids, _change_ids_due(judge))
    for disk_id, (volume_id, home, content) in before.replicas.items():
        _, at, now = after.replicas[disk_id]
        if at != home:
            yield (volume_id, disk_id)
        if now != content:
            # Written to and not reverted: the next sync is a full one, or nobody may sync.
            judge.expect(f"{disk_id} is synced in full or not at all", _guarded(after, disk_id))
            yield (f"{disk_id}: not reverted", volume_id, "counts as written to")


def _change_ids_due(judge: _Judge) -> dict[str, str | None]:
    """As they were, or as the final sync left them."""
    done = [job_id for job_id, status in judge.after.syncs.items() if status == "completed"]
    judge.expect("that at most one sync completed", len(done) < 2)
    before = judge.before.change_ids
    return {disk_id: f"{done[0]}/{disk_id}" for disk_id in before} if done else dict(before)


def _guarded(after: World, disk_id: str) -> bool:
    fenced, dirty = _fence(after)
    return after.change_ids[disk_id] is None or bool(fenced and dirty)


def _named(judge: _Judge, leftovers: list[tuple[str, ...]], others: Sequence[tuple[str, ...]] = ()) -> None:
    """Each leftover has a line, and each line has a leftover, or one of the others."""
    lines = judge.claim.left_behind
    judge.wrong += [f"not named: {one}" for one in leftovers if not _says(lines, one)]
    over = [line for line in lines if not any(_says((line,), one) for one in (*leftovers, *others))]
    if not judge.lenient:
        judge.wrong += [f"not there: {line}" for line in over]


def _recorded(judge: _Judge) -> None:
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


def _vm_is_left(judge: _Judge) -> bool:
    run = judge.after.row("failover_runs", workflow_id=judge.claim.workflow_id)
    return run["vm_state"] == "running" and run["vm_id"] in judge.after.vms


def _names_of(world: World, snapshot_id: str) -> tuple[str, ...]:
    name, _, _ = world.snapshots[snapshot_id]
    return (
        name,
        "rollback snapshots: not removed",
        "snapshots of this drill: not removed",
        "snapshots that this",
    )


def _new_snapshots(judge: _Judge) -> set[str]:
    return set(judge.after.snapshots) - set(judge.before.snapshots)


def _says(lines: Sequence[str], words: tuple[str, ...]) -> bool:
    return any(word in line for line in lines for word in words)


def _fence(world: World) -> tuple[str, str]:
    rows = world.rows["failover_replicas"]
    if not rows:
        return "", ""
    (row,) = rows
    return row["fence_workflow_id"] or "", row["dirty_workflow_id"] or ""


def _scheduler(world: World) -> int | None:
    (row,) = world.rows["vm_replication_contexts"]
    return row.get("scheduler_enabled")


def _status_of(world: World) -> str:
    (row,) = world.rows["vm_replication_contexts"]
    return str(row["current_status"])


def _status(judge: _Judge, status: str, else_status: str = "") -> None:
    judge.expect("the context's status", _status_of(judge.after), else_status or status)


def _context_lease(judge: _Judge) -> str:
    (row,) = judge.after.rows["vm_replication_contexts"]
    return f"context:{row['context_id']}:{'live' if judge.claim.live else 'test'}"


def _our_leases(judge: _Judge) -> dict[str, str]:
    ours = judge.claim.workflow_id
    return {resource: owner for resource, owner in judge.after.leases.items() if owner.startswith(ours)}
