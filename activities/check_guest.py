"""Ask a command of the site whether the guest responds: only it knows what "responds" means there."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog
from temporalio import activity

from activities.heartbeats import heartbeats
from activities.messages.disks import CheckGuestRequest, GuestCheck

_log = structlog.get_logger(__name__)

_KEPT = ("PATH", "LANG", "LC_ALL", "TZ")
"""What the command gets of the worker's environment; the rest of it holds keys and passwords."""
_TAIL = 400
"""Bytes of the command's output that are kept."""
_LAST_WORDS_SECONDS = 1.0


class CheckGuestActivities:
    """Runs the check command.

    Args:
        command: Program and arguments; empty where none is configured. No shell reads it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    @activity.defn(name="CheckGuestActivity")
    async def check_guest(self, request: CheckGuestRequest) -> GuestCheck:
        """Run the command: exit code 0 means that the guest responds.

        It may run twice, as every step. It gets the VM in its environment (``FAILOVER_VM_NAME``,
        ``FAILOVER_VM_ID``, ``FAILOVER_VM_ADDRESSES`` with commas, ``FAILOVER_CONTEXT_ID``,
        ``FAILOVER_TYPE``). What it writes last stands in the result. When its time is over, when the step is
        cancelled and when it has ended, its whole process group is killed.
        """
        if not self._command:
            return GuestCheck(configured=False)
        async with heartbeats():
            try:
                code, words = await _run(self._command, _environment(request), request.timeout_seconds)
            except OSError as error:
                return GuestCheck(configured=True, detail=f"it cannot be started: {type(error).__name__}")
        _log.info("guest_checked", vm_id=request.vm.id, exit_code=code)
        if code == 0:
            return GuestCheck(configured=True, responds=True, detail=words)
        ending = f"no answer within {request.timeout_seconds:.0f} s" if code is None else f"exit code {code}"
        return GuestCheck(configured=True, detail=f"{ending}: {words}" if words else ending)


def guest_environment(request: CheckGuestRequest) -> dict[str, str]:
    """Return what the command is told of the VM."""
    addresses = [nic.ip_address for nic in request.vm.nics if nic.ip_address]
    return {
        "FAILOVER_VM_NAME": request.vm.name,
        "FAILOVER_VM_ID": request.vm.id,
        "FAILOVER_VM_ADDRESSES": ",".join(addresses),
        "FAILOVER_CONTEXT_ID": request.context_id,
        "FAILOVER_TYPE": request.failover_type,
    }


def _environment(request: CheckGuestRequest) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | guest_environment(request)


async def _run(
    command: Sequence[str], environment: Mapping[str, str], seconds: float
) -> tuple[int | None, str]:
    """Run a command in a process group of its own; return its exit code, None after ``seconds``.

    Raises:
        OSError: It cannot be started.
    """
    async with _last_words() as (pipe, words):
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(pipe)
        code: int | None = None
        with contextlib.suppress(TimeoutError):
            try:
                async with asyncio.timeout(seconds):
                    code = await process.wait()
            finally:
                # Also what it left behind.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(words.ended.wait(), _LAST_WORDS_SECONDS)
    return code, words.text


class _Words(asyncio.Protocol):
    """Keeps the end of what the command writes, and no more: a pipe that is not read would block it."""

    def __init__(self) -> None:
        self._tail = b""
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL:]

    def connection_lost(self, exc: Exception | None) -> None:
        _ = exc
        self.ended.set()

    @property
    def text(self) -> str:
        return " ".join(self._tail.decode(errors="replace").split())


@asynccontextmanager
async def _last_words() -> AsyncIterator[tuple[int, _Words]]:
    """Open a pipe of our own: waiting for the process must not wait for whoever else holds its output."""
    reading, writing = os.pipe()
    transport, words = await asyncio.get_running_loop().connect_read_pipe(
        _Words, os.fdopen(reading, "rb", buffering=0)
    )
    try:
        yield writing, words
    finally:
        transport.close()
