"""``worker.py`` on an appliance: a real process, Temporal, a real command, and whatever can be killed."""

import shlex
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutType
from temporalio.exceptions import TimeoutError as StepTimeout
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.messages.conversion import (
    ConversionReport,
    ConversionWorker,
    ConvertRequest,
    ProbeRequest,
)
from rules.temporal_names import conversion_queue
from tests.conversion.bench import (
    CONVERTS,
    SIGNATURE,
    VOLUME,
    WRITERS,
    WRITES_FOR_EVER,
    Bench,
    alive,
    all_gone,
    lies_still,
)
from tests.support.restartable import temporal_with_a_file
from tests.support.worker_process import WorkerProcess, worker_process

_HEARTBEAT = 2.0


@workflow.defn(name="ConvertOnce")
class ConvertOnce:
    """Asks the appliance as a failover does: once, with a heartbeat."""

    @workflow.run
    async def run(self, request: ConvertRequest, seconds: float) -> ConversionReport:
        report: ConversionReport = await workflow.execute_activity(
            "ConvertGuestActivity",
            request,
            result_type=ConversionReport,
            task_queue=conversion_queue(request.appliance_vm_id),
            start_to_close_timeout=timedelta(seconds=seconds),
            heartbeat_timeout=timedelta(seconds=_HEARTBEAT),
            retry_policy=RetryPolicy(maximum_attempts=1),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        return report


@workflow.defn(name="Probe")
class Probe:
    """Asks whether anybody is there."""

    @workflow.run
    async def run(self, appliance: str) -> ConversionWorker:
        answer: ConversionWorker = await workflow.execute_activity(
            "ProbeConversionActivity",
            ProbeRequest(appliance_vm_id=appliance),
            result_type=ConversionWorker,
            task_queue=conversion_queue(appliance),
            start_to_close_timeout=timedelta(seconds=30),
        )
        return answer


class Appliance:
    """An appliance with its worker, and who asks it."""

    def __init__(self, client: Client, bench: Bench, name: str, worker: WorkerProcess) -> None:
        self.client = client
        self.bench = bench
        self.name = name
        self.worker = worker

    async def ask(self, seconds: float = 60) -> WorkflowHandle[Any, ConversionReport]:
        request = ConvertRequest(
            workflow_id="w", appliance_vm_id=self.name, volume_id=VOLUME, timeout_seconds=60
        )
        return await self.client.start_workflow(
            "ConvertOnce",
            args=[request, seconds],
            id=f"convert-{self.name}",
            task_queue=self.name,
            result_type=ConversionReport,
        )

    async def cause(self, asked: WorkflowHandle[Any, ConversionReport]) -> BaseException | None:
        """Wait for its failure, and return what the activity failed with."""
        with pytest.raises(WorkflowFailureError) as caught:
            await asked.result()
        assert isinstance(caught.value.cause, ActivityError), caught.value.cause
        return caught.value.cause.cause


@asynccontextmanager
async def appliance(client: Client, bench: Bench, body: str, **changes: str) -> AsyncIterator[Appliance]:
    """Run the worker of an appliance as an operator does, with the settings of its file and no others."""
    name = str(uuid.uuid4())
    settings = {
        "FAILOVER_CONVERSION_APPLIANCE_ID": name,
        "FAILOVER_CONVERSION_COMMAND": shlex.join(bench.command(body)),
        "FAILOVER_CONVERSION_DEVICE_DIRECTORY": bench.places.devices,
        "FAILOVER_CONVERSION_LOCK_DIRECTORY": bench.places.locks,
        "FAILOVER_CONVERSION_PATIENCE_SECONDS": "0.1",
        "FAILOVER_CONVERSION_GRACE_SECONDS": "0.5",
        "FAILOVER_SHUTDOWN_SECONDS": "0.5",
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
    } | changes
    asking = Worker(
        client, task_queue=name, workflows=[ConvertOnce, Probe], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with asking, worker_process(bench.folder, settings) as worker:
        await worker.work()
        yield Appliance(client, bench, name, worker)


async def test_it_converts_without_database_and_keys_and_ends_well(
    temporal_client: Client, bench: Bench
) -> None:
    async with appliance(temporal_client, bench, CONVERTS) as here:
        probed = await temporal_client.execute_workflow(
            "Probe", here.name, id=f"probe-{here.name}", task_queue=here.name, result_type=ConversionWorker
        )
        report = await (await here.ask()).result()
        here.worker.send(signal.SIGTERM)
        assert await here.worker.end() == 0

    assert probed.problem == ""
    assert report.device == str(bench.image)
    assert bench.image.read_bytes().startswith(SIGNATURE)
    (started,) = [one for one in here.worker.events() if one["event"] == "worker_started"]
    assert started["task_queue"] == f"failover-appliance-{here.name}"


async def test_a_worker_that_cannot_convert_serves_and_says_why(
    temporal_client: Client, bench: Bench
) -> None:
    missing = {"FAILOVER_CONVERSION_COMMAND": "no-such-program-zq9 -i disk"}
    async with appliance(temporal_client, bench, CONVERTS, **missing) as here:
        probed = await temporal_client.execute_workflow(
            "Probe", here.name, id=f"probe-{here.name}", task_queue=here.name, result_type=ConversionWorker
        )

    assert probed.problem == "no program no-such-program-zq9 that can be run"
    assert [one["problem"] for one in here.worker.events() if one["event"] == "conversion_unavailable"]


async def test_a_worker_that_is_killed_takes_every_process_with_it(
    temporal_client: Client, bench: Bench
) -> None:
    async with appliance(temporal_client, bench, WRITES_FOR_EVER) as here:
        asked = await here.ask()
        pids = await bench.begun(*WRITERS)
        await here.worker.kill()
        await all_gone(pids)
        still = lies_still(bench.image)
        cause = await here.cause(asked)

    assert bench.written()
    assert still
    assert isinstance(cause, StepTimeout)
    assert cause.type is TimeoutType.HEARTBEAT


async def test_a_cancel_is_answered_when_all_of_it_has_ended(temporal_client: Client, bench: Bench) -> None:
    async with appliance(temporal_client, bench, WRITES_FOR_EVER) as here:
        asked = await here.ask()
        pids = await bench.begun(*WRITERS)
        await asked.cancel()
        with pytest.raises(WorkflowFailureError) as caught:
            await asked.result()
        assert not [pid for pid in pids if alive(pid)]

    assert isinstance(caught.value.cause, CancelledError)


async def test_a_worker_that_is_told_to_end_reports_the_interruption(
    temporal_client: Client, bench: Bench
) -> None:
    async with appliance(temporal_client, bench, WRITES_FOR_EVER) as here:
        asked = await here.ask()
        pids = await bench.begun(*WRITERS)
        here.worker.send(signal.SIGTERM)
        assert await here.worker.end() == 0
        assert not [pid for pid in pids if alive(pid)]
        cause = await here.cause(asked)

    assert isinstance(cause, ApplicationError)
    assert (cause.type, list(cause.details)) == ("StepTimedOut", [])


async def test_an_activity_that_the_server_gave_up_is_ended(temporal_client: Client, bench: Bench) -> None:
    """The workflow goes on after a timeout: the worker, which lives, must not go on as well."""
    async with appliance(temporal_client, bench, WRITES_FOR_EVER) as here:
        asked = await here.ask(seconds=2)
        pids = await bench.begun(*WRITERS)
        cause = await here.cause(asked)
        await all_gone(pids)

    assert isinstance(cause, StepTimeout)
    assert cause.type is TimeoutType.START_TO_CLOSE


async def test_without_temporal_the_command_ends_too(temporal_cli: Path, tmp_path: Path) -> None:
    """Nobody can say whether the activity is still ours, and the server may give it up when it is back."""
    (tmp_path / "server").mkdir()
    (tmp_path / "bench").mkdir()
    bench = Bench(tmp_path / "bench")
    async with (
        temporal_with_a_file(temporal_cli, tmp_path / "server") as (server, client),
        appliance(client, bench, WRITES_FOR_EVER) as here,
    ):
        asked = await here.ask()
        pids = await bench.begun(*WRITERS)
        await server.stop()
        await all_gone(pids)
        await server.start()
        cause = await here.cause(asked)

    assert isinstance(cause, StepTimeout | ApplicationError)
