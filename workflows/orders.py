"""What one workflow hands to another: a machine that was taken over, or a drill, and what was touched."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages.vm import VmOwner
    from rules.context import VMContext
    from rules.disks import DiskPlan, DrillDisks, SnapshotFact
    from rules.models import Record
    from rules.outcomes import FailoverVm
    from rules.policy import FailoverPolicy
    from rules.request import FailoverType


class Touched(Record):
    """What a run has begun to change; each is set before the step, so that its undo looks there.

    Attributes:
        cleanup: The workflow that ends the drill was started.
        vm: The VM may exist.
        fence: Replication may be fenced.
        source: The source was read as on, and its power-off may have been sent.
        source_off: And it was read as off afterwards.
        snapshots: Rollback snapshots may exist.
        written: The replica may have been written to: by a conversion, or by the new VM.
        moved: A disk may have left the appliance.
        clones: Snapshots for clones, or clones, may exist.
        started: The new VM may have run.
    """

    cleanup: bool = False
    vm: bool = False
    fence: bool = False
    source: bool = False
    source_off: bool = False
    snapshots: bool = False
    written: bool = False
    moved: bool = False
    clones: bool = False
    started: bool = False


class TakenOver(Record):
    """One machine that a failover took over, or a drill: enough to give everything back.

    Attributes:
        disks: The plan; the volumes are the replicas, also for a drill on clones.
        appliance_vm_id: Where the replicas belong.
        vm: The new VM; None when the run knows of none.
        generation: Of the new VM's identity.
        keep_vm_id: A VM that an earlier run of this workflow id completed; never removed.
        create_unanswered: A create call may be under way whose answer nobody has seen.
        snapshots: The rollback snapshots.
        clone_ids: The clones that a drill is known to have made.
        source_lost: The source was declared lost.
        template_root_id: The template's volume, once its detach may have begun; empty when it is deleted.
        lost_job_id: A replication job of a lost source, which never ends.
        force_stop: An operator saw that the new VM is off: CloudStack may mark it as stopped.
        verified: The VM was verified: it holds the context until its end is recorded.
    """

    owner: VmOwner
    context: VMContext
    policy: FailoverPolicy
    drill_disks: DrillDisks = DrillDisks.CLONES
    disks: tuple[DiskPlan, ...] = ()
    appliance_vm_id: str = ""
    vm: FailoverVm | None = None
    generation: int = 1
    keep_vm_id: str = ""
    create_unanswered: bool = False
    snapshots: tuple[SnapshotFact, ...] = ()
    clone_ids: tuple[str, ...] = ()
    source_lost: bool = False
    template_root_id: str = ""
    lost_job_id: str = ""
    force_stop: bool = False
    verified: bool = False
    touched: Touched = Touched()

    @property
    def replica_ids(self) -> tuple[str, ...]:
        """The replicated volumes: never destroyed."""
        return tuple(disk.volume_id for disk in self.disks)

    @property
    def allowed_vm_ids(self) -> tuple[str, ...]:
        """Where a disk of this run may be."""
        ours = (self.vm.id,) if self.vm else ()
        return (self.appliance_vm_id, *ours)


def all_that_may_be(taken: TakenOver) -> TakenOver:
    """Return everything that a run may have touched which ended without a word, to be looked for once.

    Before it asked for the source's power-off, wrote to a replica or moved one, it told so. The rest costs
    nothing to look for.
    """
    everything = taken.touched.model_copy(
        update={
            "vm": True,
            "fence": True,
            "snapshots": True,
            "clones": taken.owner.failover_type is FailoverType.TEST,
            "started": taken.vm is not None,
        }
    )
    return taken.model_copy(update={"touched": everything, "create_unanswered": True, "verified": True})


class CleanupOrder(Record):
    """Input of ``CleanupWorkflow``.

    Attributes:
        taken: The drill as it is when the order is written; the verified drill follows by a signal.
        duration_seconds: How long the VM lives.
        until: When its time is over (UTC), if it was said before; so ``ordered``, who ended it and why.
        asked_back: A live failover needs the replica.
        undone_in_part: The run's undo left something.
        ending: The removal has begun.
    """

    taken: TakenOver
    duration_seconds: float
    until: datetime | None = None
    ordered: str = ""
    asked_back: bool = False
    undone_in_part: bool = False
    ending: bool = False


class CommitOrder(Record):
    """Input of ``CommitWorkflow``: the live failover as it is when the order is written.

    Attributes:
        ended_in_part: Its undo, or an earlier rollback, left something.
        source_returned: It is known that the lost source is there again.
    """

    taken: TakenOver
    source_returned: bool = False
    ended_in_part: bool = False


class Undone(Record):
    """What a way back did.

    Attributes:
        removed: As ``name (id): what``.
        left_behind: What still exists and should not: another try is worth it.
        kept: What was kept on purpose, or cannot be mended by another try.
        restored: What was put back to where it was.
        home: Every replica is where it belongs, and fit for replication.
        vm_gone: The new VM is gone.
    """

    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    home: bool = True
    vm_gone: bool = True

    @property
    def named(self) -> tuple[str, ...]:
        """Everything that exists and would not, had nothing been done."""
        return (*self.left_behind, *self.kept)

    def and_then(self, later: "Undone") -> "Undone":
        """Return both, one after the other."""
        return Undone(
            removed=(*self.removed, *later.removed),
            left_behind=(*self.left_behind, *later.left_behind),
            kept=(*self.kept, *later.kept),
            restored=(*self.restored, *later.restored),
            home=self.home and later.home,
            vm_gone=self.vm_gone and later.vm_gone,
        )
