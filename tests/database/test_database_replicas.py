"""The fence on a VM's replicas, who wrote to them, and what replication is told of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from database import Database, ReplicaRepository, ReplicaState, SchemaMismatch, migrate
from database.own_tables import replicas
from database.tables import ossea_volumes, vm_disks, vm_replication_contexts
from rules.errors import FailoverErrorType, FailoverRefused
from tests.support.field_rows import add_context, add_rows
from tests.support.schemas import execute

NOW = datetime(2025, 9, 24, 12, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest_asyncio.fixture(loop_scope="session")
async def repository(field_database: Database) -> AsyncIterator[ReplicaRepository]:
    """On a database with one context whose scheduler is on."""
    await add_context(field_database, "ctx-a", scheduler_enabled=1)
    yield ReplicaRepository(field_database)


async def switch(database: Database, value: int | None) -> None:
    async with database.write() as connection:
        await connection.execute(update(vm_replication_contexts).values(scheduler_enabled=value))


async def our_rows(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return [row._asdict() for row in await connection.execute(replicas.select())]


async def test_a_fence_turns_the_scheduler_off_and_its_end_turns_it_on_again(
    repository: ReplicaRepository,
) -> None:
    assert await repository.state("ctx-a") == ReplicaState(scheduler_enabled=True)

    assert await repository.fence("ctx-a", "wf", now=NOW) is True
    assert await repository.state("ctx-a") == ReplicaState(fenced_by="wf", scheduler_enabled=False)

    assert await repository.release("ctx-a", "wf", now=LATER)
    assert await repository.state("ctx-a") == ReplicaState(scheduler_enabled=True)


async def test_a_repeated_fence_keeps_the_first_old_value(
    field_database: Database, repository: ReplicaRepository
) -> None:
    assert await repository.fence("ctx-a", "wf", now=NOW) is True
    assert await repository.fence("ctx-a", "wf", now=LATER) is True
    (row,) = await our_rows(field_database)
    assert (row["fenced_at"], row["released_at"]) == (NOW, None)
    # Somebody switched it on meanwhile: asking again fences again.
    await switch(field_database, 1)
    assert await repository.fence("ctx-a", "wf", now=LATER) is True
    assert (await repository.state("ctx-a")).scheduler_enabled is False

    assert await repository.release("ctx-a", "wf", now=LATER)
    assert not await repository.release("ctx-a", "wf", now=LATER)
    assert (await repository.state("ctx-a")).scheduler_enabled is True
    (row,) = await our_rows(field_database)
    assert (row["fence_workflow_id"], row["released_at"]) == (None, LATER)


async def test_a_scheduler_that_was_off_stays_off(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await switch(field_database, 0)

    assert await repository.fence("ctx-a", "wf", now=NOW) is False
    await repository.release("ctx-a", "wf", now=NOW)

    assert (await repository.state("ctx-a")).scheduler_enabled is False
    # A later failover learns the value of its own time.
    await switch(field_database, 1)
    assert await repository.fence("ctx-a", "wf", now=LATER) is True


async def test_another_failovers_fence_is_neither_taken_nor_released(repository: ReplicaRepository) -> None:
    await repository.fence("ctx-a", "first", now=NOW)

    with pytest.raises(FailoverRefused, match="fenced by workflow first") as refused:
        await repository.fence("ctx-a", "second", now=NOW)
    assert refused.value.error_type is FailoverErrorType.FENCE_BROKEN
    assert not await repository.release("ctx-a", "second", now=NOW)

    assert await repository.state("ctx-a") == ReplicaState(fenced_by="first", scheduler_enabled=False)


async def test_of_many_that_fence_at_one_moment_one_does(repository: ReplicaRepository) -> None:
    answers = await asyncio.gather(
        *(repository.fence("ctx-a", f"wf-{number}", now=NOW) for number in range(5)), return_exceptions=True
    )

    assert sum(answer is True for answer in answers) == 1
    assert sum(isinstance(answer, FailoverRefused) for answer in answers) == 4


async def test_a_context_that_does_not_exist_is_not_fenced(
    field_database: Database, repository: ReplicaRepository
) -> None:
    for unknown in ("ctx-b", "CTX-A"):
        with pytest.raises(FailoverRefused) as refused:
            await repository.fence(unknown, "wf", now=NOW)
        assert refused.value.error_type is FailoverErrorType.UNKNOWN_CONTEXT
    assert await our_rows(field_database) == []
    assert (await repository.state("ctx-a")).scheduler_enabled is True


async def test_a_schema_without_a_scheduler_is_fenced_by_our_row_alone(field_url: str) -> None:
    await execute(field_url, "ALTER TABLE vm_replication_contexts DROP COLUMN scheduler_enabled")
    await migrate(field_url)
    database = await Database.open(field_url)
    try:
        await add_context(database, "ctx-a")
        repository = ReplicaRepository(database)
        assert await repository.fence("ctx-a", "wf", now=NOW) is None
        assert await repository.state("ctx-a") == ReplicaState(fenced_by="wf")
        assert await repository.release("ctx-a", "wf", now=NOW)
    finally:
        await database.close()


async def test_a_replica_is_dirty_from_the_mark_to_the_revert(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await repository.fence("ctx-a", "wf", now=NOW)
    for at in (NOW, LATER):
        await repository.mark("ctx-a", "wf", dirty=True, now=at)
    assert (await repository.state("ctx-a")).dirty_by == "wf"
    (row,) = await our_rows(field_database)
    # A sync that mends it has to begin after the last write.
    assert row["dirty_at"] == LATER

    # The mark outlives the fence: replication must not take the replica for its own.
    await repository.release("ctx-a", "wf", now=LATER)
    assert (await repository.state("ctx-a")).dirty_by == "wf"

    for _ in range(2):
        await repository.mark("ctx-a", "wf", dirty=False, now=LATER)
    assert (await repository.state("ctx-a")).dirty_by == ""


async def test_only_who_fenced_writes_and_only_who_wrote_reverts(repository: ReplicaRepository) -> None:
    with pytest.raises(FailoverRefused, match="not fenced by this failover"):
        await repository.mark("ctx-a", "first", dirty=True, now=NOW)
    await repository.fence("ctx-a", "first", now=NOW)
    await repository.mark("ctx-a", "first", dirty=True, now=NOW)
    await repository.release("ctx-a", "first", now=NOW)
    await repository.fence("ctx-a", "second", now=NOW)

    for dirty in (True, False):
        with pytest.raises(FailoverRefused, match="workflow first wrote") as refused:
            await repository.mark("ctx-a", "second", dirty=dirty, now=NOW)
        assert refused.value.error_type is FailoverErrorType.FENCE_BROKEN
    assert (await repository.state("ctx-a")).dirty_by == "first"


async def test_the_change_ids_of_these_disks_are_forgotten_and_of_no_other(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await add_context(field_database, "ctx-b")
    for context_id in ("ctx-a", "ctx-b"):
        await add_rows(
            field_database,
            vm_disks,
            *(
                {"vm_context_id": context_id, "disk_id": f"disk-{number}", "disk_change_id": "52 de/4"}
                for number in range(3)
            ),
        )

    for _ in range(2):
        await repository.clear_change_ids("ctx-a", ["disk-0", "disk-2", "disk-9"], now=NOW)

    async with field_database.read() as connection:
        rows = await connection.execute(
            vm_disks.select().with_only_columns(
                vm_disks.c.vm_context_id, vm_disks.c.disk_id, vm_disks.c.disk_change_id
            )
        )
        kept = {(row.vm_context_id, row.disk_id) for row in rows if row.disk_change_id is not None}
    assert kept == {("ctx-a", "disk-1"), ("ctx-b", "disk-0"), ("ctx-b", "disk-1"), ("ctx-b", "disk-2")}


async def test_a_schema_that_keeps_no_change_ids_says_so(field_url: str) -> None:
    """Nobody may think that the next sync is a full one when nothing was cleared."""
    await execute(field_url, "ALTER TABLE vm_disks DROP COLUMN disk_change_id")
    await migrate(field_url)
    database = await Database.open(field_url)
    try:
        with pytest.raises(SchemaMismatch, match="full one by hand"):
            await ReplicaRepository(database).clear_change_ids("ctx-a", ["disk-0"], now=NOW)
    finally:
        await database.close()


async def volumes_of(database: Database) -> dict[str, tuple[Any, ...]]:
    async with database.read() as connection:
        rows = await connection.execute(database.features.select(ossea_volumes))
        return {
            row.volume_id: (row.snapshot_id, row.snapshot_status, row.snapshot_created_at) for row in rows
        }


async def test_snapshots_stand_on_their_volumes_until_they_are_gone(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await add_rows(
        field_database,
        ossea_volumes,
        *(
            {
                "vm_context_id": "ctx-a",
                "volume_id": f"volume-{number}",
                "volume_name": "v",
                "size_gb": 1,
                "snapshot_status": "none",
            }
            for number in range(3)
        ),
    )
    taken = {"volume-0": "snapshot-0", "volume-1": "snapshot-1"}

    await repository.record_snapshots(taken, gone=False, now=NOW)
    assert await volumes_of(field_database) == {
        "volume-0": ("snapshot-0", "ready", NOW),
        "volume-1": ("snapshot-1", "ready", NOW),
        "volume-2": (None, "none", None),
    }
    await repository.record_snapshots({"volume-1": "snapshot-9"}, gone=False, now=LATER)

    for _ in range(2):
        await repository.record_snapshots(taken, gone=True, now=LATER)

    assert await volumes_of(field_database) == {
        "volume-0": (None, "none", None),
        # A later snapshot of the same volume is another's.
        "volume-1": ("snapshot-9", "ready", LATER),
        "volume-2": (None, "none", None),
    }
    await repository.record_snapshots({}, gone=False, now=NOW)


@pytest.mark.parametrize(
    "lost",
    (
        ("DROP TABLE ossea_volumes",),
        ("ALTER TABLE ossea_volumes DROP COLUMN snapshot_id",),
    ),
)
async def test_where_there_is_no_place_for_snapshots_none_are_recorded(
    field_url: str, lost: tuple[str, ...]
) -> None:
    await execute(field_url, *lost)
    await migrate(field_url)
    database = await Database.open(field_url)
    try:
        await ReplicaRepository(database).record_snapshots({"v": "s"}, gone=False, now=NOW)
    finally:
        await database.close()
