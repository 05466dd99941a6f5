"""How the time of a VM ends after its run, who holds the context then, and what the appliance is told."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from database import (
    ContextRepository,
    Database,
    Ending,
    LeaseRepository,
    NetworkMappingRepository,
    RunRepository,
    RunStart,
    RunState,
    UnknownRun,
    VmState,
    context_resource,
    migrate,
    name_resource,
)
from database.own_tables import leases
from database.tables import failover_jobs, vm_replication_contexts
from tests.support.field_rows import add_context
from tests.support.leases import holder
from tests.support.schemas import execute

NOW = datetime(2025, 9, 24, 12, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
CONTEXT, NAME = context_resource("ctx-a", "live"), name_resource("pgtest1")


async def a_completed_run(database: Database, *, lease_to: str = "") -> RunRepository:
    """Record a live run of ctx-a that completed on net-1."""
    runs, owned = RunRepository(database), LeaseRepository(database)
    for resource in (CONTEXT, NAME):
        await owned.acquire(
            resource=resource, owner="wf", context_id="ctx-a", failover_type="live", now=NOW, token="first"
        )
    await runs.begin(RunStart("wf", "run-1", "ctx-a", "pgtest1", "uuid-1", "live", NOW))
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
    await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1")
    for _ in range(2):
        await runs.finish("wf", RunState.COMPLETED, finished_at=NOW, result_json="{}", lease_to=lease_to)
    return runs


async def job_status(database: Database) -> str:
    async with database.read() as connection:
        return str((await connection.execute(select(failover_jobs.c.status))).scalar_one())


async def test_a_completed_run_hands_the_context_over_and_gives_the_name_back(own_database: Database) -> None:
    await a_completed_run(own_database, lease_to="wf-commit")

    assert await holder(own_database, CONTEXT) == "wf-commit"
    assert await holder(own_database, NAME) is None
    async with own_database.read() as connection:
        (token,) = (await connection.execute(select(leases.c.token))).scalars().all()
    assert token != "first"


async def test_whoever_saw_the_run_closed_does_not_get_the_lease_of_its_successor(
    own_database: Database,
) -> None:
    await a_completed_run(own_database, lease_to="wf-commit")

    answer = await LeaseRepository(own_database).acquire(
        resource=CONTEXT,
        owner="second",
        context_id="ctx-a",
        failover_type="live",
        now=LATER,
        take_over_from="wf",
        take_over_token="first",
    )

    assert (answer.granted, answer.held_by) == (False, "wf-commit")


async def test_without_a_successor_the_leases_stay_for_who_releases_them(own_database: Database) -> None:
    await a_completed_run(own_database)

    assert (await holder(own_database, CONTEXT), await holder(own_database, NAME)) == ("wf", "wf")


async def test_a_hand_over_leaves_the_leases_of_others_alone(own_database: Database) -> None:
    other = context_resource("ctx-b", "live")
    await LeaseRepository(own_database).acquire(
        resource=other, owner="WF", context_id="ctx-b", failover_type="live", now=NOW
    )

    await a_completed_run(own_database, lease_to="wf-commit")

    assert await holder(own_database, other) == "WF"


async def test_an_end_that_cannot_be_recorded_hands_nothing_over(own_database: Database) -> None:
    await LeaseRepository(own_database).acquire(
        resource=CONTEXT, owner="wf", context_id="ctx-a", failover_type="live", now=NOW
    )

    with pytest.raises(UnknownRun):
        await RunRepository(own_database).finish(
            "wf", RunState.COMPLETED, finished_at=NOW, lease_to="wf-commit"
        )

    assert await holder(own_database, CONTEXT) == "wf"


@pytest.mark.parametrize(
    ("ending", "vm_state", "in_use", "status"),
    (
        (Ending.COMMITTED, VmState.RUNNING, True, "completed"),
        (Ending.ROLLED_BACK, VmState.REMOVED, False, "completed"),
        (Ending.CLEANED_UP, VmState.REMOVED, False, "completed"),
        (Ending.CLEANUP_REQUIRED, VmState.RUNNING, True, "cleanup"),
    ),
)
async def test_a_vm_that_is_gone_leaves_its_networks_free(
    field_database: Database, ending: Ending, vm_state: VmState, *, in_use: bool, status: str
) -> None:
    await add_context(field_database, "ctx-a")
    runs = await a_completed_run(field_database)
    report = {"removed": ["pgtest1 (vm-1): expunged"], "left_behind": []}

    for _ in range(2):
        await runs.end("wf", ending, ended_at=LATER, report=report)

    found = await runs.get("wf")
    assert found is not None
    assert (found.state, found.vm_state, found.ending) == (RunState.COMPLETED, vm_state, ending)
    assert (found.ended_at, found.end_report, found.finished_at) == (LATER, report, NOW)
    used = (await NetworkMappingRepository(field_database).production_use(["net-1"])).live
    assert bool(used) is in_use
    assert await job_status(field_database) == status


@pytest.mark.parametrize(
    ("ending", "state"),
    (
        (Ending.COMMITTED, RunState.COMPLETED),
        (Ending.ROLLED_BACK, RunState.FAILED),
        (Ending.CLEANED_UP, RunState.FAILED),
        (Ending.CLEANUP_REQUIRED, RunState.FAILED),
    ),
)
async def test_a_run_that_was_terminated_ends_with_its_vm(
    own_database: Database, ending: Ending, state: RunState
) -> None:
    runs = RunRepository(own_database)
    await runs.begin(RunStart("wf", "run-1", "ctx-a", "pgtest1", "uuid-1", "live", NOW))
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)

    await runs.end("wf", ending, ended_at=LATER, report={})

    found = await runs.get("wf")
    assert found is not None
    assert (found.state, found.finished_at) == (state, LATER)


async def test_a_run_that_begins_again_has_not_ended(own_database: Database) -> None:
    runs = await a_completed_run(own_database)
    await runs.end("wf", Ending.ROLLED_BACK, ended_at=LATER, report={})
    await runs.source_returned("wf", "on", at=LATER)

    previous = await runs.begin(RunStart("wf", "run-2", "ctx-a", "pgtest1", "uuid-1", "live", LATER))

    found = await runs.get("wf")
    assert found is not None
    assert (found.ending, found.ended_at, found.end_report) == (None, None, None)
    assert (found.source_returned_at, found.source_power) == (None, "")
    assert previous is not None
    assert previous.vm_state is VmState.REMOVED


async def test_a_lost_source_is_recorded_when_it_was_first_seen_again(field_database: Database) -> None:
    runs = await a_completed_run(field_database)

    await runs.source_returned("wf", "on", at=NOW)
    await runs.source_returned("wf", "off", at=LATER)

    found = await runs.get("wf")
    assert found is not None
    assert (found.source_returned_at, found.source_power) == (NOW, "off")


async def test_the_end_of_a_run_that_nobody_began_is_an_error(own_database: Database) -> None:
    runs = RunRepository(own_database)
    with pytest.raises(UnknownRun):
        await runs.end("wf", Ending.COMMITTED, ended_at=NOW, report={})
    with pytest.raises(UnknownRun):
        await runs.source_returned("wf", "on", at=NOW)


async def the_context(database: Database) -> tuple[Any, ...]:
    async with database.read() as connection:
        row = (await connection.execute(database.features.select(vm_replication_contexts))).one()
    return row.current_status, row.last_status_change, json.loads(row.last_operation_summary or "null")


async def test_a_status_is_written_with_its_summary_and_the_time_of_the_change(
    field_database: Database,
) -> None:
    await add_context(field_database, "ctx-a", current_status="ready_for_failover")
    contexts = ContextRepository(field_database)

    await contexts.record_operation("ctx-a", {"step": 1}, status="failed_over_live", at=NOW)
    assert await the_context(field_database) == ("failed_over_live", NOW, {"step": 1})
    # What is there already does not change again.
    await contexts.record_operation("ctx-a", {"step": 2}, status="failed_over_live", at=LATER)
    assert await the_context(field_database) == ("failed_over_live", NOW, {"step": 2})
    # A status that another operation wrote stays.
    await contexts.record_operation(
        "ctx-a", {"step": 3}, status="ready_for_failover", unless=["failed_over_live"], at=LATER
    )
    assert await the_context(field_database) == ("failed_over_live", NOW, {"step": 3})
    # No status leaves it, and so does one that the column does not take.
    for status in ("", "no_such_status"):
        await contexts.record_operation("ctx-a", {"step": 4}, status=status, at=LATER)
    assert await the_context(field_database) == ("failed_over_live", NOW, {"step": 4})
    await contexts.record_operation("ctx-a", {}, status="completed", unless=["failed"], at=LATER)
    assert await the_context(field_database) == ("completed", LATER, {})


async def test_an_unset_status_is_no_status_that_stays(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    async with field_database.write() as connection:
        await connection.execute(update(vm_replication_contexts).values(last_status_change=None))

    await ContextRepository(field_database).record_operation(
        "ctx-a", {}, status="failed_over_test", unless=["failed_over_live"], at=NOW
    )

    assert (await the_context(field_database))[:2] == ("failed_over_test", NOW)


async def test_a_schema_without_the_columns_is_left_alone(field_url: str) -> None:
    await execute(
        field_url,
        "ALTER TABLE vm_replication_contexts DROP COLUMN last_operation_summary",
        "ALTER TABLE vm_replication_contexts DROP COLUMN last_status_change",
    )
    await migrate(field_url)
    database = await Database.open(field_url)
    try:
        await add_context(database, "ctx-a")
        contexts = ContextRepository(database)
        assert await contexts.record_operation("ctx-a", {}, status="failed_over_live", at=NOW)
        async with database.read() as connection:
            status = await connection.execute(select(vm_replication_contexts.c.current_status))
            assert status.scalar_one() == "failed_over_live"
    finally:
        await database.close()
