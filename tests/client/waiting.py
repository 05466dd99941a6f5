"""Wait for what happens, not for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_PATIENCE = 90
_TICK = 0.05


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something to see, and return it."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            seen = await look()
            if seen:
                return seen
            await asyncio.sleep(_TICK)
