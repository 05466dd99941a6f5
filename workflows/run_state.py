"""What a run knows so far, and what it shows of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages.context import LoadedContext
    from activities.messages.networks import ComputePlan, GuardRequest
    from activities.messages.record import PreviousRun
    from activities.messages.vm import RemovedVMs, VmOwner
    from rules.disks import (
        DisksMode,
        DrillDisks,
        RecoveryPoint,
        ReplicationFacts,
        SnapshotFact,
        SyncJob,
        VolumeFacts,
    )
    from rules.nics import NicSource, SourceVm
    from rules.outcomes import DISKS_NONE, FailoverVm, ProofLevel, SourceEnd
    from rules.preflight import Preflight
    from rules.request import FailoverType, UnifiedFailoverConfig
    from rules.resolution import NetworkDecision
    from workflows import surface
    from workflows.orders import TakenOver, Touched


class FailoverRun:
    """The facts of one run, filled in by its steps from top to bottom.

    Attributes:
        step: The step under way, in the runbook's words.
        failed_step: Where steps ran beside each other: the one that failed first.
        lease_fresh: False when an earlier run may have left a create call under way.
        begun: Whether the run stands in the database, so that its end must be recorded.
        gone_vm_ids: VMs that the database still counts as failed over live and CloudStack no longer has.
        create_unanswered: Whether a create call may be under way whose answer nobody has seen.
        source_age_seconds: How old the knowledge of the source was when it was read; None when unknown.
        undo: The compensations of a network rehearsal, registered before the step that they undo.
        touched: The same for a whole failover: what its way back must look at.
        clones: For a drill on clones: replica's volume id to the clone.
        last_job_id: The replication job that had completed last when the run began.
        held: What an operator is asked for, while the run holds.
        abandoned: A step beside the one under way failed: nothing new is begun.
        unwatched: The workflow that goes on after this run is not there.
        cancel_seen: A cancel was recorded, and an operator said that the run goes on.
    """

    loaded: LoadedContext
    source: SourceVm
    compute: ComputePlan
    vm: FailoverVm

    def __init__(self, config: UnifiedFailoverConfig) -> None:
        self.config = config
        self.step = "validate the request"
        self.failed_step = ""
        self.workflow_id = workflow.info().workflow_id
        self.previous = PreviousRun()
        self.lease_fresh = True
        self.begun = False
        self.create_unanswered = False
        self.decisions: tuple[NetworkDecision, ...] = ()
        self.gone_vm_ids: tuple[str, ...] = ()
        self.undo: list[Callable[[], Awaitable[RemovedVMs]]] = []
        self.notes: list[str] = []
        if config.allow_production_network:
            self.notes.append(f"production networks are allowed for this test: {config.reason}")
        self.source_age_seconds: float | None = None
        self.started_at = workflow.now()
        self.touched = Touched()
        self.replication = ReplicationFacts()
        self.preflight = Preflight()
        self.recovery_point: RecoveryPoint | None = None
        self.snapshots: tuple[SnapshotFact, ...] = ()
        self.clones: dict[str, VolumeFacts] = {}
        self.template_root_id = ""
        self.source_end: SourceEnd | None = None
        self.proven: ProofLevel | None = None
        self.attached: tuple[VolumeFacts, ...] = ()
        self.last_job_id = ""
        self.lost_job: SyncJob | None = None
        self.held = ""
        self.rolled_back_by = ""
        self.force_stop = False
        self.continues_as = ""
        self.cancel_seen = False
        self.abandoned = False
        self.unwatched = False

    def will(self, **touched: bool) -> None:
        """Say what the next step may change, so that an undo looks there."""
        self.touched = self.touched.model_copy(update=touched)

    def abandon(self) -> None:
        """Begin nothing new: a step beside failed, and the undo waits."""
        self.abandoned = True

    @property
    def disks_in_words(self) -> str:
        """What of the replicated disks is attached to the new VM."""
        if not self.attached:
            return DISKS_NONE
        what = "clone" if self.clones else "replicated disk"
        number = len(self.attached)
        return f"{number} {what}{'' if number == 1 else 's'} attached"

    @property
    def has_effects(self) -> bool:
        """Whether anything outside may have been changed."""
        return bool(self.undo) or self.touched != Touched()

    @property
    def set_is_incomplete(self) -> bool:
        """Whether snapshots or clones were begun and not all of them were seen."""
        disks = len(self.preflight.disks)
        snapshots = self.touched.snapshots or self.touched.clones
        clones = self.touched.clones and bool(self.snapshots)
        return (snapshots and len(self.snapshots) < disks) or (clones and len(self.clones) < disks)

    @property
    def whole(self) -> bool:
        """Whether the disks are part of this run."""
        return self.config.disks_mode(self.loaded.policy) is DisksMode.REPLICATED

    @property
    def on_clones(self) -> bool:
        """Whether the VM runs on clones, so that the replica stays with replication."""
        is_test = self.config.failover_type is FailoverType.TEST
        return self.whole and is_test and self.loaded.policy.drill_disks is DrillDisks.CLONES

    @property
    def lease_days(self) -> int:
        """CloudStack's instance lease: only for a VM whose every disk is a clone."""
        return self.preflight.lease_days if self.on_clones else 0

    @property
    def taken(self) -> TakenOver:
        """What was taken over so far, as the way back needs it."""
        vm = self.vm_if_any
        return TakenOver(
            owner=self.owner,
            context=self.loaded.context,
            policy=self.loaded.policy,
            drill_disks=self.loaded.policy.drill_disks,
            disks=self.preflight.disks,
            appliance_vm_id=self.replication.appliance_vm_id,
            vm=vm,
            generation=vm.generation if vm else self.previous.generation,
            create_unanswered=self.create_unanswered,
            snapshots=self.snapshots,
            clone_ids=tuple(clone.volume_id for clone in self.clones.values()),
            source_lost=self.config.source_lost,
            template_root_id=self.template_root_id,
            lost_job_id=self.lost_job.job_id if self.lost_job else "",
            force_stop=self.force_stop,
            touched=self.touched,
        )

    def learn_source(self, source: SourceVm) -> None:
        """Take the source VM, and say aloud when it does not come from the VMA."""
        self.source = source
        age = "of unknown age"
        if source.observed_at is not None:
            self.source_age_seconds = max(0.0, (workflow.now() - source.observed_at).total_seconds())
            age = f"{timedelta(seconds=round(self.source_age_seconds))} old"
        if source.source is not NicSource.VMA:
            guessed = ", inferred" if source.inferred else ""
            self.notes.append(f"source NICs from {source.source.value}{guessed}, {age}: {source.reason}")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything an operator should look at: of the run, then of each NIC's decision."""
        of_decisions = [f"{one}: {warning}" for one in self.decisions for warning in one.warnings]
        return tuple(dict.fromkeys((*self.notes, *of_decisions)))

    @property
    def owner(self) -> VmOwner:
        """Whose VM it is."""
        return VmOwner(
            workflow_id=self.workflow_id,
            context_id=self.loaded.context.context_id,
            failover_type=self.config.failover_type,
            source_vm_name=self.loaded.context.vm_name,
            destination=self.loaded.destination,
            first_run_id=workflow.info().original_execution_run_id,
        )

    @property
    def guard(self) -> GuardRequest | None:
        """What a step that acts asks the production guard right before; nothing for a live failover."""
        if self.config.failover_type is FailoverType.LIVE:
            return None
        return GuardRequest(config=self.config, decisions=self.decisions, gone_vm_ids=self.gone_vm_ids)

    @property
    def vm_if_any(self) -> FailoverVm | None:
        """The VM, once there is one."""
        return getattr(self, "vm", None)

    def forget_vm(self) -> None:
        """Show no VM that is gone."""
        if self.vm_if_any is not None:
            self.vm = self.vm.model_copy(update={"state": "removed"})

    def enter(self, step: str) -> None:
        """Begin a step, unless the run was cancelled meanwhile.

        Raises:
            asyncio.CancelledError: The SDK drops a cancel when the activity that is told of it succeeds all
                the same; here it is seen.
        """
        self.stop_if_cancelled()
        self.step = step
        self.show(step)

    def stop_if_cancelled(self) -> None:
        """Raise ``asyncio.CancelledError`` if somebody asked for it, or a step beside this one failed."""
        if self.abandoned:
            raise asyncio.CancelledError
        if workflow.cancellation_reason() is not None and not self.cancel_seen:
            raise asyncio.CancelledError

    def show(self, headline: str) -> None:
        """Bring the current details up to date."""
        loaded = getattr(self, "loaded", None)
        workflow.set_current_details(
            surface.describe(
                step=headline,
                failover_type=self.config.failover_type,
                context=loaded.context if loaded else None,
                source=getattr(self, "source", None),
                decisions=self.decisions,
                vm=self.vm_if_any,
                warnings=self.warnings,
                disks=self.disks_in_words,
                recovery_point=self.recovery_point,
                checks=self.preflight.checks,
            )
        )
