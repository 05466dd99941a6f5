"""A whole site as a pytest plugin: both simulators, a seeded database, a worker, a real Temporal server.

``site`` runs on SQLite with the job sheet's schema; ``field_site`` on each database and schema generation.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import Worker

from activities.search_attributes import register_search_attributes
from database import Database, RunRecord, RunRepository, migrate
from embedded.sample_database import sample_site
from embedded.seed import PGTEST1_CONTEXT, seed_sample
from rules.outcomes import FailoverResult, FailureReport
from settings import WorkerSettings
from simulators.cloudstack import CloudStackSimulator, VmState
from simulators.cloudstack import sample as cloud_sample
from simulators.cloudstack.entities import Vm
from simulators.vma import VmaSimulator, sample_vcenters
from tests.support.schemas import execute
from worker import make_activities, make_worker
from workflows.surface import SEARCH_ATTRIBUTES

LIVE = {"context_id": PGTEST1_CONTEXT, "failover_type": "live"}
TEST = {"context_id": PGTEST1_CONTEXT, "failover_type": "test"}

_PATIENCE = 60
_numbers = itertools.count(1)
# The times of the product, short: no test waits for a clock longer than it must.
_QUICK = {
    # A network rehearsal, unless a test asks for more.
    "FAILOVER_DISKS": "none",
    "FAILOVER_JOB_POLL_SECONDS": 0.1,
    "FAILOVER_CREATE_EXPIRY_SECONDS": 2,
    "FAILOVER_CLOCK_SKEW_SECONDS": 0.5,
    "FAILOVER_START_BUDGET_SECONDS": 6,
    "FAILOVER_START_RETRY_SECONDS": 0.3,
    "FAILOVER_UNDO_BUDGET_SECONDS": 30,
    "FAILOVER_HEARTBEAT_SECONDS": 2,
    "FAILOVER_SHUTDOWN_SECONDS": 1,
    "VMA_TIMEOUT_SECONDS": 2,
    "CLOUDSTACK_TIMEOUT_SECONDS": 3,
}


@dataclass
class Site:
    """Everything that a failover meets, and what a test asks of it.

    Attributes:
        settings: Environment names to values, as for a worker process.
        workers: The worker that runs now, if any.
    """

    cloud: CloudStackSimulator
    vma: VmaSimulator
    client: Client
    url: str
    settings: dict[str, Any] = field(default_factory=dict)
    _worker: contextlib.AsyncExitStack | None = None

    @property
    def task_queue(self) -> str:
        """Each site has its own, so that what one test leaves open is nobody else's."""
        return str(self.settings["FAILOVER_TASK_QUEUE"])

    def environment(self) -> dict[str, str]:
        """The settings as a worker process gets them."""
        return {name: str(value) for name, value in self.settings.items()} | {"FAILOVER_ENV_FILE": ""}

    async def start_worker(self, **settings: Any) -> Worker:  # noqa: ANN401 - whatever a setting takes
        """Run a worker in this process, with other settings where given."""
        self.settings |= settings
        made = WorkerSettings(_env_file=None, **self.settings)
        stack = contextlib.AsyncExitStack()
        activities = await stack.enter_async_context(make_activities(made, self.client))
        worker = make_worker(made, self.client, activities)
        await stack.enter_async_context(worker)
        self._worker = stack
        return worker

    async def stop_worker(self) -> None:
        """Drain the worker and close what it holds."""
        stack, self._worker = self._worker, None
        if stack is not None:
            await stack.aclose()

    async def start(
        self, request: object = None, *, workflow_id: str = ""
    ) -> WorkflowHandle[Any, FailoverResult]:
        """Start a failover with plain JSON, as the command line does."""
        return await self.client.start_workflow(
            "FailoverWorkflow",
            LIVE if request is None else request,
            id=workflow_id or f"{self.task_queue}-run-{next(_numbers)}",
            task_queue=self.task_queue,
            result_type=FailoverResult,
        )

    async def run(self, request: object = None, *, workflow_id: str = "") -> FailoverResult:
        """Run a failover that completes."""
        handle = await self.start(request, workflow_id=workflow_id)
        return await asyncio.wait_for(handle.result(), _PATIENCE)

    async def run_failing(self, request: object = None, *, workflow_id: str = "") -> "Failed":
        """Run a failover that ends with a typed error."""
        return await failed(await self.start(request, workflow_id=workflow_id))

    def vms(self) -> list[Vm]:
        """The VMs that exist in CloudStack, in whatever state, expunged ones excepted."""
        return self.cloud.world.vms_existing()

    def running(self) -> list[Vm]:
        """Those that run."""
        return [vm for vm in self.vms() if vm.state is VmState.RUNNING]

    async def sql(self, *statements: str) -> None:
        """Change the database behind the product's back, as an operator or another system does."""
        await execute(self.url, *statements)

    async def record(self, workflow_id: str) -> RunRecord | None:
        """What the database keeps of a run."""
        database = await Database.open(self.url, pool_size=1)
        try:
            return await RunRepository(database).get(workflow_id)
        finally:
            await database.close()

    async def event_types(self, handle: WorkflowHandle[Any, Any]) -> list[str]:
        """Names of the activities that a run scheduled, in order."""
        history = await handle.fetch_history()
        return [
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in history.events
            if event.HasField("activity_task_scheduled_event_attributes")
        ]


