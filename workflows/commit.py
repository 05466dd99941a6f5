"""A live VM until an operator commits it or rolls it back; it holds the context for that time."""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.aftermath import End
    from rules.errors import FailoverErrorType
    from rules.operator import PlainOrder, RollBackOrder, read_plain, read_roll_back
    from rules.outcomes import EndReport, FailoverOutcome
    from rules.request import FailoverType
    from rules.temporal_names import (
        COMMIT_UPDATE,
        COMMIT_WORKFLOW,
        GO_ON_SIGNAL,
        ROLL_BACK_UPDATE,
        SO_FAR_SIGNAL,
        STAND_DOWN_SIGNAL,
        VERIFIED_SIGNAL,
    )
    from workflows import closing, source_watch, surface, way_back
    from workflows.orders import CommitOrder, TakenOver, Undone, all_that_may_be
    from workflows.undisturbed import undisturbed
    from workflows.waiting import Waiting


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
        self._stood_down = False
        self._ended_in_part = order.ended_in_part
        self._waiting = Waiting()

    @workflow.signal(name=SO_FAR_SIGNAL)
    def so_far(self, taken: TakenOver) -> None:
        """Take what the run has by now."""
        self._taken = taken

    @workflow.signal(name=VERIFIED_SIGNAL)
    def verified(self, taken: TakenOver) -> None:
        """Take the verified VM: it may be committed from now on."""
        self._taken = taken
        self._waiting.wake()

    @workflow.signal(name=STAND_DOWN_SIGNAL)
    def stand_down(self) -> None:
        """The run undid itself: nothing is left."""
        self._stood_down = True
        self._waiting.wake()

    @workflow.signal(name=GO_ON_SIGNAL)
    def go_on(self, taken: TakenOver) -> None:
        """The run's undo left something: an operator's order to roll back goes on there."""
        self._taken, self._ended_in_part = taken, True
        self._waiting.wake()

    @workflow.update(name=COMMIT_UPDATE)
    async def commit(self, order: Any = None) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Keep the new VM for good: its rollback snapshots are removed, and the context is free."""
        self._order = read_plain(order)
        self._waiting.wake()

    @commit.validator
    def _check_commit(self, order: Any = None) -> None:  # noqa: ANN401
        read_plain(order)
        self._check_nothing_else()
        if not self._taken.verified:
            raise ValueError("the new VM was never verified: it can be rolled back, not committed")
        if self._ended_in_part:
            raise ValueError("a rollback has begun: it can be ordered again, and nothing can be committed")

    @workflow.update(name=ROLL_BACK_UPDATE)
    async def roll_back(self, order: Any) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Give the machine back to its source; what the new VM wrote is lost, which must be acknowledged."""
        told = read_roll_back(order)
        if not (self._taken.verified or self._ended_in_part) and await closing.run_is_open(self._taken):
            raise failure(
                FailoverErrorType.FAILOVER_IN_PROGRESS,
                "The failover is under way and undoes itself when it is cancelled: "
                f"workflow {self._taken.owner.workflow_id}",
            )
        # Another order may have come while Temporal was asked.
        if self._order is None and not self._acting:
            self._order = told
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
            if told is None:
                return self._report(End.ROLLED_BACK, Undone(), PlainOrder(reason="the run undid itself"))
            self._acting = True
            if isinstance(told, RollBackOrder):
                self._taken = self._taken.model_copy(update={"force_stop": told.force_stop})
                undone, self._taken = await self._go_back()
                end = End.CLEANUP_REQUIRED if undone.left_behind else End.ROLLED_BACK
            else:
                undone, end = await self._drop_rollback_snapshots(), End.COMMITTED
            done = undone.and_then(Undone(removed=done.removed, kept=done.kept, restored=done.restored))
            report = self._report(end, done, told)
            unrecorded = await closing.record_end(self._taken, end, report)
            if not unrecorded and end is not End.CLEANUP_REQUIRED:
                return report
            # What is left is named, and the context stays held; another order tries again.
            if unrecorded:
                self._show(f"{end.value}, and the database does not know of it; order it again: {unrecorded}")
            else:
                self._show(f"the rollback left something behind: {'; '.join(undone.left_behind)}")
            self._order, self._acting = None, False
            self._ended_in_part = self._ended_in_part or isinstance(told, RollBackOrder)

    async def _go_back(self) -> tuple[Undone, TakenOver]:
        taken = self._taken
        if not taken.verified and not self._ended_in_part:
            taken = all_that_may_be(taken)
        return await way_back.go_back(taken, self._show)

    async def _wait_for_an_order(self) -> RollBackOrder | PlainOrder | None:
        while self._order is None and not self._stood_down:
            self._show(self._what_is_waited_for())
            if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
                workflow.continue_as_new(
                    CommitOrder(
                        taken=self._taken,
                        source_returned=self._returned,
                        ended_in_part=self._ended_in_part,
                    )
                )
            if not self._taken.source_lost or self._returned or not self._taken.verified:
                await self._waiting.until_woken()
            else:
                await self._waiting.sleep(self._taken.policy.source_watch_seconds, "Is the lost source back?")
                if self._order is None:
                    self._returned = await source_watch.has_returned(self._taken)
        return self._order

    def _what_is_waited_for(self) -> str:
        if self._taken.verified:
            return "it runs; order commit or roll_back"
        if self._ended_in_part:
            return "its undo left something behind; order roll_back to try again"
        return "it is under way; were it terminated, order roll_back here"

    async def _drop_rollback_snapshots(self) -> Undone:
        """The replica is the live VM's disk from here on, so replication stays fenced."""
        kept = ("replication stays off: the replica is the live VM's disk now",)
        if not self._taken.snapshots:
            return Undone(restored=kept)
        dropped = await way_back.drop_rollback_snapshots(self._taken)
        return dropped.and_then(Undone(restored=kept))

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
