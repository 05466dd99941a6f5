"""The simulated replication system: its answers, its scheduler, and the rows that it writes."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from database import Database, ReplicationRepository
from database.tables import vm_disks
from rules.disks import ReplicationFacts
from simulators.replication import Fate, MemoryRecords, Protected, ReplicationSimulator, SqlRecords
from simulators.vma import sample
from tests.replication.conftest import CONTEXT, DISKS, protect, until
from tests.support.schemas import execute

ROOT = Path(__file__).parents[2]
VM = Protected("ctx-pgtest1", sample.PGTEST1_ID, "pgtest1", sample.VCENTER_HOST)
BODY = {
    "source_vm": {"id": sample.PGTEST1_ID},
    "ossea_config_id": 3,
    "vcenter_host": sample.VCENTER_HOST,
    "replication_type": "incremental",
}


class System(ReplicationSimulator):
    """With one VM in memory."""

    def __init__(self, session: ClientSession) -> None:
        self.memory = MemoryRecords([VM])
        super().__init__(self.memory)
        self.session = session

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        async with self.session.request(method, f"{self.url}{path}", json=body) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def system(session: ClientSession) -> AsyncIterator[System]:
    made = System(session)
    await made.start()
    yield made
    await made.stop()


async def test_one_job_at_a_time(system: System) -> None:
    status, first = await system.ask("POST", "/api/v1/replications", BODY)
    assert (status, first["status"]) == (201, "pending")
    assert (await system.ask("POST", "/api/v1/replications", BODY))[0] == 409
    while not system.jobs[str(first["job_id"])].ended:
        await system.ask("GET", f"/api/v1/replications/{first['job_id']}")
    assert system.memory.completed == {"ctx-pgtest1": first["job_id"]}
    assert (await system.ask("POST", "/api/v1/replications", BODY))[0] == 201


@pytest.mark.parametrize(
    "changed",
    (
        {"source_vm": {}},
        {"source_vm": "pgtest1"},
        {"vcenter_host": ""},
        {"ossea_config_id": None},
        {"source_vm": {"id": "nobody"}},
        {"vcenter_host": "another.example"},
    ),
)
async def test_what_it_does_not_start(system: System, changed: dict[str, object]) -> None:
    assert (await system.ask("POST", "/api/v1/replications", {**BODY, **changed}))[0] == 400
    assert system.jobs == {}


async def test_fates(system: System) -> None:
    system.next_job(Fate.FAILS, Fate.STICKS)
    _, failing = await system.ask("POST", "/api/v1/replications", BODY)
    job = system.jobs[str(failing["job_id"])]
    while not job.ended:
        await system.step(job)
    assert (job.status, job.error != "") == ("failed", True)
    _, stuck = await system.ask("POST", "/api/v1/replications", BODY)
    for _ in range(20):
        _, seen = await system.ask("GET", f"/api/v1/replications/{stuck['job_id']}")
    assert (seen["status"], seen["progress_percent"]) == ("replicating", 0)


async def test_the_scheduler_starts_what_is_switched_on_and_not_running(system: System) -> None:
    assert await system.tick() == []
    system.memory.schedulers_on.add("ctx-pgtest1")
    (job,) = await system.tick()
    assert job.scheduled
    assert await system.tick() == []


async def test_a_job_moves_by_itself_where_it_has_a_pace(session: ClientSession) -> None:
    system = System(session)
    system.step_seconds, system.step_on_look = 0.01, False
    await system.start()
    _, started = await system.ask("POST", "/api/v1/replications", BODY)
    await until(lambda: system.jobs[str(started["job_id"])].ended)
    await system.stop()


async def test_orders_over_http(system: System) -> None:
    status, state = await system.ask(
        "POST", "/simulator/faults", {"hang_seconds": 0.01, "next_job": ["fails"]}
    )
    assert (status, state["hang_seconds"]) == (200, 0.01)
    system.memory.schedulers_on.add("ctx-pgtest1")
    _, ticked = await system.ask("POST", "/simulator/tick")
    assert ticked == {"started": list(system.jobs)}
    assert next(iter(system.jobs.values())).fate is Fate.FAILS
    async with system.session.post(f"{system.url}/simulator/faults", json={"next_job": ["flies"]}) as answer:
        assert answer.status == 400
    with pytest.raises(ValueError, match="start, status"):
        system.lose("stop")


# The rows, as the product reads them


async def facts(database: Database) -> ReplicationFacts:
    return await ReplicationRepository(database).facts(CONTEXT.context_id, 3)


def _url(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


async def _life_of_a_job(database: Database, system: ReplicationSimulator) -> None:
    url = f"{system.url}/api/v1/replications"
    async with aiohttp.ClientSession() as session, session.post(url, json=BODY) as answer:
        assert answer.status == 201
    (job,) = system.jobs.values()
    found = await facts(database)
    assert found.running is not None
    assert (found.running.job_id, found.running.status) == (job.id, "pending")
    assert await system.records.current_job(CONTEXT.context_id) == job.id
    await system.step(job)
    found = await facts(database)
    assert found.running is not None
    assert (found.running.status, found.running.progress_percent) == ("replicating", 25.0)
    while not job.ended:
        await system.step(job)
    found = await facts(database)
    assert (found.running, found.torn_by) == (None, "")
    assert [disk.sync.job_id for disk in found.disks if disk.sync is not None] == [job.id, job.id]
    async with database.read() as connection:
        change_ids = await connection.execute(select(vm_disks.c.disk_change_id).order_by(vm_disks.c.disk_id))
        assert list(change_ids.scalars()) == [f"{job.id}/{disk}" for disk in DISKS]
    assert await system.records.current_job(CONTEXT.context_id) == ""


async def _a_job_that_fails(database: Database, system: ReplicationSimulator) -> None:
    before = await facts(database)
    await execute(
        _url(database),
        "UPDATE vm_replication_contexts SET scheduler_enabled = 1",
    )
    system.next_job(Fate.FAILS)
    (job,) = await system.tick()
    while not job.ended:
        await system.step(job)
    found = await facts(database)
    assert (found.running, found.torn_by) == (None, job.id)
    assert found.disks == before.disks


async def _a_scheduler_that_is_off(database: Database, system: ReplicationSimulator) -> None:
    await execute(
        _url(database),
        "UPDATE vm_replication_contexts SET scheduler_enabled = 0",
    )
    assert await system.tick() == []
    assert (await facts(database)).scheduler_enabled is False


async def _everything(database: Database) -> None:
    await protect(database)
    system = ReplicationSimulator(SqlRecords(_url(database)))
    await system.start()
    try:
        await _life_of_a_job(database, system)
        await _a_job_that_fails(database, system)
        await _a_scheduler_that_is_off(database, system)
    finally:
        await system.stop()


async def test_the_product_reads_what_it_writes(own_database: Database) -> None:
    await _everything(own_database)


async def test_the_product_reads_what_it_writes_in_the_field(field_database: Database) -> None:
    await _everything(field_database)


async def test_a_process_finds_vms_and_writes_jobs_in_a_database(database: Database) -> None:
    url = _url(database)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.replication", "--port", "0", "--database", url,
        "--steps", "2", "--step-seconds", "0.02",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    started = json.loads(await process.stdout.readline())
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{started['url']}/api/v1/replications", json=BODY) as answer,
    ):
        job_id = (await answer.json())["job_id"]
    async with asyncio.timeout(30):
        while any(disk.sync is None for disk in (await facts(database)).disks):  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.02)
    assert {disk.sync.job_id for disk in (await facts(database)).disks if disk.sync is not None} == {job_id}
    process.terminate()
    _, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
