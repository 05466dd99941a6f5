"""What the open failovers of other VMs are about to take: one snapshot per disk, a drill a clone as well."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from sqlalchemy import update

from database import (
    Database,
    LeaseRepository,
    ReplicationRepository,
    RunRepository,
    RunStart,
    RunState,
    context_resource,
)
from database.own_tables import runs as own_runs
from database.tables import vm_disks
from tests.support.field_rows import add_context, add_rows, counted

NOW = datetime(2025, 9, 24, 12, 30, tzinfo=UTC)
LIVE, TEST = "live", "test"


async def a_vm(database: Database, context_id: str, *sizes: int) -> None:
    """Write a VM with disks of these sizes in GiB."""
    await add_context(database, context_id)
    await add_rows(
        database,
        vm_disks,
        *(
            {"vm_context_id": context_id, "disk_id": f"disk-{number}", "size_gb": size}
            for number, size in enumerate(sizes)
        ),
    )


async def a_run(
    database: Database,
    context_id: str,
    failover_type: str,
    state: RunState,
    request: Mapping[str, object] = MappingProxyType({}),
) -> str:
    """Begin a run that holds its VM, and return its id."""
    workflow_id = f"{failover_type}-{context_id}"
    runs = RunRepository(database)
    await LeaseRepository(database).acquire(
        resource=context_resource(context_id, failover_type),
        owner=workflow_id,
        context_id=context_id,
        failover_type=failover_type,
        now=NOW,
    )
    await runs.begin(RunStart(workflow_id, "r", context_id, "v", "u", failover_type, NOW, request))
    await runs.set_state(workflow_id, state, at=NOW)
    return workflow_id


async def sums(database: Database, context_id: str, workflow_id: str = "") -> tuple[int, int, int]:
    found = await ReplicationRepository(database).facts(context_id, workflow_id=workflow_id)
    return found.in_flight_snapshots, found.in_flight_snapshot_gib, found.in_flight_clone_gib


COUNTED: tuple[tuple[str, RunState, Mapping[str, object], tuple[int, int, int]], ...] = (
    (LIVE, RunState.ACCEPTED, {}, (2, 50, 0)),
    (LIVE, RunState.PLANNED, {"disks": "replicated"}, (2, 50, 0)),
    (TEST, RunState.VM_CREATED, {}, (2, 50, 50)),
    (TEST, RunState.ACCEPTED, {"waive_snapshots": True}, (2, 50, 50)),
    # It makes none.
    (LIVE, RunState.ACCEPTED, {"waive_snapshots": True, "reason": "r"}, (0, 0, 0)),
    (LIVE, RunState.ACCEPTED, {"disks": "none"}, (0, 0, 0)),
    (TEST, RunState.PLANNED, {"disks": "none"}, (0, 0, 0)),
    # What it made is in CloudStack's own numbers by then, or it makes no more.
    (LIVE, RunState.STARTING, {}, (0, 0, 0)),
    (LIVE, RunState.HELD, {}, (0, 0, 0)),
    (TEST, RunState.UNDOING, {}, (0, 0, 0)),
    (TEST, RunState.COMPLETED, {}, (0, 0, 0)),
)


async def test_a_run_counts_while_it_has_yet_to_take_something(field_database: Database) -> None:
    await a_vm(field_database, "ctx-a", 7)
    await a_vm(field_database, "ctx-b", 40, 10)

    for failover_type, state, request, expected in COUNTED:
        workflow_id = await a_run(field_database, "ctx-b", failover_type, state, request)
        assert await sums(field_database, "ctx-a") == expected, (failover_type, state, request)
        await RunRepository(field_database).finish(workflow_id, RunState.FAILED, finished_at=NOW)


async def test_the_sums_are_over_all_others_and_cost_the_same_however_many(field_database: Database) -> None:
    for context_id, size in (("ctx-a", 7), ("ctx-b", 40), ("ctx-c", 5)):
        await a_vm(field_database, context_id, size, size)
    ours = await a_run(field_database, "ctx-a", LIVE, RunState.PLANNED)
    await a_run(field_database, "ctx-b", LIVE, RunState.PLANNED)
    with counted(field_database) as few:
        assert await sums(field_database, "ctx-a") == (2, 80, 0)
    await a_run(field_database, "ctx-c", TEST, RunState.PLANNED)
    await a_run(field_database, "ctx-a", TEST, RunState.PLANNED)

    with counted(field_database) as many:
        assert await sums(field_database, "ctx-a") == (4, 90, 10)
    assert len(few) == len(many)
    # With a name, only the run of that name is left out: a drill of the same VM counts.
    assert await sums(field_database, "ctx-a", ours) == (6, 104, 24)


async def test_clones_and_the_vms_that_are_not_yet_made_are_counted(field_database: Database) -> None:
    await a_vm(field_database, "ctx-a", 7)
    await a_vm(field_database, "ctx-b", 40, 10)
    await a_vm(field_database, "ctx-c", 5)

    async def more() -> tuple[int, int]:
        found = await ReplicationRepository(field_database).facts("ctx-a")
        return found.in_flight_clones, found.in_flight_vms

    await a_run(field_database, "ctx-b", TEST, RunState.PLANNED)
    assert await more() == (2, 1)
    live = await a_run(field_database, "ctx-c", LIVE, RunState.ACCEPTED, {"disks": "none"})
    assert await more() == (2, 2), "a rehearsal makes a VM, too"
    await RunRepository(field_database).set_state(live, RunState.VM_CREATED, at=NOW)
    assert await more() == (2, 1)


async def test_a_run_whose_vm_another_holds_takes_nothing_more(field_database: Database) -> None:
    await a_vm(field_database, "ctx-a", 7)
    await a_vm(field_database, "ctx-b", 40)
    gone = await a_run(field_database, "ctx-b", LIVE, RunState.PLANNED)

    await LeaseRepository(field_database).release(gone)

    assert await sums(field_database, "ctx-a") == (0, 0, 0)


async def test_a_run_of_an_older_version_kept_no_request_and_counts(field_database: Database) -> None:
    await a_vm(field_database, "ctx-a", 7)
    await a_vm(field_database, "ctx-b", 40)
    await a_run(field_database, "ctx-b", LIVE, RunState.PLANNED)
    async with field_database.write() as connection:
        await connection.execute(update(own_runs).values(request=None))

    assert await sums(field_database, "ctx-a") == (1, 40, 0)
