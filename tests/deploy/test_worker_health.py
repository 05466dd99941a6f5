"""The worker's health check, against a real server and real workers."""

import os
import socket
import subprocess
import sys
import uuid

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from deploy.worker_health import polls
from embedded.environment import PROJECT_ROOT


@workflow.defn(sandboxed=False)
class _Nothing:
    @workflow.run
    async def run(self) -> None:
        """Do nothing: only the polling for it matters."""


async def _check(client: Client, task_queue: str) -> subprocess.CompletedProcess[str]:
    return _check_at(client.service_client.config.target_host, task_queue)


def _check_at(address: str, task_queue: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.worker_health"],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.defpath,
            "TEMPORAL_ADDRESS": address,
            "TEMPORAL_NAMESPACE": "default",
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "FAILOVER_TASK_QUEUE": task_queue,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_a_worker_of_this_machine_that_polls_is_well(temporal_client: Client) -> None:
    queue = f"health-{uuid.uuid4()}"
    async with Worker(temporal_client, task_queue=queue, workflows=[_Nothing]):
        await temporal_client.execute_workflow("_Nothing", id=queue, task_queue=queue)

        assert (await _check(temporal_client, queue)).returncode == 0
        assert await polls(temporal_client, queue, socket.gethostname())
        assert not await polls(temporal_client, queue, "another-machine")


async def test_a_worker_of_another_machine_does_not_count(temporal_client: Client) -> None:
    queue = f"health-{uuid.uuid4()}"
    async with Worker(temporal_client, task_queue=queue, workflows=[_Nothing], identity="7@another-machine"):
        await temporal_client.execute_workflow("_Nothing", id=queue, task_queue=queue)

        done = await _check(temporal_client, queue)

    assert (done.returncode, done.stderr) == (1, "no worker of this machine has polled lately\n")


def test_a_temporal_that_is_away_is_no_health() -> None:
    done = _check_at("127.0.0.1:1", "failover")

    assert done.returncode == 1
    assert done.stderr.startswith("Temporal does not answer")
