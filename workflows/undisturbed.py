"""What a cancel must not stop: an undo, and the record of an end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import workflow

T = TypeVar("T")


async def undisturbed(work: Coroutine[Any, Any, T]) -> T:
    """Await work to its end, also when the workflow is cancelled meanwhile.

    The SDK raises a cancel in whatever the workflow waits for, even if that has ended well by then.
    """
    task = asyncio.create_task(work)
    while not task.done():
        try:
            await workflow.wait([task])
        except asyncio.CancelledError:
            if workflow.cancellation_reason() is None:
                raise  # nobody cancelled: the SDK takes the workflow out of its cache
    return task.result()
