"""What the Dockerfile puts into the image is enough to run, and nothing else gets in."""

import ast
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.environment import PROJECT_ROOT

DOCKERFILE = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = PROJECT_ROOT / "requirements" / "runtime.txt"
COPIED = [
    (source, target)
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", DOCKERFILE, re.MULTILINE)
]
OURS = {path.name for path in PROJECT_ROOT.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}


def _let_through(path: str) -> bool:
    """Apply ``.dockerignore``: the last line that matches decides, and a folder stands for all below it."""
    ignored = False
    for line in (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = path.split("/")
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        if pattern.startswith("**/"):
            matches = any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in parts)
        else:
            matches = any(fnmatch.fnmatchcase(prefix, pattern) for prefix in prefixes)
        if matches:
            ignored = not line.startswith("!")
    return not ignored


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app as a build makes it."""
    app = tmp_path_factory.mktemp("image") / "app"
    app.mkdir()
    for source, target in COPIED:
        if target.startswith("/"):
            continue
        files = [PROJECT_ROOT / source]
        if files[0].is_dir():
            files = [path for path in files[0].rglob("*") if path.is_file()]
        for file in files:
            relative = file.relative_to(PROJECT_ROOT)
            if _let_through(relative.as_posix()):
                (app / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, app / relative)
    return app


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
        assert _let_through(inside.relative_to(PROJECT_ROOT).as_posix()), source


@pytest.mark.parametrize(
    "path",
    (".env", ".git/config", "tests/conftest.py", "simulators/__init__.py", "embedded/__init__.py",
     "deploy/temporal-mysql.sql", "rules/__pycache__/models.pyc", ".venv/pyvenv.cfg", "requirements/dev.txt"),
)  # fmt: skip
def test_nothing_else_reaches_the_builder(path: str) -> None:
    assert not _let_through(path)


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
