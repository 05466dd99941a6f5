"""What the two ways to make a Temporal CLI share: a bounded child process, and the error that says why."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_POLL_SECONDS = 0.2


class NotMade(Exception):
    """A Temporal CLI could not be made this way; the message says why in one line."""


def run_bounded(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    folder: Path,
    timeout_seconds: float,
    tick: Callable[[float], None],
) -> None:
    """Run a command to its end, with a limit in time and a sign of life.

    Args:
        command: Program and arguments.
        environ: Its whole environment.
        folder: Where it runs.
        timeout_seconds: How long it may take.
        tick: Called several times a second with the elapsed seconds.

    Raises:
        NotMade: It cannot be started, took too long, or failed; with its last line of output.
    """
    with tempfile.TemporaryFile(mode="w+", errors="replace") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the callers give fixed commands
                command,
                env=dict(environ),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            raise NotMade(f"{command[0]} cannot be started: {error.strerror}") from None
        started = time.monotonic()
        try:
            while process.poll() is None:
                elapsed = time.monotonic() - started
                if elapsed > timeout_seconds:
                    raise NotMade(f"it took longer than {timeout_seconds:.0f} s")
                tick(elapsed)
                time.sleep(_POLL_SECONDS)
        finally:
            _end_group(process)
        if process.returncode != 0:
            output.seek(0)
            lines = [line.strip() for line in output if line.strip()]
            raise NotMade(lines[-1] if lines else f"exit code {process.returncode}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # Ctrl-C, the time limit and a normal end all come through here: no compiler or server stays behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
