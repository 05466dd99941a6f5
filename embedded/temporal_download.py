"""Have the Temporal SDK download its CLI.

The SDK downloads only on the way to starting a dev server. That happens in a process of its own here: it can
be bounded in time and ended with its server, and the interpreter's exit after the SDK's server has closed
(measured to abort now and then) can do no harm. Run as a module, this file is that process.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from temporalio.testing import WorkflowEnvironment

from embedded.environment import PROJECT_ROOT
from embedded.makers import NotMade, run_bounded
from embedded.temporal_build import pinned_version

_LIMIT_SECONDS: Final = 300
_REPORT_EVERY_SECONDS: Final = 10.0


def download_with_sdk(target: Path, environ: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Download the CLI.

    Args:
        target: Where the binary is put.
        environ: The environment of the download: proxies and certificates are taken from it.
        report: Gets a line every ten seconds while the download lasts.

    Raises:
        NotMade: It could not be had within five minutes; at once where there is no internet.
    """
    reported = 0.0

    def tick(elapsed: float) -> None:
        nonlocal reported
        if elapsed - reported >= _REPORT_EVERY_SECONDS:
            reported = elapsed
            report(f"Temporal CLI: the SDK is downloading it, {elapsed:.0f} s elapsed")

    # The folder lies beside the target, so that the binary can be renamed instead of copied.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="download-") as folder:
        try:
            run_bounded(
                [sys.executable, "-m", "embedded.temporal_download", folder],
                environ={**environ, "PYTHONPATH": str(PROJECT_ROOT)},
                folder=PROJECT_ROOT,
                timeout_seconds=_LIMIT_SECONDS,
                tick=tick,
            )
        except NotMade:
            # The server that the SDK starts afterwards is of no interest, only the file is.
            if _binary_in(Path(folder)) is None:
                raise
        found = _binary_in(Path(folder))
        if found is None:
            raise NotMade("the SDK left no binary")
        found.replace(target)


def _binary_in(folder: Path) -> Path | None:
    return next((path for path in folder.iterdir() if path.is_file() and os.access(path, os.X_OK)), None)


async def _download(folder: str) -> str | None:
    try:
        environment = await WorkflowEnvironment.start_local(
            download_dest_dir=folder, dev_server_download_version=f"v{pinned_version()}"
        )
    except RuntimeError as error:
        return str(error)
    await environment.shutdown()
    return None


if __name__ == "__main__":
    problem = asyncio.run(_download(sys.argv[1]))
    if problem is not None:
        sys.stderr.write(f"{problem}\n")
        sys.stderr.flush()
    # A normal exit may abort in the SDK's threads and drown the message in a crash report.
    os._exit(0 if problem is None else 1)