@dataclass(frozen=True)
class Failed:
    """How a run ended that did not complete."""

    type: str
    message: str
    report: FailureReport | None


async def failed(handle: WorkflowHandle[Any, Any]) -> Failed:
    """Wait for the end of a run that does not complete."""
    try:
        result = await asyncio.wait_for(handle.result(), _PATIENCE)
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, CancelledError):
            return Failed("Cancelled", cause.message, None)
        assert isinstance(cause, ApplicationError), f"no typed error: {cause!r}"
        report = FailureReport.model_validate(cause.details[0]) if cause.details else None
        return Failed(cause.type or "", cause.message, report)
    raise AssertionError(f"the run completed: {result}")


async def activity_started(handle: WorkflowHandle[Any, Any], name: str) -> None:
    """Wait until an activity of this name is pending and a worker has begun it."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            description = await handle.describe()
            pending = description.raw_description.pending_activities
            if any(one.activity_type.name == name and one.HasField("last_started_time") for one in pending):
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def open_site(client: Client, url: str) -> AsyncIterator[Site]:
    """Start the simulators, seed the database and hand out a site without a worker."""
    cloud, vma = CloudStackSimulator(), VmaSimulator(sample_vcenters())
    await cloud.start()
    await vma.start()
    await migrate(url)
    database = await Database.open(url, pool_size=1)
    try:
        await seed_sample(database, sample_site(cloud.endpoint), now=datetime.now(UTC))
    finally:
        await database.close()
    settings: Mapping[str, Any] = {
        **_QUICK,
        "FAILOVER_DATABASE_URL": url,
        "FAILOVER_TASK_QUEUE": f"failover-{next(_numbers)}",
        "CLOUDSTACK_ENDPOINT": cloud.endpoint,
        "CLOUDSTACK_KEY": cloud_sample.ADMIN.key,
        "CLOUDSTACK_SECRET": cloud_sample.ADMIN.secret,
        "VMA_URL": vma.url,
    }
    site = Site(cloud, vma, client, url, dict(settings))
    try:
        yield site
    finally:
        await site.stop_worker()
        await vma.stop()
        await cloud.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def site(temporal_client: Client, tmp_path: Path) -> AsyncIterator[Site]:
    """A site with a worker, on SQLite."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with open_site(temporal_client, f"sqlite+aiosqlite:///{tmp_path / 'site.db'}") as made:
        await made.start_worker()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def field_site(temporal_client: Client, field_url: str) -> AsyncIterator[Site]:
    """A site with a worker, on each database and each schema generation that exists in the field."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with open_site(temporal_client, field_url) as made:
        await made.start_worker()
        yield made


def as_json(value: object) -> str:
    """Everything that a test searches for a text."""
    return json.dumps(value, default=str)
