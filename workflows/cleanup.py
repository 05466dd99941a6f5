"""The end of a drill: its VM lives for a set time, and then nothing of it is left."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.messages.aftermath import End, RecordEndRequest
    from activities.messages.context import OwnerQuery
    from rules.disks import DrillDisks
    from rules.operator import read_extend, read_plain
    from rules.outcomes import EndReport, FailoverOutcome
    from rules.request import FailoverType
    from rules.temporal_names import (
        CLEAN_UP_SIGNAL,
        CLEAN_UP_UPDATE,
        CLEANUP_WORKFLOW,
        EXTEND_UPDATE,
        GO_ON_SIGNAL,
        SO_FAR_SIGNAL,
        STAND_DOWN_SIGNAL,
        VERIFIED_SIGNAL,
    )
    from workflows import drill_end, source_steps, steps, surface, way_back
    from workflows.orders import CleanupOrder, TakenOver, Touched, Undone
    from workflows.undisturbed import undisturbed
    from workflows.waiting import Waiting


@workflow.defn(name=CLEANUP_WORKFLOW)
class CleanupWorkflow:
    """Waits until the drill's time is over, or somebody says so, and removes it until nothing is left.

    A cancel is an order to clean up now: it never leaves a drill behind.
    """

    @workflow.init
    def __init__(self, order: CleanupOrder) -> None:
        self._taken = order.taken
        self._seconds = order.duration_seconds
        self._until = order.until or workflow.now() + timedelta(seconds=order.duration_seconds)
        self._ordered = order.ordered
        self._asked_back = False
        self._stood_down = False
        self._ending = False
        self._waiting = Waiting()

    @workflow.signal(name=VERIFIED_SIGNAL)
    def verified(self, taken: TakenOver) -> None:
        """Take the verified drill: its time begins now."""
        self._taken = taken
        self._until = workflow.now() + timedelta(seconds=self._seconds)
        self._waiting.wake()

    @workflow.signal(name=SO_FAR_SIGNAL)
    def so_far(self, taken: TakenOver) -> None:
        """Take what the drill has by now: told before anything is written to the replica, or moved."""
        self._taken = taken

    @workflow.signal(name=STAND_DOWN_SIGNAL)
    def stand_down(self) -> None:
        """The drill undid itself: nothing is left to remove."""
        self._stood_down = True
        self._waiting.wake()

    @workflow.signal(name=GO_ON_SIGNAL)
    def go_on(self) -> None:
        """The drill's undo left something: go on where it gave up, once its run is closed."""
        self._ordered = self._ordered or "the undo of the drill left something"
        self._waiting.wake()

    @workflow.signal(name=CLEAN_UP_SIGNAL)
    def take_back(self) -> None:
        """A live failover needs the replica: remove the drill now."""
        self._asked_back = True
        self._ordered = self._ordered or "asked for by a failover"
        self._waiting.wake()

    @workflow.update(name=CLEAN_UP_UPDATE)
    async def clean_up_now(self, order: Any = None) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Remove the drill now, or try again what is left of it."""
        told = read_plain(order)
        self._ordered = f"{told.user_id or 'an operator'}: {told.reason or 'clean up now'}"
        self._waiting.wake()

    @clean_up_now.validator
    def _check_clean_up(self, order: Any = None) -> None:  # noqa: ANN401
        read_plain(order)
        if not self._taken.verified and not self._ending:
            raise ValueError("the test failover is still under way: cancel it, and it removes what it made")

    @workflow.update(name=EXTEND_UPDATE)
    async def extend(self, order: Any) -> str:  # noqa: ANN401 - raw JSON, checked by the validator
        """Let the VM live for so long from now on; returns until when (UTC)."""
        told = read_extend(order, self._taken.policy.max_test_duration_seconds)
        self._until = workflow.now() + timedelta(seconds=told.seconds)
        self._waiting.wake()
        return self._until.isoformat()

    @extend.validator
    def _check_extend(self, order: Any) -> None:  # noqa: ANN401
        read_extend(order, self._taken.policy.max_test_duration_seconds)
        if self._ending or self._ordered:
            raise ValueError("the drill is being removed already")

    @workflow.run
    async def run(self, order: CleanupOrder) -> EndReport:
        """Wait, then remove the drill, as often as it takes."""
        surface.show_asked(order.taken.owner.context_id, FailoverType.TEST)
        surface.show_vm_name(order.taken.owner.source_vm_name)
        report = await undisturbed(self._end_the_drill())
        surface.show_outcome(FailoverOutcome.COMPLETED)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return report

    async def _end_the_drill(self) -> EndReport:
        await self._wait_for_its_end()
        if self._stood_down:
            return self._report(End.CLEANED_UP, Undone())
        self._ending = True
        done = Undone()
        while True:
            undone = await self._remove()
            done = undone.and_then(Undone(removed=done.removed, kept=done.kept, restored=done.restored))
            end = End.CLEANUP_REQUIRED if undone.left_behind else End.CLEANED_UP
            report = self._report(end, done)
            await self._record(end, report)
            if end is End.CLEANED_UP:
                return report
            self._show(f"cleanup required: {'; '.join(undone.left_behind)}")
            self._go_on_as_new()
            await self._waiting.sleep(self._taken.policy.cleanup_retry_seconds, "Try the cleanup again")

    async def _wait_for_its_end(self) -> None:
        while not self._stood_down:
            if self._waiting.cancelled:
                self._ordered = self._ordered or "this workflow was cancelled"
            left = (self._until - workflow.now()).total_seconds()
            due = bool(self._ordered) or left <= 0
            if due and (self._taken.verified or await self._run_is_closed()):
                return
            self._show(f"the drill's VM lives until {self._until.isoformat(timespec='seconds')}")
            self._go_on_as_new()
            pause = self._taken.policy.source_poll_seconds if due else left
            await self._waiting.sleep(pause, "The drill's time")

    async def _run_is_closed(self) -> bool:
        """Whether the failover is gone without a word: terminated, or timed out."""
        workflow_id = self._taken.owner.workflow_id
        owner = await steps.describe_owner(OwnerQuery(workflow_id=workflow_id))
        if owner.open and self._asked_back:
            try:
                # It undoes itself, and says so by a signal.
                await workflow.get_external_workflow_handle(workflow_id).cancel()
            except FailureError:
                workflow.logger.info("%s ended meanwhile", workflow_id)
        return not owner.open

    async def _remove(self) -> Undone:
        if not self._taken.verified:
            self._taken = _all_that_may_be(self._taken)
        taken = self._taken
        if taken.drill_disks is DrillDisks.CLONES:
            return await drill_end.remove_drill(taken, self._show)
        undone, self._taken = await way_back.go_back(taken, self._show)
        return undone

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
                release=end is End.CLEANED_UP,
                report=report.model_dump(mode="json"),
            )
        )

    def _report(self, end: End, undone: Undone) -> EndReport:
        return EndReport(
            end=end.value,
            workflow_id=self._taken.owner.workflow_id,
            context_id=self._taken.owner.context_id,
            removed=undone.removed,
            left_behind=undone.named,
            restored=undone.restored,
            reason=self._ordered or "its time is over",
        )

    def _show(self, headline: str) -> None:
        owner = self._taken.owner
        workflow.set_current_details(f"**test failover of {owner.source_vm_name}**: {headline}")

    def _go_on_as_new(self) -> None:
        if workflow.info().is_continue_as_new_suggested() and workflow.all_handlers_finished():
            workflow.continue_as_new(
                CleanupOrder(
                    taken=self._taken,
                    duration_seconds=self._seconds,
                    until=self._until,
                    ordered=self._ordered,
                )
            )


def _all_that_may_be(taken: TakenOver) -> TakenOver:
    """Return everything that a run may have touched which ended without a word, to be looked for once.

    It told what it had before it wrote to a replica, moved or started anything.
    """
    told = taken.vm is not None
    everything = Touched(
        cleanup=True,
        vm=True,
        fence=True,
        snapshots=True,
        written=told or bool(taken.snapshots),
        moved=True,
        clones=True,
        started=told,
    )
    return taken.model_copy(update={"touched": everything, "create_unanswered": True, "verified": True})
