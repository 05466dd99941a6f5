"""Find the Temporal CLI: server, Web UI and command line in one binary.

The rungs, in this order: ``TEMPORAL_CLI`` (a path; set but unusable is an error, since somebody meant it),
``temporal`` on PATH, the copy kept from an earlier run, the Temporal SDK's own download (it fails at once
where there is no internet), and last a build from the Go tool module in ``tools/temporal-cli``.
What the last two make is kept in ``${XDG_CACHE_HOME:-~/.cache}/cloudstack-failover``.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from embedded.errors import TemporalCliUnavailable
from embedded.makers import NotMade
from embedded.temporal_build import build_with_go, pinned_version
from embedded.temporal_download import download_with_sdk

Report = Callable[[str], None]
Maker = Callable[[Path, Mapping[str, str], Report], None]
"""Puts a CLI at the path, reports what takes long, and raises ``NotMade`` when it cannot."""

_VERSION_TIMEOUT_SECONDS: Final = 30
_WAIT_REPORT_SECONDS: Final = 10.0


class NotUsable(Exception):
    """A file is no Temporal CLI that runs here; the message says what it is instead."""


_HELP: Final = """\
No Temporal CLI could be found or made:
{reasons}
Do one of these and start again:
  - install the Temporal CLI {version} or newer, so that `temporal` is on PATH
  - set TEMPORAL_CLI to the path of a `temporal` binary
  - install Go 1.21 or newer, so that `go` is on PATH: the CLI is then built here (about 5 minutes, once)
  - give this machine access to the internet: the Temporal SDK then downloads it"""


def find_temporal_cli(report: Report) -> Path:
    """Find a usable Temporal CLI, making one when there is none.

    Args:
        report: Gets one line that says which one is used, and lines that show progress while one is made.

    Returns:
        The path of a binary that answered ``temporal --version``.

    Raises:
        TemporalCliUnavailable: There is none and none can be made, or ``TEMPORAL_CLI`` names an unusable one.
    """
    return CliFinder(report).find()


@dataclass
class CliFinder:
    """The search itself, with every rung exchangeable.

    Attributes:
        report: Gets the lines for people.
        environ: Where TEMPORAL_CLI, PATH, XDG_CACHE_HOME and HOME are read.
        download: Makes a CLI by the SDK's own download.
        build: Makes a CLI with Go.
    """

    report: Report
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    download: Maker = download_with_sdk
    build: Maker = build_with_go

    def find(self) -> Path:
        """Walk down the rungs; see :func:`find_temporal_cli`."""
        named = self.environ.get("TEMPORAL_CLI")
        if named:
            return self._named(Path(named).expanduser())
        refused: list[str] = []
        on_path = shutil.which("temporal", path=self.environ.get("PATH", ""))
        if on_path:
            try:
                return self._used(Path(on_path), "from PATH")
            except NotUsable as error:
                refused.append(f"  - from PATH: {error}")
        try:
            return self._used(self.kept, "kept from an earlier run")
        except NotUsable:
            return self._make(refused)

    @property
    def kept(self) -> Path:
        """Where a downloaded or built CLI is kept."""
        home = Path(self.environ.get("HOME") or Path.home())
        cache = Path(self.environ.get("XDG_CACHE_HOME") or home / ".cache")
        return cache / "cloudstack-failover" / f"temporal-{pinned_version()}"

    def _named(self, path: Path) -> Path:
        try:
            return self._used(path, "from TEMPORAL_CLI")
        except NotUsable as error:
            raise TemporalCliUnavailable(
                f"TEMPORAL_CLI cannot be used: {error}. Correct it, or unset it to have a CLI found."
            ) from None

    def _make(self, refused: list[str]) -> Path:
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        with self._one_maker_at_a_time():
            # Another process may have made it while this one waited for the lock.
            with contextlib.suppress(NotUsable):
                return self._used(self.kept, "kept from an earlier run")
            for source, make in (("downloaded by the SDK", self.download), ("built with Go", self.build)):
                # The name is this process's own, and only a complete binary gets the final name.
                unfinished = self.kept.with_name(f"{self.kept.name}.{os.getpid()}.part")
                try:
                    make(unfinished, self.environ, self.report)
                    self.version(unfinished)
                    unfinished.replace(self.kept)
                    return self._used(self.kept, source)
                except (NotMade, NotUsable) as error:
                    refused.append(f"  - {source}: {error}")
                finally:
                    unfinished.unlink(missing_ok=True)
        raise TemporalCliUnavailable(_HELP.format(reasons="\n".join(refused), version=pinned_version()))

    def _used(self, path: Path, source: str) -> Path:
        version = self.version(path)
        self.report(f"Temporal CLI: {path} ({source}; {version})")
        return path

    def version(self, path: Path) -> str:
        """Ask the CLI at the path for its version.

        Raises:
            NotUsable: There is nothing that runs, or it is another program called `temporal`.
        """
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise NotUsable(f"{path} is no executable file")
        try:
            answer = subprocess.run(  # noqa: S603 - the whole point is to ask the binary that was found
                [path, "--version"],
                # Without HOME: a broken configuration file of the user's says nothing about the binary.
                env={"PATH": self.environ.get("PATH", "")},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERSION_TIMEOUT_SECONDS,
                check=False,
                text=True,
                errors="replace",
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotUsable(f"{path} --version did not run ({type(error).__name__})") from None
        first_line = answer.stdout.strip().partition("\n")[0]
        if answer.returncode != 0 or not first_line.startswith("temporal version"):
            said = first_line or answer.stderr.strip().partition("\n")[0]
            raise NotUsable(f"{path} --version answered {said[:100]!r} with exit code {answer.returncode}")
        return first_line.removeprefix("temporal ")

    @contextlib.contextmanager
    def _one_maker_at_a_time(self) -> Iterator[None]:
        with self.kept.with_name(f"{self.kept.name}.lock").open("w") as lock:
            waited, last_report = 0.0, 0.0
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if waited == 0.0 or waited - last_report >= _WAIT_REPORT_SECONDS:
                        last_report = waited
                        self.report(f"Temporal CLI: another process is making it; waited {waited:.0f} s")
                    time.sleep(0.2)
                    waited += 0.2
            yield
