"""Replication's own rows of a VM context, read in a transaction of the caller's.

One statement per table, however many disks. What a schema lacks is unknown, and never an error.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from database.schema import SchemaFeatures
from database.sync_history import DiskSync, Job, SyncHistory
from database.tables import cbt_history, flag, replication_jobs, text, vm_disks, vm_replication_contexts

StoredRow = Mapping[str, Any]

_FULL = frozenset({"full", "initial"})
"""Words of ``replication_type`` and ``sync_type`` for a sync that reads the whole disk."""


async def rows_of(
    connection: AsyncConnection, features: SchemaFeatures, table: Table, condition: ColumnElement[bool]
) -> list[StoredRow]:
    """Read rows with the columns that there are."""
    statement = features.select(table).where(condition)
    return [row._asdict() for row in await connection.execute(statement)]


async def context_rows(
    connection: AsyncConnection,
    features: SchemaFeatures,
    table: Table,
    context_id: str,
    column: str = "vm_context_id",
) -> list[StoredRow]:
    """Read a context's rows, without those that only the collation takes for its own."""
    if not features.has(table.name, column):
        return []
    rows = await rows_of(connection, features, table, table.c[column] == context_id)
    return [row for row in rows if row[column] == context_id]


async def context_disks(
    connection: AsyncConnection, features: SchemaFeatures, context_id: str
) -> list[StoredRow]:
    """Read the newest row of each disk of a context, by place on the controller."""
    found = newest(await context_rows(connection, features, vm_disks, context_id))
    return sorted(
        found, key=lambda row: (row.get("unit_number") is None, row.get("unit_number") or 0, row["id"])
    )


def newest(rows: Sequence[StoredRow]) -> list[StoredRow]:
    """Keep the newest row of each disk of each context, as older data has one per job."""
    found: dict[tuple[str, str], StoredRow] = {}
    for row in sorted(rows, key=lambda row: (_stamp(row), row["id"])):
        disk_id = text(row.get("disk_id"))
        if disk_id:
            found[(text(row.get("vm_context_id")), disk_id)] = row
    return list(found.values())


async def history_of(
    connection: AsyncConnection,
    features: SchemaFeatures,
    context_id: str,
    *,
    with_disks: bool,
    stale_at: datetime | None = None,
) -> tuple[StoredRow, SyncHistory]:
    """Read context, jobs and, ``with_disks``, what each job did to each disk."""
    contexts = await context_rows(connection, features, vm_replication_contexts, context_id, "context_id")
    context = contexts[0] if contexts else {}
    jobs = await context_rows(connection, features, replication_jobs, context_id)
    last = text(context.get("last_successful_job_id"))
    done = await _done(connection, features, {text(job["id"]) for job in jobs} | {last}) if with_disks else []
    return context, SyncHistory(
        [_job(job) for job in jobs],
        done=[_disk_sync(row) for row in done],
        current_job_id=text(context.get("current_job_id")),
        last_successful_job_id=last,
        stale_at=stale_at,
    )


async def _done(
    connection: AsyncConnection, features: SchemaFeatures, job_ids: set[str]
) -> Sequence[StoredRow]:
    if not all(features.has("cbt_history", name) for name in ("job_id", "disk_id", "sync_success")):
        return []
    return await rows_of(connection, features, cbt_history, cbt_history.c.job_id.in_(sorted(job_ids - {""})))


def _stamp(row: StoredRow) -> float:
    at = row.get("updated_at") or row.get("created_at")
    return at.timestamp() if at is not None else 0.0


def _word(value: object) -> str:
    return text(value).strip().lower()


def _job(row: StoredRow) -> Job:
    return Job(
        id=text(row["id"]),
        status=_word(row.get("status")),
        progress_percent=row.get("progress_percent"),
        began_at=row.get("started_at") or row.get("created_at"),
        started_at=row.get("started_at"),
        completed_at=row.get("completed_at"),
        is_full=_word(row.get("replication_type")) in _FULL,
    )


def _disk_sync(row: StoredRow) -> DiskSync:
    kind = _word(row.get("sync_type"))
    return DiskSync(
        job_id=text(row["job_id"]),
        disk_id=text(row["disk_id"]),
        success=flag(row["sync_success"]),
        is_full=kind in _FULL if kind else None,
    )
