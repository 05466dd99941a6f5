"""The replication system's own rows: ``replication_jobs``, ``cbt_history``, contexts and disks.

Written as that system writes them (original-system.md, section 3), into whatever of these columns a
database has. Its own SQL: nothing is shared with the product that reads the rows.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, TableClause, column, insert, inspect, select, table, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType, TypeEngine

from simulators.replication.jobs import COMPLETED, Job, Protected

_CONTEXTS, _DISKS, _JOBS, _HISTORY = "vm_replication_contexts", "vm_disks", "replication_jobs", "cbt_history"


class SqlRecords:
    """Keeps everything in a database that exists.

    Args:
        url: As SQLAlchemy takes it, with an asynchronous driver.
    """

    def __init__(self, url: str) -> None:
        patience = {"timeout": 30} if url.startswith("sqlite") else {}
        self._engine = create_async_engine(url, poolclass=NullPool, connect_args=patience)
        self._tables: dict[str, TableClause] = {}

    async def find(self, vm_id: str, vcenter_host: str) -> Protected | None:
        """Return the VM of this uuid and vCenter."""
        return next(
            (
                vm
                for vm in await self._vms(only_scheduled=False)
                if (vm.vm_id.lower(), vm.vcenter_host.lower()) == (vm_id.lower(), vcenter_host.lower())
            ),
            None,
        )

    async def scheduled(self) -> list[Protected]:
        """Return the VMs whose ``scheduler_enabled`` is set; none where the schema has no scheduler."""
        return await self._vms(only_scheduled=True)

    async def current_job(self, context_id: str) -> str:
        """Return the context's ``current_job_id``."""
        async with self._connection() as connection:
            contexts = self._tables[_CONTEXTS]
            if "current_job_id" not in contexts.c:
                return ""
            found = await connection.scalar(
                select(contexts.c.current_job_id).where(contexts.c.context_id == context_id)
            )
        return str(found or "")

    async def begin(self, job: Job) -> None:
        """Insert the job, and name it as the context's running one."""
        async with self._connection() as connection:
            await self._insert(
                connection,
                _JOBS,
                id=job.id,
                vm_context_id=job.vm.context_id,
                source_vm_id=job.vm.vm_id,
                source_vm_name=job.vm.vm_name,
                source_vm_path=str(job.source_vm.get("path", "")),
                v_center_host=job.vm.vcenter_host,
                datacenter=str(job.source_vm.get("datacenter", "")),
                replication_type="incremental",
                status=job.status,
                progress_percent=0.0,
                ossea_config_id=job.ossea_config_id or None,
                created_at=_naive(job.started_at),
                updated_at=_naive(job.started_at),
                started_at=_naive(job.started_at),
            )
            await self._update(connection, _CONTEXTS, "context_id", job.vm.context_id, current_job_id=job.id)

    async def move(self, job: Job) -> None:
        """Update the job; with its end also the context, and with a success what each disk was brought to."""
        async with self._connection() as connection:
            await self._update(
                connection,
                _JOBS,
                "id",
                job.id,
                status=job.status,
                progress_percent=job.progress_percent,
                error_message=job.error or None,
                updated_at=_naive(job.updated_at),
                completed_at=_naive(job.completed_at) if job.completed_at else None,
            )
            if not job.ended:
                return
            last = {"last_successful_job_id": job.id} if job.status == COMPLETED else {}
            await self._update(
                connection, _CONTEXTS, "context_id", job.vm.context_id, current_job_id=None, **last
            )
            for disk_id in job.vm.disk_ids if job.status == COMPLETED else ():
                await self._disk_done(connection, job, disk_id)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    async def _disk_done(self, connection: AsyncConnection, job: Job, disk_id: str) -> None:
        change_id = f"{job.id}/{disk_id}"
        await self._insert(
            connection,
            _HISTORY,
            job_id=job.id,
            disk_id=disk_id,
            change_id=change_id,
            sync_type="incremental",
            sync_success=1,
            created_at=_naive(job.updated_at),
        )
        disks = self._tables[_DISKS]
        if "disk_change_id" in disks.c:
            await connection.execute(
                update(disks)
                .where(disks.c.vm_context_id == job.vm.context_id, disks.c.disk_id == disk_id)
                .values(disk_change_id=change_id)
            )

    async def _vms(self, *, only_scheduled: bool) -> list[Protected]:
        async with self._connection() as connection:
            contexts, disks = self._tables[_CONTEXTS], self._tables[_DISKS]
            statement = select(
                contexts.c.context_id, contexts.c.vmware_vm_id, contexts.c.vm_name, contexts.c.vcenter_host
            )
            if only_scheduled:
                if "scheduler_enabled" not in contexts.c:
                    return []
                statement = statement.where(contexts.c.scheduler_enabled == 1)
            rows = (await connection.execute(statement)).all()
            disk_rows = (await connection.execute(select(disks.c.vm_context_id, disks.c.disk_id))).all()
        return [
            Protected(
                context_id=context_id,
                vm_id=vm_id,
                vm_name=name,
                vcenter_host=host,
                disk_ids=tuple(dict.fromkeys(str(disk) for owner, disk in disk_rows if owner == context_id)),
            )
            for context_id, vm_id, name, host in rows
        ]

    async def _insert(self, connection: AsyncConnection, name: str, **values: object) -> None:
        into = self._tables.get(name)
        if into is not None:
            await connection.execute(insert(into).values(_known(into, values)))

    async def _update(
        self, connection: AsyncConnection, name: str, key: str, wanted: str, **values: object
    ) -> None:
        into = self._tables.get(name)
        if into is not None and (known := _known(into, values)):
            await connection.execute(update(into).where(into.c[key] == wanted).values(known))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a transaction; the tables are looked at once."""
        async with self._engine.begin() as connection:
            if connection.dialect.name in {"mysql", "mariadb"}:
                await connection.exec_driver_sql("SET time_zone = '+00:00'")
            if not self._tables:
                self._tables = await _tables_there(connection)
            yield connection


async def _tables_there(connection: AsyncConnection) -> dict[str, TableClause]:
    there = set(await connection.run_sync(lambda made: inspect(made).get_table_names()))
    found = {}
    for name in (_CONTEXTS, _DISKS, _JOBS, _HISTORY):
        if name in there:
            # Names are enough: SQLite's reflection stumbles over the types of tables that MariaDB's DDL made.
            rows = await connection.execute(select(text("*")).select_from(text(name)).where(text("1 = 0")))
            found[name] = table(name, *(column(one, _type(one)) for one in rows.keys()))  # noqa: SIM118 - no dict
    return found


def _type(column_name: str) -> TypeEngine[Any]:
    return DateTime() if column_name.endswith("_at") else NullType()


def _known(known: TableClause, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in known.c}


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
