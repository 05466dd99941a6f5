"""A live run that was cancelled, or failed, after its VM first started: undoing would lose what it wrote."""

import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages.record import HeldRequest
    from rules.operator import PlainOrder, RollBackOrder, read_plain, read_roll_back
    from rules.outcomes import FailoverOutcome
    from rules.request import FailoverType
    from workflows import source_steps, source_watch, surface
    from workflows.failures import explain
    from workflows.run_state import FailoverRun

Order = RollBackOrder | PlainOrder


class Hold:
    """Where a run waits for an operator's word, and takes it once."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._open = False

    def check_roll_back(self, raw: object) -> None:
        """Refuse an order to roll back that is not complete, or that nobody waits for."""
        read_roll_back(raw)
        self._check_open()

    def check_resume(self, raw: object) -> None:
        """Refuse an order to go on that is wrong, or that nobody waits for."""
        read_plain(raw)
        self._check_open()

    def roll_back(self, raw: object) -> None:
        """Take the order."""
        self._orders.append(read_roll_back(raw))

    def resume(self, raw: object) -> None:
        """Take the order."""
        self._orders.append(read_plain(raw))

    async def wait(self, run: FailoverRun, error: BaseException) -> Order:
        """Show why the run holds, and wait for an order as long as it takes."""
        cancelled = workflow.cancellation_reason() is not None
        why = "it was cancelled" if cancelled else explain(error)[1]
        run.held = (
            f"the new VM has started, so the run holds: {why}. "
            "Order roll_back (what it wrote is lost) or resume (go on from the verification)"
        )
        surface.show_outcome(FailoverOutcome.HELD)
        run.show(run.held)
        self._orders.clear()
        self._open = True
        await self._record(run, why, held=True)
        await self._wait_and_watch(run)
        self._open = False
        run.held = ""
        surface.show_outcome(FailoverOutcome.RUNNING)
        order = self._orders[0]
        if isinstance(order, PlainOrder):
            await self._record(run, "", held=False)
        return order

    async def _wait_and_watch(self, run: FailoverRun) -> None:
        """Wait for an order; a lost source is looked for meanwhile, since the new VM runs."""
        returned = not run.config.source_lost
        while not self._orders:
            watch = None if returned else timedelta(seconds=run.loaded.policy.source_watch_seconds)
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: bool(self._orders), timeout=watch)
            if not self._orders and not returned and await source_watch.has_returned(run.taken):
                returned = True
                run.notes.append("SourceReturned: the source that was declared lost is on again")
                run.show(run.held)

    @staticmethod
    async def _record(run: FailoverRun, why: str, *, held: bool) -> None:
        request = HeldRequest(
            workflow_id=run.workflow_id,
            context_id=run.config.context_id,
            failover_type=run.config.failover_type,
            vm_name=run.loaded.context.vm_name,
            why=why,
            held=held,
        )
        try:
            await source_steps.record_held(request)
        except ActivityError as error:
            run.notes.append(f"the database does not know that the run holds: {explain(error)[1]}")

    def _check_open(self) -> None:
        if not self._open or self._orders:
            raise ValueError("the run does not hold: there is nothing to decide")


def must_hold(run: FailoverRun) -> bool:
    """Whether an undo would lose what the new VM wrote."""
    return run.config.failover_type is FailoverType.LIVE and run.touched.started and run.whole
