"""The Makefile makes what a target needs, once, and says clearly what is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from embedded.environment import PROJECT_ROOT

GOOD_PYTHON = """\
if [ "$1" = -c ]; then exit 0; fi
if [ "$1" = --version ]; then echo "Python 3.12.1"; exit 0; fi
[ "$1 $2" = "-m venv" ] || exit 9
mkdir -p "$3/bin"
for name in python ruff mypy pip-compile; do
  printf '#!/bin/sh\\necho "%s $*" >> calls\\n' "$name" > "$3/bin/$name"
  chmod 755 "$3/bin/$name"
done
"""
OLD_PYTHON = 'if [ "$1" = -c ]; then exit 1; fi; exit 9'
NO_VENV_PYTHON = 'if [ "$1" = -c ]; then exit 0; fi; mkdir -p .venv/bin; echo "no ensurepip" >&2; exit 1'


class Clone:
    """A copy of the Makefile with pythons of the test's making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(PROJECT_ROOT / "Makefile", folder)
        (folder / "requirements").mkdir()
        for name in ("runtime.txt", "dev.txt"):
            (folder / "requirements" / name).touch()
        self.path = folder / "path"
        self.path.mkdir()
        for name in ("awk", "echo", "env", "mkdir", "chmod", "rm", "sed", "sh", "touch", "find"):
            found = shutil.which(name)
            assert found is not None
            (self.path / name).symlink_to(found)

    def add_python(self, name: str, body: str) -> None:
        program = self.path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        make = shutil.which("make")
        assert make is not None
        return subprocess.run(
            [make, "--no-print-directory", *arguments],
            cwd=self.folder,
            env={"PATH": str(self.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        log = self.folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def installs(calls: list[str]) -> list[str]:
    """What was installed from a lock; a lock names everything, so nothing beside it may be looked for."""
    assert all("--no-deps" in call for call in calls if "--require-hashes" in call)
    return [call.rpartition(" ")[2] for call in calls if "pip install" in call and "--require-hashes" in call]


def test_the_demo_needs_the_runtime_lock_only_and_a_second_run_installs_nothing(clone: Clone) -> None:
    clone.add_python("python3", GOOD_PYTHON)

    first = clone.make("demo")
    assert first.returncode == 0, first.stderr
    calls = clone.calls()
    assert installs(calls) == ["requirements/runtime.txt"]
    assert calls[-1] == "python -m embedded demo"

    assert clone.make("demo").returncode == 0
    assert clone.calls() == ["python -m embedded demo"]


def test_the_tests_need_the_development_lock_which_serves_the_demo_too(clone: Clone) -> None:
    clone.add_python("python3", GOOD_PYTHON)

    assert clone.make("test").returncode == 0
    calls = clone.calls()
    assert installs(calls) == ["requirements/dev.txt"]
    assert calls[-1].startswith("python -m pytest --cov=rules --cov-branch")

    assert clone.make("up").returncode == 0
    assert clone.calls() == ["python -m embedded up"]


def test_a_part_of_the_tests_runs_without_the_coverage_gate(clone: Clone) -> None:
    clone.add_python("python3", GOOD_PYTHON)

    clone.make("test", "ARGS=tests/rules -k guard")

    assert clone.calls()[-1] == "python -m pytest tests/rules -k guard"


def test_a_newer_lock_is_installed(clone: Clone) -> None:
    clone.add_python("python3", GOOD_PYTHON)
    clone.make("demo")
    clone.calls()
    stamp = clone.folder / ".venv" / ".runtime-installed"
    later = stamp.stat().st_mtime + 10
    os.utime(clone.folder / "requirements" / "runtime.txt", (later, later))

    clone.make("demo")

    assert installs(clone.calls()) == ["requirements/runtime.txt"]


def test_a_newer_python_is_taken_where_python3_is_too_old(clone: Clone) -> None:
    clone.add_python("python3", OLD_PYTHON)
    clone.add_python("python3.11", GOOD_PYTHON)

    assert clone.make("demo").returncode == 0


@pytest.mark.parametrize("old", (True, False), ids=("too-old", "none"))
def test_without_a_python_that_is_new_enough_the_message_says_so(clone: Clone, *, old: bool) -> None:
    if old:
        clone.add_python("python3", OLD_PYTHON)

    refused = clone.make("demo")

    assert refused.returncode != 0
    assert "Python 3.11 or newer is needed" in refused.stderr
    assert clone.calls() == []


def test_a_python_that_cannot_make_environments_leaves_a_message_and_nothing_else(clone: Clone) -> None:
    clone.add_python("python3", NO_VENV_PYTHON)

    refused = clone.make("demo")

    assert refused.returncode != 0
    assert "python3-venv" in refused.stderr
    assert not (clone.folder / ".venv").exists()


def test_lint_and_types_run_their_tools(clone: Clone) -> None:
    clone.add_python("python3", GOOD_PYTHON)
    clone.make("lint")
    assert clone.calls()[-2:] == ["ruff check .", "ruff format --check ."]

    clone.make("types")
    assert clone.calls()[-1].startswith("mypy ")


def test_the_help_names_every_target(clone: Clone) -> None:
    listed = clone.make("help").stdout

    for target in ("demo", "up", "test", "lint", "types", "lock", "clean"):
        assert f"make {target} " in listed


@pytest.mark.parametrize("lock", ("runtime.txt", "dev.txt"))
def test_a_lock_pins_everything_with_hashes_and_holds_no_address(lock: str) -> None:
    text = (PROJECT_ROOT / "requirements" / lock).read_text()
    pins = [line for line in text.splitlines() if "==" in line]

    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]
    assert pins
    assert all(line.endswith("\\") for line in pins), "each pin goes on with its hashes"


def test_the_development_lock_holds_the_run_time_pins() -> None:
    def pins(name: str) -> set[str]:
        lines = (PROJECT_ROOT / "requirements" / name).read_text().splitlines()
        return {line.removesuffix(" \\") for line in lines if "==" in line and not line.startswith(" ")}

    assert pins("runtime.txt") <= pins("dev.txt")


@pytest.mark.parametrize("failing", ("", "test", "lint", "types"))
def test_ci_runs_all_three_and_fails_when_one_does(tmp_path: Path, failing: str) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT_ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    fake = tmp_path / "path" / "make"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$2 CI=$CI" >> {tmp_path}/calls\n[ "$2" != "{failing}" ]\n')
    fake.chmod(0o755)

    ran = subprocess.run(
        ["/bin/bash", str(tmp_path / ".ci" / "run")],
        env={"PATH": f"{fake.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (tmp_path / "calls").read_text().splitlines() == ["test CI=true", "lint CI=true", "types CI=true"]
    assert (ran.returncode != 0) is bool(failing)
    if failing:
        assert ran.stdout.splitlines()[-1].startswith("FAILED: ")
