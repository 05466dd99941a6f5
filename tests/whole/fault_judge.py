"""A claim, the world before and after it, and what their comparison asks of both."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.outcomes import FailoverResult
from tests.whole.fault_world import World


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
class Judge:
    before: World
    after: World
    claim: Claim
    lenient: bool
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, expected: object = True) -> None:  # noqa: FBT002 - what most are
        """Note what is not as it should be."""
        if found != expected:
            self.wrong.append(f"{what}: {found!r} instead of {expected!r}")


def change_ids_due(judge: Judge) -> dict[str, str | None]:
    """As they were, or as the final sync left them."""
    done = [job_id for job_id, status in judge.after.syncs.items() if status == "completed"]
    judge.expect("that at most one sync completed", len(done) < 2)
    before = judge.before.change_ids
    return {disk_id: f"{done[0]}/{disk_id}" for disk_id in before} if done else dict(before)


def named(judge: Judge, leftovers: list[tuple[str, ...]], others: Sequence[tuple[str, ...]] = ()) -> None:
    """Each leftover has a line, and each line has a leftover, or one of the others."""
    lines = judge.claim.left_behind
    judge.wrong += [f"not named: {one}" for one in leftovers if not says(lines, one)]
    over = [line for line in lines if not any(says((line,), one) for one in (*leftovers, *others))]
    if not judge.lenient:
        judge.wrong += [f"not there: {line}" for line in over]


def names_of(world: World, snapshot_id: str) -> tuple[str, ...]:
    name, _, _ = world.snapshots[snapshot_id]
    return (
        name,
        "rollback snapshots: not removed",
        "snapshots of this drill: not removed",
        "snapshots that this",
    )


def new_snapshots(judge: Judge) -> set[str]:
    return set(judge.after.snapshots) - set(judge.before.snapshots)


def says(lines: Sequence[str], words: tuple[str, ...]) -> bool:
    return any(word in line for line in lines for word in words)


def fence(world: World) -> tuple[str, str]:
    rows = world.rows["failover_replicas"]
    if not rows:
        return "", ""
    (row,) = rows
    return row["fence_workflow_id"] or "", row["dirty_workflow_id"] or ""


def scheduler(world: World) -> int | None:
    (row,) = world.rows["vm_replication_contexts"]
    return row.get("scheduler_enabled")


def status_of(world: World) -> str:
    (row,) = world.rows["vm_replication_contexts"]
    return str(row["current_status"])


def status(judge: Judge, word: str, other: str = "") -> None:
    judge.expect("the context's status", status_of(judge.after), other or word)


def context_lease(judge: Judge) -> str:
    (row,) = judge.after.rows["vm_replication_contexts"]
    return f"context:{row['context_id']}:{'live' if judge.claim.live else 'test'}"


def our_leases(judge: Judge) -> dict[str, str]:
    ours = judge.claim.workflow_id
    return {resource: owner for resource, owner in judge.after.leases.items() if owner.startswith(ours)}
