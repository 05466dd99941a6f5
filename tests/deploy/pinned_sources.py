"""The sources of the images of others, as Go's module cache holds them.

They have the versions that the CLI is built of. Of server and SQL tool these are the images' own; the UI's
image is made of a later ``ui-server``, so what it reads is looked up in the earlier one.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import pytest

from embedded.temporal_build import MODULE_FOLDER

SERVER_MODULE: Final = "go.temporal.io/server"
UI_MODULE: Final = "github.com/temporalio/ui-server/v2"
_PATIENCE: Final = 100
"""Seconds: below the guard of one test, and enough for the 6 MB of the server."""


def server_variables() -> set[str]:
    """What the server reads: its built-in template, and the options of its command."""
    folder = _source(SERVER_MODULE)
    template = (folder / "common" / "config" / "config_template_embedded.yaml").read_text(encoding="utf-8")
    loader = (folder / "common" / "config" / "loader.go").read_text(encoding="utf-8")
    command = (folder / "cmd" / "server" / "main.go").read_text(encoding="utf-8")
    constants = dict(re.findall(r'\b(EnvKey\w+) *= *"(\w+)"', loader))
    return _read_by_template(template) | {
        constants[name] for name in re.findall(r"config\.(EnvKey\w+)", command) if name in constants
    }


def sql_tool_variables() -> set[str]:
    """What ``temporal-sql-tool`` reads: the variables of its options."""
    text = (_source(SERVER_MODULE) / "tools" / "sql" / "main.go").read_text(encoding="utf-8")
    return set(re.findall(r'EnvVar: *"(\w+)"', text))


def ui_variables() -> set[str]:
    """What the Web UI's image reads in its ``config/docker.yaml``."""
    return _read_by_template((_source(UI_MODULE) / "config" / "docker.yaml").read_text(encoding="utf-8"))


def _read_by_template(text: str) -> set[str]:
    return set(re.findall(r'\benv "(\w+)"', text))


@functools.cache
def _source(module: str) -> Path:
    """Return the folder of a module, fetched by Go where its cache lacks it.

    Where it cannot be had, the test is skipped; under ``CI=true`` it fails unless there is no Go at all.
    """
    go = shutil.which("go")
    if go is None:
        pytest.skip(f"the source of {module} is checked where Go is installed")
    done = _fetch(go, f"{module}@{_pinned(module)}")
    if done is None or done.returncode != 0:
        message = f"Go cannot get the source of {module}: {done.stdout + done.stderr if done else 'too slow'}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return Path(json.loads(done.stdout)["Dir"])


def _fetch(go: str, module: str) -> subprocess.CompletedProcess[str] | None:
    # In a folder without a go.mod: a Go older than the one that builds the CLI is good enough to fetch.
    with tempfile.TemporaryDirectory() as folder:
        try:
            return subprocess.run(
                [go, "mod", "download", "-json", module],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None


def _pinned(module: str) -> str:
    text = (MODULE_FOLDER / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s+{re.escape(module)} (v\S+)", text, re.MULTILINE)
    assert found is not None, f"tools/temporal-cli/go.mod does not pin {module}"
    return found[1]
