"""One process of the stack: started on a tether, watched, stopped for sure."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from embedded.errors import ComponentFailed

_TETHER: Final = Path(__file__).with_name("tether.py")
_TAIL_LINES: Final = 15
_PROBE_INTERVAL_SECONDS: Final = 0.05
_MARGIN_SECONDS: Final = 5.0

Probe = Callable[[], Awaitable[bool]]


class ManagedProcess:
    """A part of the stack that lives at most as long as the process that started it.

    Args:
        name: What people call the part.
        command: Program and arguments.
        environment: The whole environment of the part, see :mod:`embedded.environment`.
        folder: Where it runs and where its log is kept.
        grace_seconds: How long it may take to end after SIGTERM before SIGKILL follows.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        grace_seconds: float = 5.0,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._folder = folder
        self._grace_seconds = grace_seconds
        slug = name.lower().replace(" ", "-")
        self.log_path = folder / f"{slug}.log"
        self._pid_path = folder / f"{slug}.pid"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process id of the part itself, not of its tether; it is there once the part is ready."""
        return int(self._pid_path.read_text())

    async def start(self) -> None:
        """Start the process; :meth:`wait_ready` tells when it is of use."""
        self._pid_path.unlink(missing_ok=True)
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(_TETHER),
                str(self._grace_seconds),
                str(self._pid_path),
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )

    async def wait_ready(self, probe: Probe, *, timeout_seconds: float) -> None:
        """Wait until the probe says that the part is of use.

        Args:
            probe: Answers whether the part is ready; called again until it is.
            timeout_seconds: How long the part may take.

        Raises:
            ComponentFailed: The part ended first, or was not ready in time.
        """
        process = self._started()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while True:
            if process.returncode is not None:
                raise self._failed(f"ended with exit code {process.returncode} while it started")
            if await probe():
                return
            if loop.time() >= deadline:
                raise self._failed(f"was not ready after {timeout_seconds:.0f} s")
            await asyncio.sleep(_PROBE_INTERVAL_SECONDS)

    async def ended(self) -> ComponentFailed:
        """Wait until the process has ended, and return the error that says so."""
        code = await self._started().wait()
        return self._failed(f"ended unexpectedly with exit code {code}")

    async def stop(self) -> int | None:
        """Stop the process and wait until it is gone; without effect when it is gone already.

        Returns:
            Its exit code, or None when it was never started.
        """
        process = self._process
        if process is None:
            return None
        if process.stdin is not None:
            process.stdin.close()
        try:
            return await asyncio.wait_for(process.wait(), self._grace_seconds + _MARGIN_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return await process.wait()

    def log_tail(self) -> str:
        """The last lines that the process wrote."""
        if not self.log_path.exists():
            return ""
        lines = self.log_path.read_text(errors="replace").rstrip().splitlines()
        return "\n".join(f"  {line}" for line in lines[-_TAIL_LINES:])

    def _failed(self, reason: str) -> ComponentFailed:
        return ComponentFailed(self.name, reason, self.log_tail())

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process
