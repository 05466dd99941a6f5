"""How a worker ends that was at work: what killed it decides its exit code, never the way out."""

import asyncio
import signal
from pathlib import Path

import pytest
from temporalio.client import Client

from tests.support.worker_process import WorkerProcess, worker_process

# A real poll failure takes the SDK two minutes to give up on (measured with a namespace that was deleted:
# exit code 1, "Activity worker failed"). Here the same error comes at once.
_BROKEN = """
import asyncio
import worker

class Broken:
    def __init__(self):
        self.stopped = asyncio.Event()

    async def run(self):
        if {waits}:
            await self.stopped.wait()
        raise RuntimeError("Activity worker failed")

    async def shutdown(self):
        self.stopped.set()

worker.make_worker = lambda *_: Broken()
worker.exit_with(worker.main())
"""


def _settings(client: Client, folder: Path) -> dict[str, str]:
    return {
        "FAILOVER_DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'worker.db'}",
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
    }


async def _fails(worker: WorkerProcess) -> None:
    assert await worker.end() == 1
    assert "The worker failed.\n  Activity worker failed" in worker.output
    assert "worker_stopped" not in worker.output


async def test_a_fatal_error_ends_the_process_with_code_1(temporal_client: Client, tmp_path: Path) -> None:
    program = ("-c", _BROKEN.format(waits=False))
    async with worker_process(tmp_path, _settings(temporal_client, tmp_path), program=program) as worker:
        await worker.start()
        await _fails(worker)


async def test_a_fatal_error_that_races_with_sigterm_is_not_taken_for_a_good_end(
    temporal_client: Client, tmp_path: Path
) -> None:
    program = ("-c", _BROKEN.format(waits=True))
    async with worker_process(tmp_path, _settings(temporal_client, tmp_path), program=program) as worker:
        await worker.work()
        worker.send(signal.SIGTERM)
        await _fails(worker)


async def test_many_ends_in_a_row_all_have_code_0(
    temporal_client: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An interpreter that shuts down beside the SDK's threads aborts now and then (measured)."""

    async def life(folder: Path) -> int:
        async with worker_process(folder, _settings(temporal_client, folder)) as worker:
            await worker.work()
            worker.send(signal.SIGTERM)
            return await worker.end()

    codes = await asyncio.gather(*(life(tmp_path_factory.mktemp("life")) for _ in range(3)))
    assert codes == [0, 0, 0]
