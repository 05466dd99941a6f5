"""The end of a drill: its VM lives for a set time, and then nothing of it is left."""

from datetime import timedelta
from math import ceil
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.aftermath import End
    from activities.messages.disks import RenewLeaseRequest
    from rules.disks import DrillDisks
    from rules.errors import FailoverErrorType
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
    from workflows import closing, disk_steps, drill_end, surface, way_back
    from workflows.failures import explain
    from workflows.orders import CleanupOrder, TakenOver, Undone, all_that_may_be
    from workflows.undisturbed import undisturbed
    from workflows.waiting import Waiting

_DAY = 86400


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
        self._asked_back = order.asked_back
        self._undone_in_part = order.undone_in_part
        self._stood_down = False
        self._ending = order.ending
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
    def go_on(self, taken: TakenOver) -> None:
        """The drill's undo left something: go on where it gave up, once its run is closed."""
        self._taken = taken
        self._undone_in_part = True
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
        if not (self._taken.verified or self._ending or self._undone_in_part) and await closing.run_is_open(
            self._taken
        ):
            raise failure(
                FailoverErrorType.FAILOVER_IN_PROGRESS,
                "The test failover is still under way: cancel it, and it removes what it made",
            )
        self._ordered = f"{told.user_id or 'an operator'}: {told.reason or 'clean up now'}"
        self._waiting.wake()

    @clean_up_now.validator
    def _check_clean_up(self, order: Any = None) -> None:  # noqa: ANN401
        read_plain(order)

    @workflow.update(name=EXTEND_UPDATE)
    async def extend(self, order: Any) -> str:  # noqa: ANN401 - raw JSON, checked by the validator
        """Let the VM live for so long from now on; returns until when (UTC).

        Its instance lease in CloudStack is renewed first: it must never end before the drill does.
        """
        told = read_extend(order, self._taken.policy.max_test_duration_seconds)
        await self._renew_lease(told.seconds)
        self._until = workflow.now() + timedelta(seconds=told.seconds)
        self._waiting.wake()
        return self._until.isoformat()

    @extend.validator
    def _check_extend(self, order: Any) -> None:  # noqa: ANN401
        read_extend(order, self._taken.policy.max_test_duration_seconds)
        if self._ending or self._ordered:
            raise ValueError("the drill is being removed already")
        if not self._taken.verified:
            raise ValueError("the test failover is still under way: its time begins when it is verified")

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
        if not self._ending:
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
            unrecorded = await closing.record_end(self._taken, end, report)
            if not unrecorded and end is End.CLEANED_UP:
                return report
            if unrecorded:
                self._show(f"{end.value}, and the database does not know of it: {unrecorded}")
            else:
                self._show(f"cleanup required: {'; '.join(undone.left_behind)}")
            self._go_on_as_new()
            await self._waiting.sleep(self._taken.policy.cleanup_retry_seconds, "Try the cleanup again")

    async def _wait_for_its_end(self) -> None:
        while not self._stood_down:
            if self._waiting.cancelled:
                self._ordered = self._ordered or "this workflow was cancelled"
            left, due = self._time_left()
            closed = due and not self._taken.verified and await self._run_is_closed()
            # Temporal was asked meanwhile: the drill may have been verified, and its time begun.
            left, due = self._time_left()
            if due and (self._taken.verified or closed):
                return
            self._show(f"the drill's VM lives until {self._until.isoformat(timespec='seconds')}")
            self._go_on_as_new()
            pause = self._taken.policy.source_poll_seconds if due else left
            await self._waiting.sleep(pause, "The drill's time")

    def _time_left(self) -> tuple[float, bool]:
        left = (self._until - workflow.now()).total_seconds()
        return left, bool(self._ordered) or left <= 0

    async def _renew_lease(self, seconds: float) -> None:
        vm = self._taken.vm
        if vm is None or not vm.lease_days:
            return
        days = ceil(seconds / _DAY) + 1
        request = RenewLeaseRequest(owner=self._taken.owner, vm=vm, days=days)
        try:
            renewed = await disk_steps.renew_lease(request, self._taken.policy)
        except ActivityError as error:
            error_type, message = explain(error)
            raise failure(error_type, f"The instance lease was not renewed: {message}") from error
        self._taken = self._taken.model_copy(
            update={"vm": vm.model_copy(update={"lease_days": renewed.days})}
        )

    async def _run_is_closed(self) -> bool:
        """Whether the failover is gone without a word: terminated, or timed out."""
        workflow_id = self._taken.owner.workflow_id
        is_open = await closing.run_is_open(self._taken)
        if is_open and self._asked_back:
            try:
                # It undoes itself, and says so by a signal.
                await workflow.get_external_workflow_handle(workflow_id).cancel()
            except FailureError:
                workflow.logger.info("%s ended meanwhile", workflow_id)
        return not is_open

    async def _remove(self) -> Undone:
        if not self._taken.verified and not self._undone_in_part:
            self._taken = all_that_may_be(self._taken)
        taken = self._taken
        if taken.drill_disks is DrillDisks.CLONES:
            return await drill_end.remove_drill(taken, self._show)
        undone, self._taken = await way_back.go_back(taken, self._show)
        return undone

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
                    asked_back=self._asked_back,
                    undone_in_part=self._undone_in_part,
                    ending=self._ending,
                )
            )
