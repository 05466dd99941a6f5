"""What is read of a VM's replication, in both generations and in databases that lack half of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from database import Database, ReplicaRepository, ReplicationRepository, SchemaGeneration, migrate
from database.tables import (
    cbt_history,
    ossea_configs,
    ossea_volumes,
    replication_jobs,
    vm_disks,
)
from rules.disks import (
    CompletedSync,
    Firmware,
    GuestFamily,
    KeptSnapshot,
    ReplicatedDisk,
    ReplicationFacts,
    SyncJob,
)
from tests.support.field_rows import add_context, add_rows, counted
from tests.support.schemas import create_field_schema, execute

NOW = datetime(2025, 9, 24, 12, 30, tzinfo=UTC)
CONFIG = {
    "name": "cloud",
    "api_url": "http://127.0.0.1/client/api",
    "api_key": "k",
    "secret_key": "s",
    "zone": "z",
    "oma_vm_id": "appliance-1",
    "is_active": 1,
}


async def a_protected_vm(database: Database, context_id: str = "ctx-a", **context: Any) -> int:  # noqa: ANN401 - column values
    """Write a VM with two replicated disks and one completed sync; return its configuration's row."""
    (config_id,) = await add_rows(database, ossea_configs, {**CONFIG, "name": f"cloud of {context_id}"})
    await add_context(
        database,
        context_id,
        os_type="ubuntu64Guest",
        scheduler_enabled=1,
        last_successful_job_id=f"job-1-{context_id}",
        ossea_config_id=config_id,
        **context,
    )
    volumes = await add_rows(
        database,
        ossea_volumes,
        *(
            {
                "vm_context_id": context_id,
                "volume_id": f"volume-{number}-{context_id}",
                "volume_name": "v",
                "size_gb": 40,
                "status": "attached",
            }
            for number in range(2)
        ),
    )
    await add_rows(
        database,
        vm_disks,
        *(
            {
                "vm_context_id": context_id,
                "disk_id": f"disk-{2001 - number}",
                "label": f"Hard disk {2 - number}",
                "unit_number": 1 - number,
                "size_gb": 40,
                "ossea_volume_id": volume,
                "disk_change_id": "52 de/4",
                "bios_setup": '{"firmware": "efi"}',
                "updated_at": NOW,
            }
            for number, volume in enumerate(volumes)
        ),
    )
    await a_job(database, f"job-1-{context_id}", "completed", context_id=context_id)
    return config_id


async def a_job(
    database: Database, job_id: str, status: str, *, context_id: str = "ctx-a", hours: int = 0
) -> None:
    """Write a replication job; what completed says so of both disks."""
    began = NOW + timedelta(hours=hours)
    await add_rows(
        database,
        replication_jobs,
        {
            "id": job_id,
            "vm_context_id": context_id,
            "source_vm_id": "u",
            "source_vm_name": "v",
            "replication_type": "incremental",
            "status": status,
            "progress_percent": 100.0 if status == "completed" else 12.5,
            "created_at": began,
            "started_at": began,
            "completed_at": began + timedelta(minutes=5) if status == "completed" else None,
        },
    )
    if status == "completed":
        await add_rows(
            database,
            cbt_history,
            *(
                {
                    "job_id": job_id,
                    "disk_id": disk_id,
                    "change_id": "c",
                    "sync_type": "incremental",
                    "sync_success": 1,
                }
                for disk_id in ("disk-2000", "disk-2001")
            ),
        )


async def test_everything_is_known_of_a_vm_that_is_replicated(field_database: Database) -> None:
    config_id = await a_protected_vm(field_database)
    await a_protected_vm(field_database, "ctx-b")

    found = await ReplicationRepository(field_database).facts("ctx-a", config_id)

    sync = CompletedSync(job_id="job-1-ctx-a", completed_at=NOW + timedelta(minutes=5))
    assert found == ReplicationFacts(
        disks=(
            ReplicatedDisk(
                disk_id="disk-2000",
                label="Hard disk 1",
                unit_number=0,
                size_gb=40,
                volume_id="volume-1-ctx-a",
                sync=sync,
            ),
            ReplicatedDisk(
                disk_id="disk-2001",
                label="Hard disk 2",
                unit_number=1,
                size_gb=40,
                volume_id="volume-0-ctx-a",
                sync=sync,
            ),
        ),
        appliance_vm_id="appliance-1",
        scheduler_enabled=True,
        firmware=Firmware.UEFI,
        guest=GuestFamily.LINUX,
        os_type="ubuntu64Guest",
    )


