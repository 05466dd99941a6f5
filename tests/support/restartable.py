"""Servers that a test stops and starts again, with what they keep on disk."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from embedded.environment import child_environment
from embedded.ports import StackPorts
from embedded.temporal_server import NAMESPACE, TemporalServer
from tests.support.mariadb import MariaDBServer, _dies_with_us, find_server, running_server

_PATIENCE = 60
_TICK = 0.05


@contextlib.asynccontextmanager
async def temporal_with_a_file(cli: Path, folder: Path) -> AsyncIterator[tuple[TemporalServer, Client]]:
    """A Temporal dev server of the test's own that keeps its runs in a file."""
    ports = StackPorts.free()
    server = TemporalServer(
        cli, folder=folder, environment=child_environment(folder), port=ports.temporal, ui_port=ports.ui
    )
    server.process._command += ["--db-filename", str(folder / "temporal.db")]
    await server.start()
    try:
        client = await Client.connect(
            server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter
        )
        yield server, client
    finally:
        await server.stop()


class RestartableMariaDB:
    """A private MariaDB that can be stopped and started on its data, as an administrator does.

    Args:
        server: Running, from a package: only then its process is ours to stop.
    """

    def __init__(self, server: MariaDBServer) -> None:
        self.server = server
        pid_file = Path(server.sql("SELECT @@pid_file").strip())
        self._pid = int(pid_file.read_text(encoding="ascii"))
        command = Path(f"/proc/{self._pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        self._command = [part.decode() for part in command]
        self._started: subprocess.Popen[bytes] | None = None

    async def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        os.kill(self._pid, signal.SIGTERM)
        async with asyncio.timeout(_PATIENCE):
            while _runs(self._pid):
                if self._started is not None:
                    self._started.poll()
                await asyncio.sleep(_TICK)

    async def start(self) -> None:
        """Start it again, and wait until it answers."""
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self._started = subprocess.Popen(
            [*_dies_with_us(), *self._command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._pid = self._started.pid
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline, "MariaDB does not come back"
            time.sleep(_TICK)

    def _answers(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return bool(self.server.sql("SELECT 1"))
        return False


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return not Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].startswith(" Z")
    return False


def has_a_package() -> bool:
    """Whether MariaDB comes from a package; a container's data are gone when it is stopped."""
    return find_server() is not None


@contextlib.contextmanager
def restartable_mariadb() -> Iterator[RestartableMariaDB]:
    """A server of the test's own."""
    with running_server() as server:
        made = RestartableMariaDB(server)
        try:
            yield made
        finally:
            if made._started is not None:
                made._started.terminate()
                made._started.wait(_PATIENCE)
