"""What a commit lets go of, and when a replica that was written to is as good as any other again."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from database import Database, ReplicaRepository, ReplicaState, ReplicationRepository, migrate
from database.tables import cbt_history, replication_jobs, vm_disks, vm_replication_contexts
from rules.errors import FailoverErrorType, FailoverRefused
from tests.support.field_rows import add_context, add_rows
from tests.support.schemas import execute

NOW = datetime(2025, 9, 24, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DISKS = ("disk-2000", "disk-2001")


@pytest_asyncio.fixture(loop_scope="session")
async def repository(field_database: Database) -> AsyncIterator[ReplicaRepository]:
    """On a database with one VM of two disks, synced an hour before, whose scheduler is on."""
    await add_context(field_database, "ctx-a", scheduler_enabled=1)
    await add_rows(
        field_database,
        vm_disks,
        *({"vm_context_id": "ctx-a", "disk_id": disk, "disk_change_id": "52 de/4"} for disk in DISKS),
    )
    await a_sync(field_database, "job-1", -1, kind="initial")
    yield ReplicaRepository(field_database)


async def a_sync(
    database: Database, job_id: str, at: float, *, kind: str, disks: tuple[str, ...] = DISKS
) -> None:
    """Write a job that completed; ``at`` is in hours from NOW."""
    began = NOW + at * HOUR
    job = {
        "id": job_id,
        "vm_context_id": "ctx-a",
        "source_vm_id": "u",
        "source_vm_name": "v",
        "replication_type": kind,
        "status": "completed",
        "created_at": began,
        "started_at": began,
        "completed_at": began + HOUR / 10,
    }
    done = {
        "job_id": job_id,
        "change_id": "c",
        "sync_type": "full" if kind == "initial" else kind,
        "sync_success": 1,
    }
    await add_rows(database, replication_jobs, job)
    await add_rows(database, cbt_history, *({**done, "disk_id": disk} for disk in disks))


async def change_ids(database: Database) -> set[str | None]:
    async with database.read() as connection:
        return set((await connection.execute(select(vm_disks.c.disk_change_id))).scalars())


async def written_by(repository: ReplicaRepository, workflow_id: str) -> None:
    await repository.fence("ctx-a", workflow_id, now=NOW)
    await repository.mark("ctx-a", workflow_id, dirty=True, now=NOW)


async def test_after_a_commit_nobody_holds_the_replica_and_the_scheduler_stays_off(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await written_by(repository, "wf")

    assert await repository.hand_over("ctx-a", "wf", now=NOW + HOUR)
    assert not await repository.hand_over("ctx-a", "wf", now=NOW + 9 * HOUR)

    assert await repository.state("ctx-a") == ReplicaState(scheduler_enabled=False)
    assert await change_ids(field_database) == {None}
    # A late release of the fence is no business of the committed run any more.
    assert not await repository.release("ctx-a", "wf", now=NOW + HOUR)
    assert (await repository.state("ctx-a")).scheduler_enabled is False


async def test_a_machine_that_is_protected_anew_can_be_failed_over_again(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await written_by(repository, "wf")
    await repository.hand_over("ctx-a", "wf", now=NOW + HOUR)
    facts = ReplicationRepository(field_database)

    # What was synced before the commit is on no disk any more.
    assert [disk.sync for disk in (await facts.facts("ctx-a")).disks] == [None, None]
    async with field_database.write() as connection:
        await connection.execute(update(vm_replication_contexts).values(scheduler_enabled=1))
    await a_sync(field_database, "job-2", 2, kind="initial")

    found = await facts.facts("ctx-a")
    assert {disk.sync.job_id for disk in found.disks if disk.sync} == {"job-2"}
    assert (found.dirty_by, found.scheduler_enabled) == ("", True)
    assert await repository.fence("ctx-a", "second", now=NOW + 3 * HOUR) is True
    await repository.mark("ctx-a", "second", dirty=True, now=NOW + 3 * HOUR)
    assert (await repository.state("ctx-a")).dirty_by == "second"


@pytest.mark.parametrize("fenced", (True, False))
async def test_what_another_failover_holds_stays_as_it_is(
    field_database: Database, repository: ReplicaRepository, *, fenced: bool
) -> None:
    if fenced:
        await written_by(repository, "other")
    before = await repository.state("ctx-a")

    assert not await repository.hand_over("ctx-a", "wf", now=NOW)

    assert await repository.state("ctx-a") == before
    assert await change_ids(field_database) == {"52 de/4"}


async def test_anothers_mark_on_a_replica_that_was_only_fenced_stays(repository: ReplicaRepository) -> None:
    await written_by(repository, "first")
    await repository.release("ctx-a", "first", now=NOW)
    await repository.fence("ctx-a", "wf", now=NOW)

    assert await repository.hand_over("ctx-a", "wf", now=NOW)

    assert await repository.state("ctx-a") == ReplicaState(dirty_by="first", scheduler_enabled=False)


async def test_a_schema_that_keeps_no_change_ids_is_handed_over_as_well(field_url: str) -> None:
    await execute(field_url, "ALTER TABLE vm_disks DROP COLUMN disk_change_id")
    await migrate(field_url)
    database = await Database.open(field_url)
    try:
        await add_context(database, "ctx-a", scheduler_enabled=1)
        repository = ReplicaRepository(database)
        await written_by(repository, "wf")
        assert await repository.hand_over("ctx-a", "wf", now=NOW)
        assert await repository.state("ctx-a") == ReplicaState(scheduler_enabled=False)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("syncs", "dirty_by"),
    (
        ((), "first"),
        # Only what changed was read: what the failover wrote is still there.
        ((("job-2", 1, "incremental", DISKS),), "first"),
        ((("job-2", 1, "initial", DISKS[:1]),), "first"),
        ((("job-2", -0.5, "initial", DISKS),), "first"),
        ((("job-2", 1, "initial", DISKS),), ""),
        ((("job-2", 1, "initial", DISKS), ("job-3", 2, "incremental", DISKS)), ""),
    ),
    ids=("none", "incremental", "one disk", "before", "full", "full and more"),
)
async def test_a_mark_counts_until_a_full_sync_of_every_disk(
    field_database: Database,
    repository: ReplicaRepository,
    syncs: tuple[tuple[str, float, str, tuple[str, ...]], ...],
    dirty_by: str,
) -> None:
    await written_by(repository, "first")
    await repository.release("ctx-a", "first", now=NOW)
    for job_id, at, kind, disks in syncs:
        await a_sync(field_database, job_id, at, kind=kind, disks=disks)
    await repository.fence("ctx-a", "second", now=NOW + 3 * HOUR)

    assert (await ReplicationRepository(field_database).facts("ctx-a")).dirty_by == dirty_by

    marking: dict[str, Any] = {"dirty": True, "now": NOW + 3 * HOUR}
    if dirty_by:
        with pytest.raises(FailoverRefused) as refused:
            await repository.mark("ctx-a", "second", **marking)
        assert refused.value.error_type is FailoverErrorType.FENCE_BROKEN
        return
    await repository.mark("ctx-a", "second", **marking)
    # The old sync does not mend what is written now.
    assert (await ReplicationRepository(field_database).facts("ctx-a")).dirty_by == "second"


async def test_a_second_write_of_the_same_failover_is_not_mended_by_a_sync_in_between(
    field_database: Database, repository: ReplicaRepository
) -> None:
    await written_by(repository, "wf")
    await a_sync(field_database, "job-2", 1, kind="initial")
    facts = ReplicationRepository(field_database)
    assert (await facts.facts("ctx-a")).dirty_by == ""

    await repository.mark("ctx-a", "wf", dirty=True, now=NOW + 2 * HOUR)

    assert (await facts.facts("ctx-a")).dirty_by == "wf"
