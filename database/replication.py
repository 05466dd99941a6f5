"""What the database knows of a VM's replication: disks, volumes, syncs, scheduler (original-system.md, 3).

One statement per table, however many disks. What a schema lacks is unknown, and never an error.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from database.engine import Database
from database.guests import firmware_of, guest_of
from database.own_tables import replicas
from database.replica_rows import replica_key
from database.sync_history import Job, SyncHistory
from database.tables import (
    cbt_history,
    flag,
    number,
    ossea_configs,
    ossea_volumes,
    replication_jobs,
    text,
    vm_disks,
    vm_replication_contexts,
)
from rules.disks import KeptSnapshot, ReplicatedDisk, ReplicationFacts, SyncJob

_GIB = 1024**3
_READY = "ready"
_Row = Mapping[str, Any]


class ReplicationRepository:
    """Reads what replication wrote.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts(self, context_id: str, config_id: int = 0) -> ReplicationFacts:
        """Return everything that is known of a VM context.

        Args:
            context_id: The exact id.
            config_id: The row of ``ossea_configs`` that names the appliance; 0 where nobody asks for it.
        """
        async with self._database.read() as connection:
            disks = _newest(await self._of_context(connection, vm_disks, context_id))
            volumes = await self._volumes(connection, disks)
            configs = await self._rows(connection, ossea_configs, ossea_configs.c.id == config_id)
            marks = (
                await connection.execute(
                    select(replicas).where(replicas.c.context_key == replica_key(context_id))
                )
            ).one_or_none()
            context, history = await self._history(
                connection,
                context_id,
                with_disks=True,
                stale_at=None if marks is None else marks.stale_at,
            )
        os_types = [text(context.get("os_type")), *(text(disk.get("os_type")) for disk in disks)]
        guest, os_type = guest_of(os_types)
        scheduler = context.get("scheduler_enabled")
        return ReplicationFacts(
            disks=tuple(_disk(disk, volumes, history) for disk in disks),
            appliance_vm_id=text(configs[0].get("oma_vm_id")) if configs else "",
            scheduler_enabled=None if scheduler is None else flag(scheduler),
            running=history.running,
            torn_by=history.torn_by,
            torn_at=history.torn_at,
            kept_snapshots=tuple(kept for row in volumes.values() if (kept := _kept(row)) is not None),
            dirty_by="" if marks is None else text(marks.dirty_workflow_id),
            firmware=firmware_of([text(disk.get("bios_setup")) for disk in disks]),
            guest=guest,
            os_type=os_type,
        )

    async def running(self, context_id: str) -> SyncJob | None:
        """Return the replication job of a context that has not ended, None where there is none."""
        async with self._database.read() as connection:
            _, history = await self._history(connection, context_id, with_disks=False)
        return history.running

    async def _history(
        self,
        connection: AsyncConnection,
        context_id: str,
        *,
        with_disks: bool,
        stale_at: datetime | None = None,
    ) -> tuple[_Row, SyncHistory]:
        """Read context, jobs and, ``with_disks``, what each job did to each disk."""
        contexts = await self._of_context(connection, vm_replication_contexts, context_id, "context_id")
        context = contexts[0] if contexts else {}
        jobs = await self._of_context(connection, replication_jobs, context_id)
        last = text(context.get("last_successful_job_id"))
        done = await self._done(connection, {text(job["id"]) for job in jobs} | {last}) if with_disks else []
        return context, SyncHistory(
            [_job(job) for job in jobs],
            done=[(text(row["job_id"]), text(row["disk_id"]), flag(row["sync_success"])) for row in done],
            current_job_id=text(context.get("current_job_id")),
            last_successful_job_id=last,
            stale_at=stale_at,
        )

    async def _done(self, connection: AsyncConnection, job_ids: set[str]) -> Sequence[_Row]:
        features = self._database.features
        if not all(features.has("cbt_history", name) for name in ("job_id", "disk_id", "sync_success")):
            return []
        return await self._rows(connection, cbt_history, cbt_history.c.job_id.in_(sorted(job_ids - {""})))

    async def _volumes(self, connection: AsyncConnection, disks: Sequence[_Row]) -> dict[object, _Row]:
        wanted = sorted({number(disk.get("ossea_volume_id")) for disk in disks} - {0})
        if not wanted or not self._database.features.has("ossea_volumes", "volume_id"):
            return {}
        rows = await self._rows(connection, ossea_volumes, ossea_volumes.c.id.in_(wanted))
        return {row["id"]: row for row in rows}

    async def _of_context(
        self, connection: AsyncConnection, table: Table, context_id: str, column: str = "vm_context_id"
    ) -> list[_Row]:
        """Read a context's rows, without those that only the collation takes for its own."""
        if not self._database.features.has(table.name, column):
            return []
        rows = await self._rows(connection, table, table.c[column] == context_id)
        return [row for row in rows if row[column] == context_id]

    async def _rows(
        self, connection: AsyncConnection, table: Table, condition: ColumnElement[bool]
    ) -> list[_Row]:
        statement = self._database.features.select(table).where(condition)
        return [row._asdict() for row in await connection.execute(statement)]


def _newest(rows: Sequence[_Row]) -> list[_Row]:
    """Keep the newest row of each disk, as older data has one per job; by place on the controller."""
    found: dict[str, _Row] = {}
    for row in sorted(rows, key=lambda row: (_stamp(row), row["id"])):
        disk_id = text(row.get("disk_id"))
        if disk_id:
            found[disk_id] = row
    return sorted(
        found.values(),
        key=lambda row: (row.get("unit_number") is None, row.get("unit_number") or 0, row["id"]),
    )


def _stamp(row: _Row) -> float:
    at = row.get("updated_at") or row.get("created_at")
    return at.timestamp() if at is not None else 0.0


def _disk(row: _Row, volumes: Mapping[object, _Row], history: SyncHistory) -> ReplicatedDisk:
    disk_id = text(row["disk_id"])
    return ReplicatedDisk(
        disk_id=disk_id,
        label=text(row.get("label")),
        unit_number=row.get("unit_number"),
        size_gb=number(row.get("size_gb")) or -(-number(row.get("capacity_bytes")) // _GIB),
        volume_id=text(volumes.get(row.get("ossea_volume_id"), {}).get("volume_id")),
        sync=history.last_completed(disk_id),
    )


def _kept(volume: _Row) -> KeptSnapshot | None:
    """Return the snapshot that the row names as ready."""
    snapshot_id = text(volume.get("snapshot_id"))
    if not snapshot_id or text(volume.get("snapshot_status")) != _READY:
        return None
    return KeptSnapshot(
        snapshot_id=snapshot_id,
        volume_id=text(volume["volume_id"]),
        taken_at=volume.get("snapshot_created_at"),
    )


def _job(row: _Row) -> Job:
    return Job(
        id=text(row["id"]),
        status=text(row.get("status")).strip().lower(),
        progress_percent=row.get("progress_percent"),
        began_at=row.get("started_at") or row.get("created_at"),
        started_at=row.get("started_at"),
        completed_at=row.get("completed_at"),
    )
