"""A database with one protected VM, the agent that knows it, and the system that replicates it: all real."""

import asyncio
import dataclasses
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from aiohttp import ClientSession
from sqlalchemy import insert, select, update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.final_sync import FinalSyncActivities
from activities.watch_sync import WatchSyncActivities
from database import CredentialRepository, Database, ReplicationRepository, migrate
from database.tables import (
    cbt_history,
    replication_jobs,
    vm_disks,
    vm_replication_contexts,
    vmware_credentials,
)
from replication import ReplicationClient
from rules.context import DestinationConfig, VMContext
from rules.disks import ReplicationFacts
from simulators.replication import ReplicationSimulator, SqlRecords
from simulators.vma import VmaSimulator, sample, sample_vcenters
from tests.vma.odd_agent import OddAgent
from vma import VmaClient

T = TypeVar("T")

TOKEN = "a-made-up-token-of-replication"
DISKS = ("disk-2000", "disk-2001")
CONTEXT = VMContext(
    context_id="ctx-pgtest1",
    vm_name="pgtest1",
    vmware_vm_id=sample.PGTEST1_ID,
    vcenter_host=sample.VCENTER_HOST,
    datacenter=sample.DATACENTER,
    credential_id=7,
    ossea_config_id=3,
)
DESTINATION = DestinationConfig(
    config_id=3,
    name="cloud",
    api_url="http://cloud.example/client/api",
    zone="zone1",
    template_id="t",
    service_offering_id="o",
)


@dataclass
class Place:
    """What a final sync meets, and what a test asks of it.

    Attributes:
        looks: How often the database was read.
    """

    database: Database
    vma: VmaSimulator
    replication: ReplicationSimulator
    session: ClientSession
    looks: int = 0
    starts: FinalSyncActivities = field(init=False)
    watches: WatchSyncActivities = field(init=False)

    def __post_init__(self) -> None:
        self.connect(ReplicationClient(self.replication.url, self.session, token=TOKEN, timeout_seconds=5))

    def connect(self, client: ReplicationClient | None, vma: VmaClient | None = None) -> None:
        """Make the activities anew on another client."""
        agent = vma or VmaClient(self.vma.url, self.session, timeout_seconds=5)
        self.starts = FinalSyncActivities(client, self.facts, agent, CredentialRepository(self.database))
        self.watches = WatchSyncActivities(client, self.facts)

    async def facts(self, context_id: str) -> ReplicationFacts:
        self.looks += 1
        return await ReplicationRepository(self.database).facts(context_id, DESTINATION.config_id)

    async def completed_before(self, job_id: str = "job-before") -> str:
        """Give the VM a sync that completed long ago."""
        async with self.database.write() as connection:
            await connection.execute(
                insert(replication_jobs).values(
                    id=job_id, vm_context_id=CONTEXT.context_id, status="completed"
                )
            )
            for disk in DISKS:
                await connection.execute(
                    insert(cbt_history).values(job_id=job_id, disk_id=disk, sync_success=1)
                )
            await connection.execute(
                update(vm_replication_contexts).values(last_successful_job_id=job_id, current_job_id=None)
            )
        return job_id

    async def row(self, job_id: str, **values: object) -> None:
        """Change a job's row behind everybody's back."""
        async with self.database.write() as connection:
            await connection.execute(
                update(replication_jobs).where(replication_jobs.c.id == job_id).values(**values)
            )

    async def context_says(self, **values: object) -> None:
        async with self.database.write() as connection:
            await connection.execute(update(vm_replication_contexts).values(**values))

    async def job_rows(self) -> dict[str, str]:
        """Status by job, the oldest first."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(replication_jobs.c.id, replication_jobs.c.status).order_by(replication_jobs.c.id)
            )
            return {row.id: row.status for row in rows}


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture(scope="session")
async def protected_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the protected VM, for tests to copy: the migrations take longer than they do."""
    file = tmp_path_factory.mktemp("replication") / "site.db"
    url = f"sqlite+aiosqlite:///{file}"
    await migrate(url)
    made = await Database.open(url, pool_size=1)
    await protect(made)
    await made.close()
    return file


@pytest.fixture
async def database(protected_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    copy = shutil.copy(protected_file, tmp_path / "site.db")
    made = await Database.open(f"sqlite+aiosqlite:///{copy}", pool_size=2)
    yield made
    await made.close()


async def protect(database: Database) -> None:
    """Give a database the protected VM of these tests."""
    async with database.write() as connection:
        await connection.execute(
            insert(vmware_credentials).values(
                id=7,
                credential_name="site",
                vcenter_host=sample.VCENTER_HOST,
                username=sample.VCENTER_USERNAME,
                password_encrypted=f"TEMP_PLAINTEXT_{sample.VCENTER_PASSWORD}",
                datacenter=sample.DATACENTER,
                is_default=0,
            )
        )
        await connection.execute(
            insert(vm_replication_contexts).values(
                context_id=CONTEXT.context_id,
                vm_name=CONTEXT.vm_name,
                vmware_vm_id=CONTEXT.vmware_vm_id,
                vm_path="/DC1/vm/pgtest1",
                vcenter_host=CONTEXT.vcenter_host,
                datacenter=CONTEXT.datacenter,
                credential_id=7,
                scheduler_enabled=0,
            )
        )
        for disk in DISKS:
            await connection.execute(insert(vm_disks).values(vm_context_id=CONTEXT.context_id, disk_id=disk))


@pytest.fixture
async def place(database: Database, session: ClientSession) -> AsyncIterator[Place]:
    vma = VmaSimulator(sample_vcenters())
    replication = ReplicationSimulator(
        SqlRecords(database.engine.url.render_as_string(hide_password=False)), token=TOKEN
    )
    await vma.start()
    await replication.start()
    yield Place(database, vma, replication, session)
    await replication.stop()
    await vma.stop()


@pytest.fixture
async def odd_system() -> AsyncIterator[OddAgent]:
    """A replication system that answers as a test tells it to."""
    made = OddAgent()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def odd_client(odd_system: OddAgent, session: ClientSession) -> ReplicationClient:
    return ReplicationClient(odd_system.url, session, token=TOKEN, timeout_seconds=5)


@dataclass
class Tries:
    """The tries of one activity: what the beats of one say is what the next one finds."""

    beats: list[tuple[Any, ...]] = field(default_factory=list)
    number: int = 0

    async def run(self, step: Callable[..., Coroutine[Any, Any, T]], request: object) -> T:
        return await self.begin().run(step, request)

    def begin(self) -> ActivityEnvironment:
        """Return where the next try runs."""
        self.number += 1
        made = ActivityEnvironment()
        handed_on = self.beats[-1] if self.beats else ()
        made.info = dataclasses.replace(made.info, attempt=self.number, heartbeat_details=handed_on)
        made.on_heartbeat = lambda *details: self.beats.append(details)
        return made


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what other tasks do."""
    while not condition():  # noqa: ASYNC110 - neither a database nor a heartbeat has an event to wait for
        await asyncio.sleep(0.005)


async def failing(what: Awaitable[object]) -> ApplicationError:
    """Return the typed failure of an activity."""
    with pytest.raises(ApplicationError) as caught:
        await what
    return caught.value


@pytest.fixture
def tries() -> Tries:
    return Tries()
