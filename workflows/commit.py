"""A live VM until an operator commits it or rolls it back; it holds the context for that time."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages.aftermath import End, RecordEndRequest, SourceReturned
    from activities.messages.disks import RemoveSnapshotsRequest, SnapshotPurpose
    from activities.messages.source_power import PowerQuery, PowerState
    from rules.operator import PlainOrder, RollBackOrder, read_plain, read_roll_back
    from rules.outcomes import EndReport, FailoverOutcome
    from rules.request import FailoverType
    from rules.temporal_names import COMMIT_UPDATE, COMMIT_WORKFLOW, ROLL_BACK_UPDATE
    from workflows import disk_steps, source_steps, surface, way_back
    from workflows.failures import explain
    from workflows.orders import CommitOrder, Undone
    from workflows.undisturbed import undisturbed
    from workflows.waiting import Waiting

_THERE = frozenset({PowerState.ON, PowerState.SUSPENDED})


@workflow.defn(name=COMMIT_WORKFLOW)
class CommitWorkflow:
    """Waits for ``commit`` or ``roll_back``, and looks meanwhile whether a lost source came back.

    It acts on an operator's order only: a source that is back, a cancel and time itself change nothing.
    """

    @workflow.init
    def __init__(self, order: CommitOrder) -> None:
        self._taken = order.taken
        self._returned = order.source_returned
        self._order: RollBackOrder | PlainOrder | None = None
        self._acting = False
        self._waiting = Waiting()

    @workflow.update(name=COMMIT_UPDATE)
    async def commit(self, order: Any = None) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Keep the new VM for good: its rollback snapshots are removed, and the context is free."""
        self._order = read_plain(order)
        self._waiting.wake()

    @commit.validator
    def _check_commit(self, order: Any = None) -> None:  # noqa: ANN401
        read_plain(order)
        self._check_nothing_else()

    @workflow.update(name=ROLL_BACK_UPDATE)
    async def roll_back(self, order: Any) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Give the machine back to its source; what the new VM wrote is lost, which must be acknowledged."""
        self._order = read_roll_back(order)
        self._waiting.wake()

    @roll_back.validator
    def _check_roll_back(self, order: Any) -> None:  # noqa: ANN401
        read_roll_back(order)
        self._check_nothing_else()

    @workflow.run
    async def run(self, order: CommitOrder) -> EndReport:
        """Wait for the order, and carry it out."""
        surface.show_asked(order.taken.owner.context_id, FailoverType.LIVE)
        surface.show_vm_name(order.taken.owner.source_vm_name)
        report = await undisturbed(self._carry_out())
        surface.show_outcome(FailoverOutcome.COMPLETED)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return report

    async def _carry_out(self) -> EndReport:
        done = Undone()
        while True:
            told = await self._wait_for_an_order()
            self._acting = True
            if isinstance(told, RollBackOrder):
                undone, self._taken = await way_back.go_back(self._taken, self._show)
                end = End.CLEANUP_REQUIRED if undone.left_behind else End.ROLLED_BACK
            else:
                undone, end = await self._drop_rollback_snapshots(), End.COMMITTED
            done = undone.and_then(Undone(removed=done.removed, kept=done.kept, restored=done.restored))
            report = self._report(end, done, told)
            await self._record(end, report)
            if end is not End.CLEANUP_REQUIRED:
                return report
            # What is left is named; another order tries again.
            self._show(f"the rollback left something behind: {'; '.join(undone.left_behind)}")
            self._order, self._acting = None, False

    async def _wait_for_an_order(self) -> RollBackOrder | PlainOrder:
        while self._order is None:
            self._show("it runs; order commit or roll_back")
            if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
                workflow.continue_as_new(CommitOrder(taken=self._taken, source_returned=self._returned))
            if not self._taken.source_lost or self._returned:
                await self._waiting.until_woken()
            else:
                await self._waiting.sleep(self._taken.policy.source_watch_seconds, "Is the lost source back?")
                if self._order is None:
                    await self._look_for_the_source()
        return self._order

    async def _look_for_the_source(self) -> None:
        query = PowerQuery(context=self._taken.context)
        try:
            power = await source_steps.read_power(query, "is the lost source back?", self._taken.policy)
            if power.state not in _THERE:
                return
            await source_steps.record_source_returned(
                SourceReturned(
                    workflow_id=self._taken.owner.workflow_id,
                    context_id=self._taken.owner.context_id,
                    power_state=power.state.value,
                )
            )
        except ActivityError as error:
            workflow.logger.warning("cannot look for the source: %s", explain(error)[1])
            return
        self._returned = True

    async def _drop_rollback_snapshots(self) -> Undone:
        """The replica is the live VM's disk from here on, so replication stays fenced."""
        kept = ("replication stays off: the replica is the live VM's disk now",)
        if not self._taken.snapshots:
            return Undone(restored=kept)
        request = RemoveSnapshotsRequest(
            owner=self._taken.owner, volume_ids=self._taken.replica_ids, purpose=SnapshotPurpose.ROLLBACK
        )
        try:
            removed = await disk_steps.remove_snapshots(request, self._taken.policy)
        except ActivityError as error:
            return Undone(
                left_behind=(f"rollback snapshots: not removed: {explain(error)[1]}",), restored=kept
            )
        return Undone(removed=removed.removed, left_behind=removed.left_behind, restored=kept)

    async def _record(self, end: End, report: EndReport) -> None:
        owner = self._taken.owner
        await source_steps.record_end(
            RecordEndRequest(
                workflow_id=owner.workflow_id,
                holder=workflow.info().workflow_id,
                context_id=owner.context_id,
                failover_type=owner.failover_type,
                vm_name=owner.source_vm_name,
                end=end,
                removed=report.removed,
                left_behind=report.left_behind,
                release=end is not End.CLEANUP_REQUIRED,
                report=report.model_dump(mode="json"),
            )
        )

    def _report(self, end: End, undone: Undone, told: RollBackOrder | PlainOrder) -> EndReport:
        return EndReport(
            end=end.value,
            workflow_id=self._taken.owner.workflow_id,
            context_id=self._taken.owner.context_id,
            removed=undone.removed,
            left_behind=undone.named,
            restored=undone.restored,
            reason=told.reason or "",
            user_id=told.user_id or "",
        )

    def _check_nothing_else(self) -> None:
        if self._order is not None or self._acting:
            raise ValueError("another order is being carried out")

    def _show(self, headline: str) -> None:
        owner = self._taken.owner
        lines = [f"**live failover of {owner.source_vm_name}**: {headline}"]
        if self._returned:
            lines.append("- warning: SourceReturned: the source that was declared lost is on again")
        workflow.set_current_details("\n".join(lines))
