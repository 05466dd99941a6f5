"""A failover told to its end: what it says of itself beside what is there, and the two compared."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError

from database import Database, LeaseRepository, RunRecord, RunState, SchemaGeneration, VmState
from database.engine import make_engine
from rules.outcomes import FailoverResult, FailureReport
from simulators.cloudstack import Fault, sample
from simulators.cloudstack.entities import Vm
from simulators.cloudstack.entities import VmState as CloudVmState
from tests.faults.gate import Gate, client_with
from tests.support.schemas import create_field_schema
from tests.support.site import LIVE, Site, open_site

Handle = WorkflowHandle[Any, FailoverResult]
COMPLETED = "completed"
CANCELLED = "Cancelled"
RUNNING, STOPPED, DESTROYED, ERROR = (
    state.value
    for state in (CloudVmState.RUNNING, CloudVmState.STOPPED, CloudVmState.DESTROYED, CloudVmState.ERROR)
)

_PATIENCE = 90
# Many sites share this process: what a test does not want to see expire must not expire when it is busy.
CALM = {
    "FAILOVER_CREATE_EXPIRY_SECONDS": 10,
    "FAILOVER_HEARTBEAT_SECONDS": 10,
    "CLOUDSTACK_TIMEOUT_SECONDS": 10,
}
OPENING = asyncio.Lock()
"""Held while a database is migrated or opened: Alembic and the filters of warnings are one per process."""


@dataclass(frozen=True)
class Machine:
    """A VM in CloudStack at the end of a story, whoever made it."""

    id: str
    name: str
    state: str
    networks: tuple[str, ...]
    macs: tuple[str, ...]
    details: Mapping[str, str]


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        type: ``completed``, ``Cancelled``, or the type of the error.
        vms: What exists afterwards, in whatever state; what was there before the run excepted.
        commands: Every command that CloudStack got, in order.
        leases: Rows of ``failover_leases`` that are left.
        activities: The names of those that it called.
    """

    type: str
    message: str
    workflow_id: str
    result: FailoverResult | None
    report: FailureReport | None
    record: RunRecord | None
    vms: tuple[Machine, ...]
    commands: tuple[str, ...]
    leases: tuple[str, ...]
    activities: frozenset[str]

    @property
    def states(self) -> tuple[str, ...]:
        """The states of the VMs, oldest first: how many there are, and what of."""
        return tuple(vm.state for vm in self.vms)

    def count(self, command: str) -> int:
        """How often CloudStack got a command."""
        return self.commands.count(command)


async def the_end_of(site: Site, handle: Handle, strangers: frozenset[str] = frozenset()) -> Ended:
    """Wait for the end of a run, look at what is there, and check that the run says no other thing.

    Args:
        site: Where it runs.
        handle: The run.
        strangers: Ids of VMs that were there before it.
    """
    result, error_type, message, report = None, COMPLETED, "", None
    try:
        result = await asyncio.wait_for(handle.result(), _PATIENCE)
    except WorkflowFailureError as error:
        cause = error.cause
        if isinstance(cause, CancelledError):
            error_type, message = CANCELLED, cause.message
        else:
            assert isinstance(cause, ApplicationError), f"no typed error: {cause!r}"
            error_type, message = cause.type or "", cause.message
            report = FailureReport.model_validate(cause.details[0]) if cause.details else None
    async with OPENING:
        record = await site.record(handle.id)
    ended = Ended(
        type=error_type,
        message=message,
        workflow_id=handle.id,
        result=result,
        report=report,
        record=record,
        vms=tuple(machine(vm) for vm in site.vms() if vm.id not in strangers),
        commands=tuple(call.command for call in site.cloud.calls),
        leases=await lease_owners(site),
        activities=await _activities_of(handle),
    )
    assert_it_says_what_is(ended)
    return ended


async def _activities_of(handle: Handle) -> frozenset[str]:
    history = await handle.fetch_history()
    return frozenset(
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    )


def machine(vm: Vm) -> Machine:
    """A VM as it is now."""
    return Machine(
        id=vm.id,
        name=vm.name,
        state=vm.state.value,
        networks=tuple(nic.network.id for nic in vm.nics),
        macs=tuple(nic.mac for nic in vm.nics),
        details=dict(vm.details),
    )


async def lease_owners(site: Site) -> tuple[str, ...]:
    """The owners of all leases."""
    engine = make_engine(site.url, pool_size=1)
    try:
        async with engine.connect() as connection:
            rows = await connection.execute(text("SELECT owner_workflow_id FROM failover_leases"))
            return tuple(str(row[0]) for row in rows)
    finally:
        await engine.dispose()


