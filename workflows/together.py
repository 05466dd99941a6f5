"""Independent steps beside each other: the time is that of the longest, not of the sum."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from workflows.undisturbed import undisturbed


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Run all; when one fails, or the run is cancelled, the others are cancelled and waited for.

    No step is left running when this returns or raises, so that nothing overlaps its undo.

    Raises:
        BaseException: What one of them failed with; one that was only cancelled for another says nothing.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        await undisturbed(_end(tasks))
    failures = [error for task in tasks if not task.cancelled() and (error := task.exception())]
    cancelled = [error for error in failures if is_cancelled_exception(error)]
    failed = [error for error in failures if not is_cancelled_exception(error)]
    if failed or cancelled:
        raise (failed or cancelled)[0]
    if any(task.cancelled() for task in tasks):
        raise asyncio.CancelledError


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.done():
            task.cancel()
    await workflow.wait(tasks)
