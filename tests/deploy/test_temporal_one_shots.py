"""The scripts of the one-shots, taken out of the file and run."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from tests.support.compose import read_compose_file


def _script(service: str, values: dict[str, str]) -> list[str]:
    """Return entrypoint and command as the container gets them, which is with ``$$`` as ``$``."""
    definition: dict[str, Any] = read_compose_file()["services"][service]
    assert definition["entrypoint"] == ["/bin/sh", "-ec"]
    assert set(values) == set(definition["environment"])
    return [*definition["entrypoint"], *(line.replace("$$", "$") for line in definition["command"])]


def _run(service: str, values: dict[str, str], programs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _script(service, values),
        env={"PATH": f"{programs}{os.pathsep}{os.defpath}", "HOME": str(programs), **values},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def _run_until_done(
    service: str, values: dict[str, str], programs: Path
) -> subprocess.CompletedProcess[str]:
    """Run as ``restart: on-failure`` does: a namespace is not known everywhere as soon as it is made."""
    assert read_compose_file()["services"][service]["restart"] == "on-failure"
    for _ in range(60):
        done = _run(service, values, programs)
        if done.returncode == 0:
            break
        await asyncio.sleep(1)
    return done


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


async def _retention_days(client: Client, namespace: str) -> float:
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    return answer.config.workflow_execution_retention_ttl.ToTimedelta().total_seconds() / 86400


async def test_the_namespace_is_made_once_and_takes_another_retention(
    temporal_cli: Path, temporal_client: Client, programs: Path
) -> None:
    (programs / "temporal").symlink_to(temporal_cli)
    values = {
        "TEMPORAL_ADDRESS": temporal_client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": "made-by-compose",
        "RETENTION": "720h",
    }

    first = _run("temporal-namespace", values, programs)
    made = await _retention_days(temporal_client, "made-by-compose")
    again = await _run_until_done("temporal-namespace", {**values, "RETENTION": "2160h"}, programs)
    changed = await _retention_days(temporal_client, "made-by-compose")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert (made, changed) == (30, 90)


def test_the_namespace_one_shot_fails_while_temporal_is_away(temporal_cli: Path, programs: Path) -> None:
    (programs / "temporal").symlink_to(temporal_cli)
    values = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "TEMPORAL_NAMESPACE": "nowhere", "RETENTION": "720h"}

    assert _run("temporal-namespace", values, programs).returncode != 0


def _sql_tool(programs: Path, *, failing: str = "none") -> Path:
    calls = programs / "calls"
    tool = programs / "temporal-sql-tool"
    tool.write_text(
        f'#!/bin/sh\necho "$@" >> "{calls}"\ncase "$*" in *{failing}*) exit 1;; esac\n', encoding="ascii"
    )
    tool.chmod(0o755)
    return calls


SQL = {"SQL_PLUGIN": "mysql8", "SQL_HOST": "h", "SQL_PORT": "1", "SQL_USER": "u", "SQL_PASSWORD": "made-up"}


def test_both_schemas_are_made_and_brought_up_to_date(programs: Path) -> None:
    calls = _sql_tool(programs)

    done = _run("temporal-schema", SQL, programs)

    versions = "/etc/temporal/schema/mysql/v8"
    assert done.returncode == 0, done.stderr
    assert calls.read_text(encoding="utf-8").splitlines() == [
        "--database temporal setup-schema --version 0.0",
        f"--database temporal update-schema --schema-dir {versions}/temporal/versioned",
        "--database temporal_visibility setup-schema --version 0.0",
        f"--database temporal_visibility update-schema --schema-dir {versions}/visibility/versioned",
    ]


@pytest.mark.parametrize("step", ("setup-schema", "update-schema"))
def test_a_schema_step_that_fails_is_not_passed_over(step: str, programs: Path) -> None:
    calls = _sql_tool(programs, failing=step)

    done = _run("temporal-schema", SQL, programs)

    assert done.returncode == 1
    assert step in calls.read_text(encoding="utf-8").splitlines()[-1]
