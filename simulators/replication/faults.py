"""What a test orders to go wrong between replication and whoever asks it."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

OPERATIONS = ("start", "status")


@dataclass(slots=True)
class Fault:
    """A request that gets no answer, a late one, or another one than it should.

    Attributes:
        operation: ``start`` or ``status``.
        effect: Whether what was asked is done, before the answer is lost, held or replaced.
        hold: The answer waits for ``released``.
        status: The HTTP status of an answer instead of the true one; 0 breaks the connection.
        times: How often.
        arrived: Set when a request has met this fault, and the effect is there if there is one.
    """

    operation: str
    effect: bool = True
    hold: bool = False
    status: int = 0
    times: int = 1
    arrived: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    released: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise ValueError(f"operation is one of {', '.join(OPERATIONS)}")

    async def strike(self, request: web.Request) -> web.Response | None:
        """Let the fault happen; return the answer instead of the true one, None where that one follows."""
        self.arrived.set()
        if self.hold:
            await self.released.wait()
            return None
        if self.status:
            return web.json_response({"error": "simulated"}, status=self.status)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # nobody gets it


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
