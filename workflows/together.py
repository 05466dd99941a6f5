"""Independent steps beside each other: the time is that of the longest, not of the sum."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.undisturbed import undisturbed


async def together(*work: Coroutine[Any, Any, None], abandon: Callable[[], None] | None = None) -> None:
    """Run all; when one fails, or the run is cancelled, the others are cancelled and waited for.

    No step is left running when this returns or raises, so that nothing overlaps its undo.

    Args:
        work: What runs beside each other.
        abandon: Called when the others are to stop. The SDK drops a cancel when the activity that is told of
            it succeeds all the same, so a chain of steps must ask, too.

    Raises:
        BaseException: What one of them failed with; one that was only cancelled for another says nothing.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        # What the worker's cache throws away is outside of the workflow: it has nothing to wait for.
        if workflow.in_workflow():
            await undisturbed(_end(tasks, abandon))
        raise
    await undisturbed(_end(tasks, abandon))
    failures = [error for task in tasks if not task.cancelled() and (error := task.exception())]
    cancelled = [error for error in failures if is_cancelled_exception(error)]
    failed = [error for error in failures if not is_cancelled_exception(error)]
    if failed or cancelled:
        raise (failed or cancelled)[0]
    if any(task.cancelled() for task in tasks):
        raise asyncio.CancelledError


async def _end(tasks: list[asyncio.Task[None]], abandon: Callable[[], None] | None) -> None:
    late = [task for task in tasks if not task.done()]
    if late and abandon is not None:
        abandon()
    for task in late:
        task.cancel()
    await workflow.wait(tasks)
