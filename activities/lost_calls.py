"""A call whose answer was lost may still take effect, until it expires: nothing is decided before that."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

_T = TypeVar("_T")
Look: TypeAlias = Callable[[], Coroutine[Any, Any, _T | None]]


async def left_to_expire(settle_seconds: float) -> None:
    """Wait until no call that was sent before can act any more, also when the step is cancelled meanwhile.

    The undo looks for what there is as soon as the step has ended: what came after that look would be left.

    Args:
        settle_seconds: How long a signed call may act, and how far the clocks may be apart.

    Raises:
        asyncio.CancelledError: The step was cancelled meanwhile; nothing new is to be sent.
    """
    waiting = asyncio.create_task(asyncio.sleep(settle_seconds))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await waiting
        raise
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # The cancel came during the call itself, whose answer was waited for (``to_the_end``).
        raise asyncio.CancelledError


async def look_after_lost_call(look: Look[_T], settle_seconds: float) -> _T | None:
    """Look for what a lost call made: at once, and again when it cannot act any more.

    Args:
        look: Returns None when there is nothing.
        settle_seconds: As in `left_to_expire`.

    Raises:
        asyncio.CancelledError: The step was cancelled meanwhile, and the call has expired.
    """
    try:
        found = await look()
    except asyncio.CancelledError:
        await left_to_expire(settle_seconds)
        raise
    if found is None:
        await left_to_expire(settle_seconds)
        found = await look()
    return found
