"""What the database keeps of a run, each fact written after it is one."""

import json
from contextlib import suppress
from datetime import UTC, datetime

from temporalio import activity

from activities.messages.record import (
    BeginRunRequest,
    FinishRunRequest,
    HeldRequest,
    PreviousRun,
    Recorded,
    RecordPlanRequest,
    RecordVMRequest,
    RunQuery,
)
from activities.summaries import OF_LIVE_RUNS, STARTED_LIVE, held_summary, run_summary
from activities.translate import typed_failures
from database import (
    ContextRepository,
    LeaseRepository,
    NetworkMappingRepository,
    RunRecord,
    RunRepository,
    RunStart,
    RunState,
    UnknownRun,
    VmState,
)
from rules.mappings import network_key
from rules.outcomes import FailoverOutcome
from rules.request import FailoverType

_FINAL = {
    FailoverOutcome.COMPLETED: RunState.COMPLETED,
    FailoverOutcome.FAILED: RunState.FAILED,
    FailoverOutcome.REFUSED: RunState.REFUSED,
    FailoverOutcome.CANCELLED: RunState.CANCELLED,
}


class RecordActivities:
    """Writes runs, the appliance's job list, the networks' validation, and gives leases back.

    Args:
        runs: ``failover_runs`` and ``failover_jobs``.
        mappings: ``network_mappings.validation_status``.
        contexts: ``last_operation_summary`` and ``current_status``.
        leases: ``failover_leases``.
    """

    def __init__(
        self,
        runs: RunRepository,
        mappings: NetworkMappingRepository,
        contexts: ContextRepository,
        leases: LeaseRepository,
    ) -> None:
        self._runs = runs
        self._mappings = mappings
        self._contexts = contexts
        self._leases = leases

    @activity.defn(name="BeginRunActivity")
    async def begin_run(self, request: BeginRunRequest) -> PreviousRun:
        """Record the run, and return what an earlier run of this workflow id left.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            previous = await self._runs.begin(
                RunStart(
                    workflow_id=request.workflow_id,
                    run_id=request.run_id,
                    context_id=request.context.context_id,
                    vm_name=request.context.vm_name,
                    vmware_vm_id=request.context.vmware_vm_id,
                    failover_type=request.config.failover_type.value,
                    started_at=datetime.now(UTC),
                    request=request.config.model_dump(mode="json", exclude_defaults=True),
                )
            )
        if previous is None:
            return PreviousRun()
        completed = previous.vm_id if previous.vm_state is VmState.RUNNING else ""
        return PreviousRun(
            completed_vm_id=completed,
            vm_may_exist=previous.vm_state in {VmState.PLANNED, VmState.CREATED},
            generation=max(1, previous.generation),
        )

    @activity.defn(name="BeginUndoActivity")
    async def begin_undo(self, request: RunQuery) -> PreviousRun:
        """Record that the undo begins, and read which VM an earlier run completed: that one is kept.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            found = await self._runs.get(request.workflow_id)
            if found is None:
                return PreviousRun()
            await self._runs.set_state(request.workflow_id, RunState.UNDOING, at=datetime.now(UTC))
        return PreviousRun(completed_vm_id=completed_vm_id(found), generation=max(1, found.generation))

    @activity.defn(name="RecordStartActivity")
    async def record_start(self, request: RunQuery) -> Recorded:
        """Record that CloudStack took the order to start the VM.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            await self._runs.set_state(request.workflow_id, RunState.STARTING, at=datetime.now(UTC))
        return Recorded()

    @activity.defn(name="RecordHeldActivity")
    async def record_held(self, request: HeldRequest) -> Recorded:
        """Record that the run holds, why and what an operator can do, or that it goes on.

        The lease stays with the run. The new VM has started, so ``current_status`` says ``failed_over_live``.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        now = datetime.now(UTC)
        state = RunState.HELD if request.held else RunState.STARTING
        with typed_failures():
            with suppress(UnknownRun):  # a database that lost the run still has the context
                await self._runs.set_state(request.workflow_id, state, at=now)
            await self._contexts.record_operation(
                request.context_id, held_summary(request, now), status=STARTED_LIVE, at=now
            )
        return Recorded()

    @activity.defn(name="RecordPlanActivity")
    async def record_plan(self, request: RecordPlanRequest) -> Recorded:
        """Record the decisions, and in ``validation_status`` what CloudStack said of each mapped network.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        now = datetime.now(UTC)
        bad = {network_key(one.network_id) for one in request.check.problems if one.network_id}
        rows = {
            one.mapping_id: one for one in request.decisions if one.mapping_id is not None and one.connected
        }
        failed = [row for row, one in rows.items() if network_key(one.destination_network_id) in bad]
        with typed_failures():
            await self._runs.plan(
                request.workflow_id,
                request.decisions,
                networks=[one.destination_network_id for one in request.decisions if one.connected],
                nic_source=request.source.source.value,
                at=now,
            )
            if not request.check.networks_checked:
                await self._mappings.update_validation_status(list(rows), "unknown", now)
                return Recorded()
            await self._mappings.update_validation_status(failed, "failed", now)
            await self._mappings.update_validation_status(
                [row for row in rows if row not in failed], "validated", now
            )
        return Recorded()

    @activity.defn(name="RecordVMActivity")
    async def record_vm(self, request: RecordVMRequest) -> Recorded:
        """Record the VM that exists now. One that an earlier run completed stays known as that.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            found = await self._runs.get(request.workflow_id)
            is_completed = found is not None and completed_vm_id(found) == request.vm.id
            await self._runs.set_state(
                request.workflow_id,
                RunState.VM_CREATED,
                at=datetime.now(UTC),
                vm_id=request.vm.id,
                vm_name_created=request.vm.name,
                generation=request.vm.generation,
                vm_state=VmState.RUNNING if is_completed else VmState.CREATED,
            )
        return Recorded()

    @activity.defn(name="FinishRunActivity")
    async def finish_run(self, request: FinishRunRequest) -> Recorded:
        """Record how the run ended, then give the lease back, or hand it over in the same transaction.

        ``vm_replication_contexts.current_status`` is written after what it states, and only when the workflow
        asks for it: ``failed_over_*`` stops the replication of that VM (original-system.md, section 7.4), so
        a run that leaves the replica alone leaves the status alone too.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            with suppress(UnknownRun):  # cancelled before it was begun: only the lease is there
                await self._record_end(request)
            if not request.lease_to:
                await self._leases.release(request.workflow_id)
        return Recorded()

    async def _record_end(self, request: FinishRunRequest) -> None:
        now = datetime.now(UTC)
        await self._runs.finish(
            request.workflow_id,
            _FINAL[request.outcome],
            finished_at=now,
            result_json=json.dumps(request.report),
            error_type=request.error_type or None,
            error_message=request.error_message or None,
            vm_state=await self._vm_state(request),
            lease_to=request.lease_to,
        )
        await self._contexts.record_operation(
            request.context_id,
            run_summary(request, now),
            status=request.context_status,
            unless=OF_LIVE_RUNS if request.failover_type is FailoverType.TEST else (),
            at=now,
        )

    async def _vm_state(self, request: FinishRunRequest) -> VmState | None:
        if request.outcome is FailoverOutcome.COMPLETED or request.keeps_vm:
            return None
        if request.create_attempted:
            return VmState.REMOVED
        found = await self._runs.get(request.workflow_id)
        # Nothing was made this time, but an earlier run of this workflow id may have a VM.
        return VmState.REMOVED if found is not None and found.vm_state is VmState.PLANNED else None


def completed_vm_id(run: RunRecord) -> str:
    """Return the VM that a run of this workflow id completed, empty where there is none."""
    return run.vm_id if run.vm_state is VmState.RUNNING else ""
