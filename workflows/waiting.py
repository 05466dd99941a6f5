"""A durable wait that an order or a cancel ends early."""

import contextlib
from datetime import timedelta

from temporalio import workflow


class Waiting:
    """Sleeps until the time is over, somebody wakes it, or the workflow is cancelled for the first time.

    Attributes:
        cancelled: Somebody cancelled the workflow, and the wait has said so once.
    """

    def __init__(self) -> None:
        self.cancelled = False
        self._woken = False

    def wake(self) -> None:
        """End the wait that is under way, or the next one."""
        self._woken = True

    async def sleep(self, seconds: float, summary: str) -> None:
        """Wait, at most so long."""
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._woken or self._news_of_cancel(),
                timeout=timedelta(seconds=seconds),
                timeout_summary=summary,
            )
        # Not in a finally: a wait that is thrown away with the worker's cache is outside of the workflow.
        self.cancelled = workflow.cancellation_reason() is not None
        self._woken = False

    async def until_woken(self) -> None:
        """Wait for an order, however long; a cancel is none."""
        await workflow.wait_condition(lambda: self._woken)
        self._woken = False

    def _news_of_cancel(self) -> bool:
        return workflow.cancellation_reason() is not None and not self.cancelled
