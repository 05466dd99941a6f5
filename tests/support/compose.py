"""``docker-compose``, and what it makes of ``docker-compose.temporal.yml``; no container engine is needed.

It is Debian's package, installed with apt by root where it is missing. Where it cannot be had, the tests that
need it fail under ``CI=true`` and are skipped elsewhere, as those that need MariaDB do.
"""

import functools
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from embedded.environment import PROJECT_ROOT

COMPOSE_FILE: Final = PROJECT_ROOT / "docker-compose.temporal.yml"
ENV_EXAMPLE: Final = PROJECT_ROOT / ".env.example"
PROFILE: Final = "cloudstack"

REQUIRED: Final = {
    "TEMPORAL_MYSQL_ROOT_PASSWORD": "made-up-temporal-root",
    "TEMPORAL_MYSQL_PASSWORD": "made-up-temporal",
    "FAILOVER_MARIADB_ROOT_PASSWORD": "made-up-mariadb-root",
    "FAILOVER_MARIADB_PASSWORD": "made-up-mariadb",
    "VMA_URL": "http://vma.example.local:9081",
    "FAILOVER_API_TOKENS_PATH": "/etc/failover/api-tokens",
}
"""Values for everything that ``.env.example`` calls required."""

_yaml: Any = importlib.import_module("yaml")  # it ships no type information


class ComposeRefused(Exception):
    """docker-compose did not take the file. The message is what it said."""


def read_compose_file() -> dict[str, Any]:
    """Return the file as it is written: anchors merged, no variable replaced."""
    return read_yaml(COMPOSE_FILE.read_text(encoding="utf-8"))


def read_yaml(text: str) -> dict[str, Any]:
    """Read one YAML document."""
    document: dict[str, Any] = _yaml.safe_load(text)
    return document


def resolved(values: Mapping[str, str], *, folder: Path, profile: str = "") -> dict[str, Any]:
    """Return what ``docker-compose config`` makes of the file.

    Args:
        values: What ``.env`` holds. Nothing of the test's own environment is seen.
        folder: Where that ``.env`` is written.
        profile: A profile to switch on.

    Raises:
        ComposeRefused: A variable is missing, or the file is wrong.
    """
    program = find_compose()
    if program is None:
        message = "docker-compose is missing: install the package docker-compose (apt-get, as root)"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    env_file = folder / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    options = ["--env-file", str(env_file), "--file", str(COMPOSE_FILE)]
    if profile:
        options += ["--profile", profile]
    done = subprocess.run(
        [program, *options, "config"],
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ComposeRefused(done.stderr)
    return read_yaml(done.stdout)


@functools.cache
def find_compose() -> str | None:
    """Return the program, installing it where that is allowed."""
    if shutil.which("docker-compose") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "docker-compose"]):
            subprocess.run(  # what could not be installed is missing below, and said there
                [shutil.which("apt-get") or "", *arguments],
                env=environment,
                capture_output=True,
                check=False,
            )
    return shutil.which("docker-compose")


def variables_of(text: str) -> dict[str, str]:
    """Return what a text interpolates: by name, what follows it in the braces (``:?...``, ``:-...``)."""
    return dict(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)([^}]*)\}", text))
