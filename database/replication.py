"""What the database knows of a VM's replication: disks, volumes, syncs, scheduler (original-system.md, 3).

One statement per table, however many disks. What a schema lacks is unknown, and never an error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from database.engine import Database
from database.guests import firmware_of, guest_of
from database.in_flight import disk_gib, in_flight
from database.own_tables import replicas
from database.replica_rows import replica_key
from database.replication_rows import StoredRow, context_disks, history_of, rows_of
from database.sync_history import SyncHistory
from database.tables import flag, number, ossea_configs, ossea_volumes, text
from rules.disks import KeptSnapshot, ReplicatedDisk, ReplicationFacts, SyncJob

_READY = "ready"


class ReplicationRepository:
    """Reads what replication wrote.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts(self, context_id: str, config_id: int = 0, *, workflow_id: str = "") -> ReplicationFacts:
        """Return everything that is known of a VM context.

        Args:
            context_id: The exact id.
            config_id: The row of ``ossea_configs`` that names the appliance; 0 where nobody asks for it.
            workflow_id: Who asks, so that what it takes is not counted as another's; empty leaves out
                every run of the context.
        """
        features = self._database.features
        async with self._database.read() as connection:
            disks = await context_disks(connection, features, context_id)
            volumes = await self._volumes(connection, disks)
            configs = await rows_of(connection, features, ossea_configs, ossea_configs.c.id == config_id)
            marks = (
                await connection.execute(
                    select(replicas).where(replicas.c.context_key == replica_key(context_id))
                )
            ).one_or_none()
            context, history = await history_of(
                connection,
                features,
                context_id,
                with_disks=True,
                stale_at=None if marks is None else marks.stale_at,
            )
            others = await in_flight(connection, features, context_id, workflow_id)
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
            dirty_by=_dirty_by(marks, disks, history),
            firmware=firmware_of([text(disk.get("bios_setup")) for disk in disks]),
            guest=guest,
            os_type=os_type,
            in_flight_snapshots=others.snapshots,
            in_flight_snapshot_gib=others.snapshot_gib,
            in_flight_clone_gib=others.clone_gib,
            in_flight_clones=others.clones,
            in_flight_vms=others.vms,
        )

    async def running(self, context_id: str) -> SyncJob | None:
        """Return the replication job of a context that has not ended, None where there is none."""
        async with self._database.read() as connection:
            _, history = await history_of(connection, self._database.features, context_id, with_disks=False)
        return history.running

    async def _volumes(
        self, connection: AsyncConnection, disks: Sequence[StoredRow]
    ) -> dict[object, StoredRow]:
        wanted = sorted({number(disk.get("ossea_volume_id")) for disk in disks} - {0})
        if not wanted or not self._database.features.has("ossea_volumes", "volume_id"):
            return {}
        rows = await rows_of(
            connection, self._database.features, ossea_volumes, ossea_volumes.c.id.in_(wanted)
        )
        return {row["id"]: row for row in rows}


def _dirty_by(marks: Row[Any] | None, disks: Sequence[StoredRow], history: SyncHistory) -> str:
    """Return who wrote to the replica, unless a full sync of every disk began since."""
    if marks is None or not marks.dirty_workflow_id:
        return ""
    disk_ids = {text(disk.get("disk_id")) for disk in disks}
    mended = history.is_mended(disk_ids, written_at=marks.dirty_at)
    return "" if mended else text(marks.dirty_workflow_id)


def _disk(row: StoredRow, volumes: Mapping[object, StoredRow], history: SyncHistory) -> ReplicatedDisk:
    disk_id = text(row["disk_id"])
    return ReplicatedDisk(
        disk_id=disk_id,
        label=text(row.get("label")),
        unit_number=row.get("unit_number"),
        size_gb=disk_gib(row),
        volume_id=text(volumes.get(row.get("ossea_volume_id"), {}).get("volume_id")),
        sync=history.last_completed(disk_id),
    )


def _kept(volume: StoredRow) -> KeptSnapshot | None:
    """Return the snapshot that the row names as ready."""
    snapshot_id = text(volume.get("snapshot_id"))
    if not snapshot_id or text(volume.get("snapshot_status")) != _READY:
        return None
    return KeptSnapshot(
        snapshot_id=snapshot_id,
        volume_id=text(volume["volume_id"]),
        taken_at=volume.get("snapshot_created_at"),
    )