async def test_a_job_that_broke_off_or_runs_is_told(field_database: Database) -> None:
    config_id = await a_protected_vm(field_database)
    repository = ReplicationRepository(field_database)
    await a_job(field_database, "job-2", "failed", hours=1)
    await a_job(field_database, "job-3", "replicating", hours=2)

    found = await repository.facts("ctx-a", config_id)

    assert found.torn_by == "job-2"
    assert found.running == SyncJob(
        job_id="job-3", status="replicating", progress_percent=12.5, started_at=NOW + timedelta(hours=2)
    )
    assert await repository.running("ctx-a") == found.running
    assert {disk.sync.job_id for disk in found.disks if disk.sync} == {"job-1-ctx-a"}
    assert await repository.running("CTX-A") is None


async def test_what_tore_the_replica_first_and_the_snapshots_that_were_kept_are_told(
    field_database: Database,
) -> None:
    """Only a snapshot that its row calls ready counts, and only of this VM's volumes."""
    config_id = await a_protected_vm(field_database)
    await a_protected_vm(field_database, "ctx-b")
    for number in (2, 3):
        await a_job(field_database, f"job-{number}", "failed", hours=number)
    taken_at = NOW + timedelta(hours=1)
    for volume_id, snapshot_id, status in (
        ("volume-0-ctx-a", "snapshot-0", "ready"),
        ("volume-1-ctx-a", "snapshot-1", "failed"),
        ("volume-0-ctx-b", "snapshot-b", "ready"),
    ):
        async with field_database.write() as connection:
            await connection.execute(
                update(ossea_volumes)
                .where(ossea_volumes.c.volume_id == volume_id)
                .values(snapshot_id=snapshot_id, snapshot_status=status, snapshot_created_at=taken_at)
            )

    found = await ReplicationRepository(field_database).facts("ctx-a", config_id)

    assert (found.torn_by, found.torn_at) == ("job-3", NOW + timedelta(hours=2))
    assert found.kept_snapshots == (
        KeptSnapshot(snapshot_id="snapshot-0", volume_id="volume-0-ctx-a", taken_at=taken_at),
    )


async def test_a_replica_that_is_whole_names_nothing_torn_and_nothing_kept(field_database: Database) -> None:
    """A row without the name of a snapshot keeps none; a job that runs tore nothing yet."""
    config_id = await a_protected_vm(field_database)
    await a_job(field_database, "job-2", "replicating", hours=1)
    async with field_database.write() as connection:
        await connection.execute(
            update(ossea_volumes)
            .where(ossea_volumes.c.volume_id == "volume-0-ctx-a")
            .values(snapshot_id="", snapshot_status="ready")
        )

    found = await ReplicationRepository(field_database).facts("ctx-a", config_id)

    assert (found.torn_by, found.torn_at, found.kept_snapshots) == ("", None, ())


async def test_the_failover_that_wrote_to_the_replica_is_named(field_database: Database) -> None:
    config_id = await a_protected_vm(field_database)
    replicas = ReplicaRepository(field_database)
    await replicas.fence("ctx-a", "wf", now=NOW)
    await replicas.mark("ctx-a", "wf", dirty=True, now=NOW)

    found = await ReplicationRepository(field_database).facts("ctx-a", config_id)

    assert (found.dirty_by, found.scheduler_enabled) == ("wf", False)


async def test_a_replica_that_was_not_reverted_holds_no_sync_until_the_next(
    field_database: Database,
) -> None:
    config_id = await a_protected_vm(field_database)
    repository = ReplicationRepository(field_database)
    cleared = NOW + timedelta(hours=1)
    await ReplicaRepository(field_database).clear_change_ids("ctx-a", ["disk-2000"], now=cleared)

    before = await repository.facts("ctx-a", config_id)
    await a_job(field_database, "job-full", "completed", hours=2)
    after = await repository.facts("ctx-a", config_id)

    assert {disk.sync for disk in before.disks} == {None}
    assert {disk.sync.job_id for disk in after.disks if disk.sync} == {"job-full"}


async def test_a_context_that_nobody_knows_has_nothing(field_database: Database) -> None:
    await a_protected_vm(field_database)
    repository = ReplicationRepository(field_database)

    assert await repository.facts("CTX-A", 99) == ReplicationFacts()
    assert await repository.running("nobody") is None


