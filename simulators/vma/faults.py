"""What a test orders to go wrong between the agent and whoever asks it."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

OPERATIONS = ("discover", "power-state", "power-off", "power-on")


@dataclass(slots=True)
class Fault:
    """A request that gets no answer, or a late one.

    Attributes:
        operation: One of ``OPERATIONS``.
        effect: Whether the agent does what it was asked, before the answer is lost or held.
        hold: The answer waits for ``released``; otherwise the connection breaks.
        times: How often.
        arrived: Set when a request has met this fault, and the effect is there if there is one.
    """

    operation: str
    effect: bool = True
    hold: bool = False
    times: int = 1
    arrived: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"operation is one of {', '.join(OPERATIONS)}")

    async def strike(self, request: web.Request) -> bool:
        """Let the fault happen; return whether the request goes on afterwards."""
        self.arrived.set()
        if self.hold:
            await self.released.wait()
            return True
        if request.transport is not None:
            request.transport.abort()
        return False


class Faults:
    """The faults that are still to come, the oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Order a fault, and return it, for its events."""
        self._waiting.append(fault)
        return fault

    def take(self, operation: str) -> Fault | None:
        """Return the fault that a request of this operation meets."""
        for fault in self._waiting:
            if fault.operation == operation:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
