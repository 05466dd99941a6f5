"""Worker and API out of the image's files, on the environment that compose gives them.

Only the addresses differ: the real MariaDB and the real Temporal server of the tests stand for the others.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from embedded.ports import free_ports

_PATIENCE = 60


@contextlib.contextmanager
def _started(image: Path, command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a service's command, and see that it ends in order when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-B", *command[1:]],
        cwd=image,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=_PATIENCE)
        assert process.returncode == 0, output
    finally:
        process.kill()
        process.communicate()


def _healthy(
    image: Path, command: list[str], environment: dict[str, str], process: subprocess.Popen[str]
) -> bool:
    """Ask as Docker does, until the answer is yes, the process has ended, or time is up."""
    for _ in range(_PATIENCE):
        asked = subprocess.run(
            [sys.executable, "-B", *command], cwd=image, env=environment, capture_output=True, check=False
        )
        if asked.returncode == 0:
            return True
        if process.poll() is not None:
            pytest.fail(f"it ended: {process.stdout.read() if process.stdout else ''}")
        time.sleep(0.5)
    return False


def _environment(service: dict[str, Any], image: Path, **addresses: str) -> dict[str, str]:
    given = {name: value for name, value in service["environment"].items() if value is not None}
    plain = {"PATH": os.defpath, "HOME": str(image), "TEMPORAL_CONFIG_FILE": os.devnull}
    return {**plain, **given, **addresses}


def test_the_worker_of_the_image_becomes_healthy_and_ends_in_order(
    image: Path, services: dict[str, Any], temporal_client: Client, mariadb_url: str
) -> None:
    service = services["worker"]
    environment = _environment(
        service,
        image,
        TEMPORAL_ADDRESS=temporal_client.service_client.config.target_host,
        FAILOVER_DATABASE_URL=mariadb_url,
        FAILOVER_TASK_QUEUE=f"image-{uuid.uuid4()}",
    )

    with _started(image, service["command"], environment) as process:
        assert _healthy(image, service["healthcheck"]["test"][2:], environment, process)


def test_the_api_of_the_image_becomes_healthy_and_ends_in_order(
    image: Path, services: dict[str, Any], temporal_client: Client, mariadb_url: str, tmp_path: Path
) -> None:
    service = services["api"]
    made = subprocess.run(
        [sys.executable, "-B", "-m", "api", "token", "ops", "read"],
        cwd=image,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    line = re.search(r"^\s*(ops:read:[0-9a-f]{64})$", made.stdout, re.MULTILINE)
    assert line is not None
    tokens = tmp_path / "api-tokens"
    tokens.write_text(f"{line[1]}\n", encoding="ascii")
    tokens.chmod(0o644)
    (port,) = free_ports(1)
    environment = _environment(
        service,
        image,
        TEMPORAL_ADDRESS=temporal_client.service_client.config.target_host,
        FAILOVER_DATABASE_URL=mariadb_url,
        FAILOVER_API_TOKENS_FILE=str(tokens),
        FAILOVER_API_PORT=str(port),
    )
    check = [word.replace(":8082/", f":{port}/") for word in service["healthcheck"]["test"][2:]]

    with _started(image, service["command"], environment) as process:
        assert _healthy(image, check, environment, process)
