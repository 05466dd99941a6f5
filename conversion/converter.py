"""The worker's side of a conversion: starts a supervisor, keeps it on its leash, and reads how it ended."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from conversion.errors import REFUSALS, CommandFailed, Interrupted, NothingWritten, WrongDevice
from conversion.locks import keepers
from conversion.order import Nic, Order, Places, harmless

_ROOT = Path(__file__).resolve().parent.parent
_RENEWAL: Final = b"."
_TICK = 0.05
_QUOTED = 400
"""Characters of the command's last words in an error."""


@dataclass(frozen=True)
class Guest:
    """What is to be converted.

    Attributes:
        volume_id: CloudStack's uuid of the volume that it boots from.
        data_volume_ids: Its other volumes.
        nics: In order.
    """

    volume_id: str
    data_volume_ids: tuple[str, ...] = ()
    nics: tuple[Nic, ...] = ()


@dataclass(frozen=True)
class Leash:
    """How the supervisor knows that the worker still has the activity, and not only its process.

    Attributes:
        seconds: A silence so long ends the command.
        renewals: Yields each time that the server confirmed that the activity is still this worker's; it ends
            when it is not.
    """

    seconds: float
    renewals: AsyncIterator[None]


@dataclass(frozen=True)
class Converted:
    """A guest that was converted, or needed nothing.

    Attributes:
        device: What was proven to be the volume.
        needed: False when the command said that the guest boots as it is.
        seconds: How long the command ran.
        detail: The end of what it said.
    """

    device: str
    needed: bool
    seconds: float
    detail: str


@dataclass(frozen=True)
class Converter:
    """Converts guests on this machine.

    Attributes:
        command: The program and its first arguments.
        grace: Seconds between SIGTERM and SIGKILL.
        patience: Seconds for a device that is missing or held, and for a lock.
        not_needed_code: The exit code that says "boots as it is", if the command has one.
        places: Where this machine keeps its devices.
    """

    command: tuple[str, ...]
    grace: float
    patience: float
    not_needed_code: int | None = None
    places: Places = field(default_factory=Places)

    def problem(self) -> str:
        """Say why this machine cannot convert; empty when nothing speaks against it."""
        if shutil.which(self.command[0]) is None:
            return f"no program {self.command[0]} that can be run"
        if not Path(self.places.devices).is_dir():
            return f"no directory {self.places.devices}"
        if not self.places.files_count and os.geteuid() != 0:
            return "it does not run as root, so it cannot see which process has a disk open"
        if not os.access(self.places.locks, os.W_OK | os.X_OK):
            return f"no lock can be made in {self.places.locks}"
        return ""

    async def convert(self, guest: Guest, timeout_seconds: float, leash: Leash | None = None) -> Converted:
        """Convert one guest. Cancelling ends the command, and returns only when all of it has ended.

        Raises:
            NothingWritten: The command was never started; the subclass says why.
            CommandFailed: It ended with an error, took too long, or left a process at the disk.
            Interrupted: It was ended from outside.
        """
        order = self._order(guest, timeout_seconds, leash)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # whatever lies in the working directory is no part of it
            "-m",
            "conversion.supervisor",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**harmless(os.environ), "PYTHONPATH": str(_ROOT)},
            cwd="/",
            # A Ctrl-C at the worker's terminal is the worker's.
            start_new_session=True,
        )
        events = _events(await _follow(process, order, leash))
        if "begun" in events and not events.keys() & {"ended", "refused"}:
            await asyncio.to_thread(_kill_rest, order)
        return self._judge(events)

    def _order(self, guest: Guest, timeout_seconds: float, leash: Leash | None) -> Order:
        try:
            return Order(
                volume_id=guest.volume_id.lower(),
                data_volume_ids=tuple(one.lower() for one in guest.data_volume_ids),
                nics=guest.nics,
                command=self.command,
                timeout=timeout_seconds,
                grace=self.grace,
                patience=self.patience,
                leash=None if leash is None else leash.seconds,
                places=self.places,
            )
        except ValueError as error:
            raise WrongDevice(str(error)) from None

    def _judge(self, events: dict[str, dict[str, Any]]) -> Converted:
        if "refused" in events:
            refused = events["refused"]
            raise REFUSALS[refused["kind"]](refused["reason"])
        if "begun" not in events:
            raise NothingWritten("the supervisor ended before it began")
        if "ended" not in events:
            raise Interrupted("the supervisor was lost while the command ran")
        ended = events["ended"]
        code, detail = ended["code"], ended["detail"]
        said = f": {_last_words(detail)}" if detail else ""
        if ended["stopped"]:
            raise Interrupted(f"the command was ended: {ended['reason'] or 'told to stop'}")
        if ended["reason"]:
            raise CommandFailed(f"the command was ended: {ended['reason']}{said}")
        converted = code == 0
        if not converted and (self.not_needed_code is None or code != self.not_needed_code):
            raise CommandFailed(f"the command ended with {_ending(code)}{said}")
        if ended["writers"]:
            raise CommandFailed("the command ended and left a process behind that had the disk open")
        return Converted(events["begun"]["device"], converted, ended["seconds"], detail)


async def _follow(process: asyncio.subprocess.Process, order: Order, leash: Leash | None) -> bytes:
    """Give the order, and wait for the end; a cancel closes the pipe and waits all the same."""
    pipe, output = process.stdin, process.stdout
    if pipe is None or output is None:
        raise RuntimeError("a process that was started with pipes has none")
    pipe.write(order.to_line())
    reading = asyncio.ensure_future(_read(process, output))
    renewing = None if leash is None else asyncio.ensure_future(_renew(pipe, leash.renewals))
    cancelled = False
    while not reading.done():
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError:
            cancelled = True
            pipe.close()
    if renewing is not None:
        renewing.cancel()
        await asyncio.wait({renewing})
    pipe.close()
    if cancelled:
        raise asyncio.CancelledError
    return reading.result()


async def _read(process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> bytes:
    said = await output.read()
    await process.wait()
    return said


async def _renew(pipe: asyncio.StreamWriter, renewals: AsyncIterator[None]) -> None:
    try:
        async for _ in renewals:
            pipe.write(_RENEWAL)
    finally:
        pipe.close()


def _events(said: bytes) -> dict[str, dict[str, Any]]:
    events: dict[str, dict[str, Any]] = {}
    for line in said.splitlines():
        with contextlib.suppress(ValueError):  # the last line of a process that was killed may be torn
            event = json.loads(line)
            events[event["event"]] = event
    return events


def _kill_rest(order: Order) -> None:
    """Kill what a supervisor that was lost left behind: whatever has inherited the lock.

    The kernel has killed the command. What cannot be killed keeps the lock, so that no other conversion
    begins beside it.
    """
    deadline = time.monotonic() + order.grace
    while (left := keepers(order.volume_id, order.places.locks)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_TICK)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code}"
    return f"code {code}"


def _last_words(detail: str) -> str:
    return " | ".join(detail.splitlines())[-_QUOTED:]
