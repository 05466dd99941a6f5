"""Heartbeats while an activity waits. What they carry can be lost: it may save work, never decide alone."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from temporalio import activity

_T = TypeVar("_T")
_PER_TIMEOUT = 4


@asynccontextmanager
async def heartbeats(details: Callable[[], Sequence[Any]] = tuple) -> AsyncIterator[None]:
    """Beat in the background: so a dead worker is noticed, and a cancel reaches the activity.

    Args:
        details: Asked at each beat for what a next try is to find.
    """
    timeout = activity.info().heartbeat_timeout
    if not timeout:
        yield
        return
    beating = asyncio.create_task(_beat(timeout.total_seconds() / _PER_TIMEOUT, details))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(interval: float, details: Callable[[], Sequence[Any]]) -> None:
    while True:
        activity.heartbeat(*details())
        await asyncio.sleep(interval)


async def to_the_end(call: Coroutine[Any, Any, _T]) -> _T:
    """Await a call that has an effect even when the activity is cancelled meanwhile.

    An answer that is on its way says what was made; without it the undo would have to wait and look.
    """
    task = asyncio.create_task(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise
        return await task
