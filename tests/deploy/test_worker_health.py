"""The worker's health check, against a real server and real workers."""

import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from deploy.worker_health import polls
from embedded.environment import PROJECT_ROOT
from rules.temporal_names import TASK_QUEUE

_SECRET = "made-up-secret"


@workflow.defn(sandboxed=False)
class _Nothing:
    @workflow.run
    async def run(self) -> None:
        """Do nothing: only the polling for it matters."""


def _check(settings: dict[str, str], folder: Path = PROJECT_ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.worker_health"],
        cwd=folder,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(PROJECT_ROOT),
            "TEMPORAL_CONFIG_FILE": os.devnull,
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _settings(client: Client, task_queue: str) -> dict[str, str]:
    return {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
        "FAILOVER_TASK_QUEUE": task_queue,
        "FAILOVER_ENV_FILE": "",
    }


async def test_a_worker_of_this_machine_that_polls_is_well(temporal_client: Client) -> None:
    queue = f"health-{uuid.uuid4()}"
    async with Worker(temporal_client, task_queue=queue, workflows=[_Nothing]):
        await temporal_client.execute_workflow("_Nothing", id=queue, task_queue=queue)

        assert _check(_settings(temporal_client, queue)).returncode == 0
        assert await polls(temporal_client, queue, socket.gethostname())
        assert not await polls(temporal_client, queue, "another-machine")


async def test_a_worker_of_another_machine_does_not_count(temporal_client: Client) -> None:
    queue = f"health-{uuid.uuid4()}"
    async with Worker(temporal_client, task_queue=queue, workflows=[_Nothing], identity="7@another-machine"):
        await temporal_client.execute_workflow("_Nothing", id=queue, task_queue=queue)

        done = _check(_settings(temporal_client, queue))

    assert (done.returncode, done.stderr) == (1, "no worker of this machine has polled lately\n")


def test_a_temporal_that_is_away_is_no_health() -> None:
    done = _check({"TEMPORAL_ADDRESS": "127.0.0.1:1", "FAILOVER_ENV_FILE": ""})

    assert done.returncode == 1
    assert done.stderr.startswith("Temporal cannot be asked")


async def test_an_empty_task_queue_is_the_default_one_as_for_the_worker(temporal_client: Client) -> None:
    async with Worker(temporal_client, task_queue=TASK_QUEUE, workflows=[_Nothing]):
        await temporal_client.execute_workflow("_Nothing", id=f"health-{uuid.uuid4()}", task_queue=TASK_QUEUE)

        done = _check(_settings(temporal_client, ""))

    assert (done.returncode, done.stderr) == (0, "")


async def test_the_env_file_of_the_worker_is_heard(temporal_client: Client, tmp_path: Path) -> None:
    queue = f"health-{uuid.uuid4()}"
    settings = {**_settings(temporal_client, queue), "FAILOVER_DATABASE_URL": "not of interest here"}
    del settings["FAILOVER_ENV_FILE"]
    lines = [f"{name}={value}" for name, value in settings.items()]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    async with Worker(temporal_client, task_queue=queue, workflows=[_Nothing]):
        await temporal_client.execute_workflow("_Nothing", id=queue, task_queue=queue)

        done = _check({}, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "settings",
    (
        {"TEMPORAL_PROFILE": _SECRET},
        {"TEMPORAL_TLS_CLIENT_CERT_PATH": f"/{_SECRET}", "TEMPORAL_TLS_CLIENT_KEY_PATH": f"/{_SECRET}"},
        {"TEMPORAL_ADDRESS": f"{_SECRET}:not-a-port"},
        {"TEMPORAL_ADDRESS": "127.0.0.1:1", "TEMPORAL_API_KEY": f"{_SECRET}\n"},
    ),
    ids=lambda settings: next(iter(settings)),
)
def test_settings_of_temporal_that_cannot_be_used_are_no_health_and_are_not_quoted(
    settings: dict[str, str],
) -> None:
    done = _check({"FAILOVER_ENV_FILE": "", **settings})

    assert done.returncode == 1
    assert done.stderr.startswith("Temporal cannot be asked (")
    assert _SECRET not in done.stdout + done.stderr


def test_an_env_file_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    done = _check({"FAILOVER_ENV_FILE": str(tmp_path / _SECRET)})

    assert (done.returncode, done.stderr) == (1, "Wrong settings: FAILOVER_ENV_FILE: no such file\n")
