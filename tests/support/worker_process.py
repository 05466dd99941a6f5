"""The worker as an operator runs it: ``python worker.py`` as a process of its own, to be killed at will."""

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedded.environment import PROJECT_ROOT, child_environment
from tests.support.site import Site

_PATIENCE = 60
_TICK = 0.05
_WORKER = (str(PROJECT_ROOT / "worker.py"),)


class WorkerProcess:
    """One process, and everything that it wrote.

    Args:
        folder: For its log; also its home and its working directory, so that it finds no settings of ours.
        environment: All that it is told.
        program: Arguments of the interpreter.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], program: Sequence[str]) -> None:
        self._folder = folder
        self._program = program
        self._environment = child_environment(folder, environment)
        self._log = folder / "worker.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def output(self) -> str:
        """Everything that it wrote, in this life and in those before."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def events(self) -> list[dict[str, Any]]:
        """Its structured log."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    async def start(self) -> None:
        """Start it, without waiting for anything."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                env=self._environment,
                cwd=self._folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def work(self) -> None:
        """Start it, and wait until it works."""
        before = self.output.count("worker_started")
        await self.start()
        async with asyncio.timeout(_PATIENCE):
            while self.output.count("worker_started") == before:
                code = None if self._process is None else self._process.returncode
                assert code is None, f"it ended with {code}:\n{self.output}"
                await asyncio.sleep(_TICK)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait until it has ended, and return its exit code."""
        assert self._process is not None
        return await asyncio.wait_for(self._process.wait(), _PATIENCE)

    async def kill(self) -> None:
        """End it as a power cut would: with SIGKILL."""
        self.send(signal.SIGKILL)
        await self.end()

    async def clean_up(self) -> None:
        """Leave nothing behind."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


def environment_of(site: Site, **changes: str) -> dict[str, str]:
    """What a worker process of this site is told."""
    config = site.client.service_client.config
    temporal = {"TEMPORAL_ADDRESS": config.target_host, "TEMPORAL_NAMESPACE": site.client.namespace}
    return site.environment() | temporal | changes


@contextlib.asynccontextmanager
async def worker_process(
    folder: Path, environment: Mapping[str, str], *, program: Sequence[str] = _WORKER
) -> AsyncIterator[WorkerProcess]:
    """Hand out a worker that is not started yet, and leave nothing of it behind."""
    made = WorkerProcess(folder, environment, program)
    try:
        yield made
    finally:
        await made.clean_up()