def assert_it_says_what_is(ended: Ended) -> None:
    """Compare what a run says of itself with what CloudStack and the database hold."""
    assert ended.workflow_id not in ended.leases, "an ended run gives its lease back"
    if ended.result is not None:
        _assert_the_result_is_true(ended, ended.result)
    elif ended.record is not None:
        _assert_the_failure_is_true(ended, ended.record)
    else:
        assert ended.vms == (), "nothing is made before the run stands in the database"


def _assert_the_result_is_true(ended: Ended, result: FailoverResult) -> None:
    running = [vm for vm in ended.vms if vm.state == RUNNING]
    assert [vm.id for vm in running] == [result.vm.id]
    (vm,) = running
    assert (vm.name, vm.state) == (result.vm.name, result.vm.state)
    assert vm.networks == tuple(nic.network_id for nic in result.vm.nics)
    assert vm.macs == tuple(nic.mac_address for nic in result.vm.nics)
    assert vm.networks == tuple(one.destination_network_id for one in result.decisions if one.connected)
    assert ended.record is not None
    assert (ended.record.state, ended.record.vm_state) == (RunState.COMPLETED, VmState.RUNNING)
    assert ended.record.vm_id == vm.id


def _assert_the_failure_is_true(ended: Ended, record: RunRecord) -> None:
    report = ended.report
    if report is None:
        # A cancelled workflow carries no details: what it left stands in the database.
        assert record.result is not None
        report = FailureReport.model_validate(record.result)
    said = {vm.id: _said_of(vm, report) for vm in ended.vms}
    assert all(said.values()), f"not named: {[vm for vm in ended.vms if not said[vm.id]]}; {report}"
    for line in (*report.removed, *report.left_behind):
        if line not in said.values():
            assert "expunged" in line or "no longer" in line, f"{line!r} is not there"
    assert bool(report.left_behind) is ("Left behind" in ended.message) or ended.report is None
    if not report.left_behind:
        assert record.vm_state in (VmState.REMOVED, VmState.NONE)
    assert record.failure_type == ("" if ended.type == CANCELLED else ended.type)


def _said_of(vm: Machine, report: FailureReport) -> str:
    lines = report.removed if vm.state == DESTROYED else report.left_behind
    named = (line for line in lines if vm.name in line and (vm.id in line or "may have made" in line))
    return next(named, "")


@dataclass
class Stage:
    """Where a story is played.

    Attributes:
        gate: Holds back the activity that the story names, if it names one.
        strangers: Ids of the VMs that are not this failover's.
    """

    site: Site
    story: "Story"
    gate: Gate
    strangers: set[str] = field(default_factory=set)

    async def start(self, request: object = None, *, workflow_id: str = "") -> Handle:
        """Start a failover, the story's own unless another is asked for."""
        return await self.site.start(request or self.story.request, workflow_id=workflow_id)

    async def end_of(self, handle: Handle) -> Ended:
        """Wait for the end of a failover."""
        return await the_end_of(self.site, handle, frozenset(self.strangers))

    async def ends_of(self, *handles: Handle) -> list[Ended]:
        """Wait for the end of failovers that run beside one another: the VMs of the others are strangers."""
        await asyncio.gather(*(one.result() for one in handles), return_exceptions=True)
        return [
            await the_end_of(
                self.site,
                handle,
                frozenset(vm.id for vm in self.site.vms() if vm.details.get("failoverworkflow") != handle.id),
            )
            for handle in handles
        ]

    async def run(self, request: object = None, *, workflow_id: str = "") -> Ended:
        """Start a failover and wait for its end."""
        return await self.end_of(await self.start(request, workflow_id=workflow_id))

    async def until_called(self, command: str, times: int = 1) -> None:
        """Wait until CloudStack got a command."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                if len(self.site.cloud.calls_of(command)) >= times:
                    return
                await asyncio.sleep(0.02)

    async def until_sleeping(self, handle: Handle) -> None:
        """Wait until a run waits for a timer."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                history = await handle.fetch_history()
                if history.events[-1].HasField("timer_started_event_attributes"):
                    return
                await asyncio.sleep(0.05)

    @contextlib.asynccontextmanager
    async def open_run(self) -> AsyncIterator[WorkflowHandle[Any, Any]]:
        """A failover that does not end: no worker serves it."""
        handle = await self.site.client.start_workflow(
            "FailoverWorkflow",
            dict(LIVE),
            id=f"{self.site.task_queue}-open",
            task_queue=f"{self.site.task_queue}-without-a-worker",
        )
        yield handle
        await handle.terminate()

    async def add_lease(self, resource: str, *, owner: str) -> None:
        """Give a lease to somebody, as if a run of theirs had taken it."""
        async with OPENING:
            database = await Database.open(self.site.url, pool_size=1)
        try:
            await LeaseRepository(database).acquire(
                resource=resource,
                owner=owner,
                context_id="another-context",
                failover_type="live",
                now=datetime.now(UTC),
            )
        finally:
            await database.close()

    def add_stranger(self, name: str, *network_ids: str, **how: Any) -> Vm:  # noqa: ANN401 - whatever a VM takes
        """Put somebody else's VM into the cloud."""
        world = self.site.cloud.world
        vm = world.add_vm(name, [world.networks[one] for one in network_ids], **how)
        self.strangers.add(vm.id)
        return vm


