"""Run ``python -m embedded`` as a person would, on a machine whose settings all lead to real systems.

Every setting leads to one listener of the test's own, which notes who calls. And every process that the
stack starts inherits a temporary folder of the test's own, by which the survivors can be found.
"""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest_asyncio

from embedded.environment import PROJECT_ROOT
from embedded.ports import HOST

_LONG_SECONDS: Final = 180
_FOREIGN: Final = """
CLOUDSTACK_ENDPOINT=http://{trap}/client/api
CLOUDSTACK_KEY=a-production-key
CLOUDSTACK_SECRET=a-production-secret
VMA_URL=http://{trap}
VMA_VCENTER_USERNAME=somebody
VMA_VCENTER_PASSWORD=a-production-password
FAILOVER_DATABASE_URL=mysql+asyncmy://oma_user:a-production-password@{trap}/migratekit_oma
FAILOVER_TEST_FALLBACK=refuse
TEMPORAL_ADDRESS={trap}
TEMPORAL_NAMESPACE=production
TEMPORAL_API_KEY=a-production-token
TEMPORAL_CONFIG_FILE=/nowhere/temporal.toml
MIGRATEKIT_CRED_ENCRYPTION_KEY=not-even-a-key
HTTP_PROXY=http://{trap}
HTTPS_PROXY=http://{trap}
ALL_PROXY=http://{trap}
http_proxy=http://{trap}
"""


class StackProcess:
    """One ``python -m embedded`` command."""

    def __init__(self, process: asyncio.subprocess.Process, temporary: Path) -> None:
        self._process = process
        self.temporary = temporary
        self.output = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def read_until(self, pattern: str) -> re.Match[str]:
        """Read the output until the pattern occurs in it."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_LONG_SECONDS):
            while not (found := re.search(pattern, self.output)):
                chunk = await self._process.stdout.read(4096)
                assert chunk, f"it ended without {pattern!r}:\n{self.output}"
                self.output += chunk.decode()
        return found

    async def end(self) -> int:
        """Read the rest of the output, and return the exit code."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_LONG_SECONDS):
            self.output += (await self._process.stdout.read()).decode()
            return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def survivors(self) -> list[str]:
        """The command lines of the processes that the command started and that are still there."""
        marker = f"TMPDIR={self.temporary}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            # A process may end while it is looked at.
            with contextlib.suppress(OSError):
                if marker in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    async def wait_for_no_survivor(self) -> None:
        deadline = time.monotonic() + _LONG_SECONDS
        while self.survivors():
            assert time.monotonic() < deadline, self.survivors()
            await asyncio.sleep(0.05)


class Machine:
    """A machine with settings for real systems, in the environment and in a ``.env`` file."""

    def __init__(self, folder: Path, trap: str, cli: Path) -> None:
        self._folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.calls: list[str] = []
        settings = _FOREIGN.strip().format(trap=trap)
        (folder / ".env").write_text(settings)
        self._environment = {
            **dict(line.split("=", 1) for line in settings.splitlines()),
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(PROJECT_ROOT),
            "TMPDIR": str(self.temporary),
            "TEMPORAL_CLI": str(cli),
            "LANG": "C.UTF-8",
        }
        self._started: list[StackProcess] = []

    async def start(self, *arguments: str, **settings: str) -> StackProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "embedded",
            *arguments,
            cwd=self._folder,
            env={**self._environment, **settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        started = StackProcess(process, self.temporary)
        self._started.append(started)
        return started

    async def clean_up(self) -> None:
        for started in self._started:
            with contextlib.suppress(ProcessLookupError):
                started.send(signal.SIGKILL)
            await started.end()


@pytest_asyncio.fixture(loop_scope="session")
async def appliance(tmp_path: Path, temporal_cli: Path) -> AsyncIterator[Machine]:
    """A machine on which every setting leads to a listener; ``calls`` says who was called there."""
    machine: Machine | None = None

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert machine is not None
        machine.calls.append(repr(await reader.read(100)))
        writer.close()

    trap = await asyncio.start_server(note, HOST, 0)
    host, port = trap.sockets[0].getsockname()
    machine = Machine(tmp_path, f"{host}:{port}", temporal_cli)
    yield machine
    await machine.clean_up()
    trap.close()
    await trap.wait_closed()
