"""The wheel, and an empty virtual environment that it is installed in alone."""

import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from embedded.environment import PROJECT_ROOT

_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info", "tests", "tools")
_PIN = re.compile(r"^([A-Za-z0-9._-]+==[^ \\]+)", re.MULTILINE)


def build_wheel(folder: Path) -> Path:
    """Build the wheel as ``pip wheel`` does; from a copy, since setuptools leaves a folder behind."""
    source = folder / "source"
    shutil.copytree(PROJECT_ROOT, source, ignore=_LEFT_OUT)
    _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class EmptyEnvironment:
    """A virtual environment of its own, and nothing of this project on its path."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *, on: "EmptyEnvironment | None" = None) -> "EmptyEnvironment":
        """Make one, without even pip; ``on`` another one what is installed there is there as well."""
        venv.create(folder, symlinks=True)
        made = cls(folder)
        if on is not None:
            (made.packages / "base.pth").write_text(str(on.packages))
        return made

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def install(self, requirement: str) -> None:
        """Install something with its dependencies, those in the versions that the product is locked to."""
        pins = _PIN.findall((PROJECT_ROOT / "requirements" / "runtime.txt").read_text())
        constraints = self.folder / "constraints.txt"
        constraints.write_text("\n".join(pins))
        _pip("--python", str(self.python), "install", "--constraint", str(constraints), requirement)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run its Python, away from the project and without the project's settings."""
        return subprocess.run(
            [str(self.python), *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **settings},
            capture_output=True,
            text=True,
            check=False,
        )


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"pip {arguments} failed:\n{done.stdout}\n{done.stderr}"