async def run_to_the_end(stage: Stage) -> Ended:
    """The plot of most stories."""
    return await stage.run()


@dataclass(frozen=True)
class Story:
    """One row of a table: what goes wrong, how the failover ends, and what exists afterwards.

    Attributes:
        title: The row's test id.
        faults: What goes wrong; copied for every telling.
        ends: ``completed``, ``Cancelled`` or the type of the error.
        vms: The states of all VMs that exist afterwards and are the failover's, oldest first.
        submits: How many calls CloudStack got of the command that the table is about; None where that is
            not the point.
        settings: Of the worker.
        plain: Whether the worker has a key that may not choose ids.
        project: Whether the VMs are a project's, which has the networks too.
        gate: The activity that is held back, see ``Gate``.
        generation: Of the tables that are there before ours; None for what Alembic makes.
        plot: Plays it, once the worker runs.
    """

    title: str
    faults: tuple[Fault, ...] = ()
    ends: str = COMPLETED
    vms: tuple[str, ...] = (RUNNING,)
    submits: int | None = None
    request: dict[str, Any] = field(default_factory=lambda: dict(LIVE))
    settings: dict[str, Any] = field(default_factory=dict)
    plain: bool = False
    project: bool = False
    gate: tuple[str, int] = ("", 1)
    generation: SchemaGeneration | None = None
    plot: Callable[[Stage], Awaitable[Ended]] = run_to_the_end

    def __str__(self) -> str:
        return self.title


async def tell(story: Story, client: Client, folder: Path) -> Ended:
    """Play a story on a site of its own."""
    gate = Gate(*story.gate)
    client = client_with(client, gate)
    async with site_for(client, folder, plain=story.plain, generation=story.generation) as site:
        if story.project:
            work_for_a_project(site)
        for fault in story.faults:
            site.cloud.faults.add(replace(fault))
        async with OPENING:
            await site.start_worker(**CALM | story.settings)
        return await story.plot(Stage(site, story, gate))


@contextlib.asynccontextmanager
async def site_for(
    client: Client, folder: Path, *, plain: bool = False, generation: SchemaGeneration | None = None
) -> AsyncIterator[Site]:
    """Open a site on SQLite without a worker; ``plain`` gives it the keys of an ordinary user."""
    url = f"sqlite+aiosqlite:///{folder / 'site.db'}"
    if generation is not None:
        await create_field_schema(url, generation)
    async with contextlib.AsyncExitStack() as stack:
        async with OPENING:
            site = await stack.enter_async_context(open_site(client, url))
        if plain:
            await use_the_plain_key(site)
        yield site


async def use_the_plain_key(site: Site) -> None:
    """Let the site work with the keys of an ordinary user, to whom its networks belong."""
    await site.sql("UPDATE ossea_configs SET api_key = '', secret_key = ''")
    site.settings |= {"CLOUDSTACK_KEY": sample.PLAIN.key, "CLOUDSTACK_SECRET": sample.PLAIN.secret}
    for network in site.cloud.world.networks.values():
        if network.account is not None:
            network.account = site.cloud.world.plain


PROJECT_ID = "f3f0c5a8-35e1-4e0e-bd7c-1e5a0f7a2c11"


def work_for_a_project(site: Site) -> None:
    """Let a project own what the site makes and the networks; both keys may act for it."""
    world = site.cloud.world
    project = world.add_project("disaster-recovery", members=(world.plain.name,), project_id=PROJECT_ID)
    site.settings["FAILOVER_OWNER_PROJECT_ID"] = PROJECT_ID
    for network in world.networks.values():
        if network.account is not None:
            network.account = project
