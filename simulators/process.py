"""What both simulators do when they run as a process of their own."""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from simulators.listener import PortTakenError

EXIT_USAGE = 2
WARNING = "development tool: never point production at it"


@dataclass(frozen=True, slots=True)
class Service:
    """A simulator that can be started and stopped.

    Attributes:
        describe: What the start message says besides its event, asked for once it listens.
    """

    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    describe: Callable[[], Mapping[str, str]]


def say(event: str, **fields: str) -> None:
    """Write one line of JSON to standard output, at once, so that a parent process can wait for it."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def complain(message: str) -> int:
    """Write why it does not start, and return the exit code for that."""
    sys.stderr.write(f"{message}\n")
    return EXIT_USAGE


async def serve(service: Service) -> int:
    """Run until SIGTERM or SIGINT; return the exit code, 2 where the port is taken."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await service.start()
    except PortTakenError as error:
        return complain(f"{error}: stop what listens there, or choose another with --port")
    say("simulator started", **service.describe(), warning=WARNING)
    await stopping.wait()
    await service.stop()
    say("simulator stopped")
    return 0
