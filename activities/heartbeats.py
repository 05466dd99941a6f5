"""Heartbeats while an activity waits: they carry no details, since those can be lost."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from temporalio import activity

_T = TypeVar("_T")
_PER_TIMEOUT = 4


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Beat in the background: so a dead worker is noticed, and a cancel reaches the activity."""
    timeout = activity.info().heartbeat_timeout
    if not timeout:
        yield
        return
    beating = asyncio.create_task(_beat(timeout.total_seconds() / _PER_TIMEOUT))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(interval: float) -> None:
    while True:
        activity.heartbeat()
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
