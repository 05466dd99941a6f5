"""What replication wrote of a sample VM's disks: rows of disks, volumes, jobs and their history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from database.tables import cbt_history, ossea_volumes, replication_jobs, vm_disks, vm_replication_contexts
from embedded.row_writer import RowWriter

_TOOK = timedelta(minutes=4)


@dataclass(frozen=True)
class SampleDisk:
    """A disk of a sample VM and its replica.

    Attributes:
        volume_id: CloudStack's uuid of the replica; empty where replication has made none.
        size_gb: In GiB.
        unit_number: Place on its controller.
    """

    disk_id: str
    volume_id: str
    size_gb: int
    unit_number: int


async def add_disks(
    writer: RowWriter,
    context_id: str,
    disks: Sequence[SampleDisk],
    *,
    config_id: object,
    of_vm: Mapping[str, object],
) -> None:
    """Write the rows of disks and volumes.

    Args:
        writer: In a transaction.
        context_id: Of the VM.
        disks: The VM's.
        config_id: The row of ``ossea_configs``.
        of_vm: What every disk row repeats of the VM.
    """
    for number, disk in enumerate(disks, start=1):
        volume = None
        if disk.volume_id:
            volume = await writer.add(
                ossea_volumes,
                {
                    "vm_context_id": context_id,
                    "volume_id": disk.volume_id,
                    "volume_name": f"replica {disk.disk_id} of {context_id}",
                    "size_gb": disk.size_gb,
                    "ossea_config_id": config_id,
                    "status": "attached",
                    "snapshot_status": "none",
                },
            )
        await writer.add(
            vm_disks,
            {
                "vm_context_id": context_id,
                "disk_id": disk.disk_id,
                "label": f"Hard disk {number}",
                "unit_number": disk.unit_number,
                "size_gb": disk.size_gb,
                "capacity_bytes": disk.size_gb * 1024**3,
                "ossea_volume_id": volume,
                "disk_change_id": f"change-of-{disk.disk_id}",
                "bios_setup": '{"firmware": "bios"}',
                **of_vm,
            },
        )


async def add_sync(  # noqa: PLR0913 - keywords, one per fact of a sync
    writer: RowWriter,
    connection: AsyncConnection,
    context_id: str,
    disk_ids: Sequence[str],
    *,
    job_id: str,
    ended_at: datetime,
    status: str = "completed",
) -> None:
    """Write a replication job, what it did to each disk, and what the context says of it.

    Args:
        writer: In a transaction.
        connection: The same transaction.
        context_id: Of the VM.
        disk_ids: What it synced; each is a success only when the job completed.
        job_id: Its id.
        ended_at: When it ended (UTC), or how far it is; it began some minutes before.
        status: In replication's own words. ``pending``, ``running`` and ``replicating`` have not ended.
    """
    completed, is_open = status == "completed", status in {"pending", "running", "replicating"}
    await writer.add(
        replication_jobs,
        {
            "id": job_id,
            "vm_context_id": context_id,
            "source_vm_id": "",
            "source_vm_name": "",
            "replication_type": "incremental",
            "status": status,
            "progress_percent": 100.0 if completed else 40.0,
            "created_at": ended_at - _TOOK,
            "updated_at": ended_at,
            "started_at": ended_at - _TOOK,
            "completed_at": None if is_open else ended_at,
        },
    )
    if completed:
        for disk_id in disk_ids:
            await writer.add(
                cbt_history,
                {
                    "job_id": job_id,
                    "disk_id": disk_id,
                    "change_id": f"change-of-{disk_id}",
                    "sync_type": "incremental",
                    "sync_success": 1,
                    "created_at": ended_at,
                },
            )
    named = {"current_job_id": job_id if is_open else None}
    if completed:
        named["last_successful_job_id"] = job_id
    values = writer.takes(vm_replication_contexts, named)
    if values:
        await connection.execute(
            update(vm_replication_contexts)
            .where(vm_replication_contexts.c.context_id == context_id)
            .values(values)
        )