async def test_one_row_per_disk_counts_the_newest(empty_url: str) -> None:
    """Older data has a row for each job and disk."""
    await migrate(empty_url)
    columns = "id, vm_context_id, disk_id, unit_number, capacity_bytes, updated_at, created_at"
    rows = (
        "1, 'ctx-a', 'disk-2000', 0, 1073741825, '2025-09-24 10:00:00', NULL",
        "2, 'ctx-a', 'disk-2000', 5, 3221225472, '2025-09-23 10:00:00', NULL",
        "3, 'ctx-a', 'disk-2001', NULL, NULL, NULL, '2025-09-20 10:00:00'",
        "4, 'ctx-a', 'disk-2001', NULL, 5368709120, NULL, '2025-09-20 10:00:00'",
        "5, 'CTX-A', 'disk-2002', 1, 5, NULL, NULL",
    )
    is_server = empty_url.startswith("mysql")
    await execute(
        empty_url,
        "DROP TABLE vm_disks",
        "CREATE TABLE vm_disks (id INTEGER PRIMARY KEY, vm_context_id VARCHAR(64), disk_id VARCHAR(64), "
        "unit_number INTEGER, capacity_bytes BIGINT, network_config TEXT, updated_at DATETIME, "
        "created_at DATETIME)" + (" COLLATE utf8mb4_general_ci" if is_server else ""),
        *(f"INSERT INTO vm_disks ({columns}) VALUES ({row})" for row in rows),
    )
    database = await Database.open(empty_url)
    try:
        found = await ReplicationRepository(database).facts("ctx-a", 1)
    finally:
        await database.close()

    assert found.disks == (
        ReplicatedDisk(disk_id="disk-2000", unit_number=0, size_gb=2),
        ReplicatedDisk(disk_id="disk-2001", size_gb=5),
    )


@pytest.mark.parametrize("generation", (SchemaGeneration.APPLIANCE,), ids=str)
@pytest.mark.parametrize(
    ("lost", "known"),
    (
        (("DROP TABLE cbt_history",), {"sync": "job-1-ctx-a", "volume": True}),
        (("DROP TABLE cbt_history", "DROP TABLE replication_jobs"), {"sync": "job-1-ctx-a", "volume": True}),
        (
            (
                "DROP TABLE cbt_history",
                "DROP TABLE replication_jobs",
                "ALTER TABLE vm_replication_contexts DROP COLUMN last_successful_job_id",
            ),
            {"sync": "", "volume": True},
        ),
        (("DROP TABLE ossea_volumes",), {"sync": "job-1-ctx-a", "volume": False}),
        (
            ("ALTER TABLE vm_disks DROP COLUMN ossea_volume_id",),
            {"sync": "job-1-ctx-a", "volume": False},
        ),
        (
            tuple(
                f"ALTER TABLE {table} DROP COLUMN {column}"
                for table, column in (
                    ("vm_replication_contexts", "scheduler_enabled"),
                    ("vm_replication_contexts", "current_job_id"),
                    ("vm_replication_contexts", "os_type"),
                    ("vm_disks", "os_type"),
                    ("vm_disks", "bios_setup"),
                    ("vm_disks", "unit_number"),
                    ("vm_disks", "label"),
                    ("vm_disks", "size_gb"),
                    ("ossea_configs", "oma_vm_id"),
                    ("cbt_history", "sync_success"),
                )
            ),
            {"sync": "job-1-ctx-a", "volume": True, "bare": True},
        ),
    ),
    ids=("no-history", "no-jobs", "nothing-of-syncs", "no-volumes", "no-volume-column", "bare-columns"),
)
async def test_what_a_schema_lacks_is_unknown(
    empty_url: str, generation: SchemaGeneration, lost: tuple[str, ...], known: dict[str, Any]
) -> None:
    await create_field_schema(empty_url, generation)
    await migrate(empty_url)
    complete = await Database.open(empty_url)
    config_id = await a_protected_vm(complete)
    await complete.close()
    await execute(empty_url, *lost)

    database = await Database.open(empty_url)
    try:
        found = await ReplicationRepository(database).facts("ctx-a", config_id)
        running = await ReplicationRepository(database).running("ctx-a")
    finally:
        await database.close()

    assert running is None
    assert {disk.disk_id for disk in found.disks} == {"disk-2000", "disk-2001"}
    assert {disk.sync.job_id if disk.sync else "" for disk in found.disks} == {known["sync"]}
    assert all(bool(disk.volume_id) is known["volume"] for disk in found.disks)
    if known.get("bare"):
        assert (found.scheduler_enabled, found.appliance_vm_id) == (None, "")
        assert (found.firmware, found.guest) == (Firmware.UNKNOWN, GuestFamily.UNKNOWN)
        assert {(disk.unit_number, disk.size_gb) for disk in found.disks} == {(None, 0)}


async def test_the_facts_cost_the_same_however_many_disks(field_database: Database) -> None:
    config_id = await a_protected_vm(field_database)
    repository = ReplicationRepository(field_database)

    with counted(field_database) as few:
        await repository.facts("ctx-a", config_id)
    await add_rows(
        field_database,
        vm_disks,
        *({"vm_context_id": "ctx-a", "disk_id": f"disk-{number}"} for number in range(3000, 3020)),
    )
    with counted(field_database) as many:
        found = await repository.facts("ctx-a", config_id)

    assert len(found.disks) == 22
    assert len(few) == len(many) == 8
