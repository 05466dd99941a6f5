"""What the Dockerfile puts into the image is enough to run, and nothing else gets in."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.environment import PROJECT_ROOT
from tests.support.image import COPIED, DOCKERFILE, let_through

LOCK = PROJECT_ROOT / "requirements" / "runtime.txt"
OURS = {path.name for path in PROJECT_ROOT.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}


def _run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=image,
        # Nothing of ours is importable but what stands in the image.
        env={"PATH": os.defpath, "HOME": str(image), "FAILOVER_ENV_FILE": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_is_copied_is_there_and_gets_past_the_ignore_file() -> None:
    assert COPIED
    for source, _ in COPIED:
        path = PROJECT_ROOT / source
        assert path.exists(), source
        inside = path / "__init__.py" if path.is_dir() else path
        assert let_through(inside.relative_to(PROJECT_ROOT).as_posix()), source


@pytest.mark.parametrize(
    "path",
    (".env", ".git/config", "tests/conftest.py", "simulators/__init__.py", "embedded/__init__.py",
     "deploy/temporal-mysql.sql", "rules/__pycache__/models.pyc", ".venv/pyvenv.cfg", "requirements/dev.txt"),
)  # fmt: skip
def test_nothing_else_reaches_the_builder(path: str) -> None:
    assert not let_through(path)


def test_every_package_of_ours_that_is_imported_is_in_the_image(image: Path) -> None:
    imported: set[str] = set()
    for file in image.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])

    assert {name for name in imported & OURS if not (image / name).is_dir()} == set()


def test_the_worker_starts_in_the_image_and_asks_for_its_settings(image: Path) -> None:
    done = _run(image, "worker.py")

    assert (done.returncode, "FAILOVER_DATABASE_URL" in done.stderr) == (2, True), done.stderr


def test_the_api_starts_in_the_image_and_asks_for_its_settings(image: Path) -> None:
    done = _run(image, "-m", "api")

    assert (done.returncode, "FAILOVER_DATABASE_URL" in done.stderr) == (2, True), done.stderr


def test_the_image_makes_tokens(image: Path) -> None:
    done = _run(image, "-m", "api", "token", "ops", "read", "test")

    assert done.returncode == 0, done.stderr
    assert re.search(r"^\s*ops:read,test:[0-9a-f]{64}$", done.stdout, re.MULTILINE)


def test_the_command_line_is_in_the_image(image: Path) -> None:
    done = _run(image, "-m", "cli", "--help")

    assert done.returncode == 0, done.stderr
    assert "explain" in done.stdout


def test_the_workers_health_check_is_in_the_image(image: Path) -> None:
    done = _run(image, "-c", "import deploy.worker_health")

    assert done.returncode == 0, done.stderr


def test_the_image_has_the_python_that_the_lock_was_made_for() -> None:
    locked = re.search(r"pip-compile with Python (\d+\.\d+)", LOCK.read_text(encoding="utf-8"))
    bases = re.findall(r"^FROM python:(\d+\.\d+)\.\d+-slim-bookworm", DOCKERFILE, re.MULTILINE)
    assert locked is not None

    assert bases == [locked[1]] * 2


def test_only_locked_wheels_are_installed_and_nobody_is_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)

    assert "--only-binary=:all: --require-hashes" in DOCKERFILE
    assert users == ["10001:10001"]
    assert DOCKERFILE.index("USER 10001") > DOCKERFILE.index("RUN python -m compileall")
