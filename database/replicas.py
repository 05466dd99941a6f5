"""``failover_replicas``: who keeps replication off a VM's disks, and who wrote to them.

Replication's own rows are changed in the same transaction: the scheduler's switch, the change ids, and the
snapshots that ``ossea_volumes`` names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from database.engine import Database
from database.errors import SchemaMismatch
from database.own_tables import replicas
from database.replica_rows import locked, replica_key
from database.replication_rows import context_disks, history_of
from database.tables import flag, ossea_volumes, text, vm_disks, vm_replication_contexts
from rules.errors import FailoverErrorType, FailoverRefused

_CONTEXTS, _VOLUMES = vm_replication_contexts.name, ossea_volumes.name


@dataclass(frozen=True)
class ReplicaState:
    """What is known of a context's replicas.

    Attributes:
        fenced_by: The failover that keeps replication off; empty when none does.
        dirty_by: The failover that wrote to them and was not reverted; empty when none did.
        scheduler_enabled: The switch as it is now; None where the schema does not say.
    """

    fenced_by: str = ""
    dirty_by: str = ""
    scheduler_enabled: bool | None = None


class ReplicaRepository:
    """Fences replicas and marks them. Every write may be repeated.

    Args:
        database: Where the tables are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fence(self, context_id: str, workflow_id: str, *, now: datetime) -> bool | None:
        """Take the fence and switch the scheduler off, in one transaction.

        Args:
            context_id: Whose replicas.
            workflow_id: The failover that keeps replication off.
            now: When (UTC).

        Returns:
            The switch as it was before this failover first fenced; None where the schema has none.

        Raises:
            FailoverRefused: FenceBroken when another failover holds the fence; UnknownContext.
        """
        async with self._database.write() as connection:
            row = await locked(connection, context_id, server=self._database.on_server)
            holder = text(row.fence_workflow_id)
            if holder not in {"", workflow_id}:
                raise FailoverRefused(
                    FailoverErrorType.FENCE_BROKEN,
                    f"replication of context {context_id} is fenced by workflow {holder}",
                )
            before = row.scheduler_before
            if not holder:
                before = await self._scheduler(connection, context_id)
                await connection.execute(
                    update(replicas)
                    .where(replicas.c.context_key == row.context_key)
                    .values(
                        fence_workflow_id=workflow_id,
                        scheduler_before=before,
                        fenced_at=now,
                        released_at=None,
                    )
                )
            await self._switch(connection, context_id, 0)
        return None if before is None else flag(before)

    async def state(self, context_id: str) -> ReplicaState:
        """Return what is known now."""
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(replicas).where(replicas.c.context_key == replica_key(context_id))
                )
            ).one_or_none()
            scheduler = await self._scheduler(connection, context_id, known=False)
        return ReplicaState(
            fenced_by="" if row is None else text(row.fence_workflow_id),
            dirty_by="" if row is None else text(row.dirty_workflow_id),
            scheduler_enabled=None if scheduler is None else flag(scheduler),
        )

    async def release(self, context_id: str, workflow_id: str, *, now: datetime) -> bool:
        """Give the scheduler its old value back and the fence away, in one transaction.

        Returns:
            Whether the fence was this failover's. Another's is left as it is.
        """
        async with self._database.write() as connection:
            row = await locked(connection, context_id, server=self._database.on_server)
            if text(row.fence_workflow_id) != workflow_id:
                return False
            if row.scheduler_before is not None:
                await self._switch(connection, context_id, row.scheduler_before)
            await connection.execute(
                update(replicas)
                .where(replicas.c.context_key == row.context_key)
                .values(fence_workflow_id=None, scheduler_before=None, released_at=now)
            )
        return True

    async def mark(self, context_id: str, workflow_id: str, *, dirty: bool, now: datetime) -> None:
        """Record that a failover is about to write to the replicas, or that they are as they were.

        Another failover's mark counts until a full sync of every disk that began after it has completed.

        Raises:
            FailoverRefused: FenceBroken when the mark is another failover's, or when the replicas are to be
                written to by one that does not hold the fence.
        """
        async with self._database.write() as connection:
            row = await locked(connection, context_id, server=self._database.on_server)
            marked, fenced = text(row.dirty_workflow_id), text(row.fence_workflow_id)
            if marked not in {"", workflow_id} and await self._is_mended(connection, row):
                marked = ""
            if marked not in {"", workflow_id}:
                raise FailoverRefused(
                    FailoverErrorType.FENCE_BROKEN,
                    f"workflow {marked} wrote to the replicas of context {context_id}; they are not reverted",
                )
            if dirty and fenced != workflow_id:
                raise FailoverRefused(
                    FailoverErrorType.FENCE_BROKEN,
                    f"replication of context {context_id} is not fenced by this failover",
                )
            if not dirty and not marked:
                return
            # The time is that of the last mark: a sync that mends the replica began after every write.
            values = (
                {"dirty_workflow_id": workflow_id, "dirty_at": now, "cleaned_at": None}
                if dirty
                else {"dirty_workflow_id": None, "cleaned_at": now}
            )
            await connection.execute(
                update(replicas).where(replicas.c.context_key == row.context_key).values(values)
            )

    async def hand_over(self, context_id: str, workflow_id: str, *, now: datetime) -> bool:
        """Let go of replicas that are a live VM's own disks for good, in one transaction.

        Neither fence nor mark names the failover any more. The scheduler stays off, and its old value is
        forgotten: somebody who protects the machine anew switches it on. What was synced before counts no
        more, and the change ids are forgotten where there are any, so that the next sync is a full one.

        Returns:
            Whether fence or mark was this failover's. Another's are left as they are.
        """
        features = self._database.features
        async with self._database.write() as connection:
            row = await locked(connection, context_id, server=self._database.on_server)
            if workflow_id not in {text(row.fence_workflow_id), text(row.dirty_workflow_id)}:
                return False
            values: dict[str, Any] = {"stale_at": now}
            if text(row.fence_workflow_id) == workflow_id:
                values |= {"fence_workflow_id": None, "scheduler_before": None, "released_at": now}
            if text(row.dirty_workflow_id) == workflow_id:
                values |= {"dirty_workflow_id": None}
            await connection.execute(
                update(replicas).where(replicas.c.context_key == row.context_key).values(values)
            )
            if features.has(vm_disks.name, "disk_change_id"):
                await connection.execute(
                    update(vm_disks).where(vm_disks.c.vm_context_id == context_id).values(disk_change_id=None)
                )
        return True

    async def clear_change_ids(self, context_id: str, disk_ids: Collection[str], *, now: datetime) -> None:
        """Forget how far replication got with these disks, in every row that tells it.

        ``cbt_history`` says what was, and stays; our row says that no sync that began before counts any more.

        Raises:
            SchemaMismatch: The schema keeps no change id per disk: nothing was cleared.
        """
        if not self._database.features.has(vm_disks.name, "disk_change_id"):
            raise SchemaMismatch(
                "vm_disks has no column disk_change_id: make the next sync of these disks a full one by hand",
                table=vm_disks.name,
                column="disk_change_id",
            )
        async with self._database.write() as connection:
            row = await locked(connection, context_id, server=self._database.on_server)
            await connection.execute(
                update(replicas).where(replicas.c.context_key == row.context_key).values(stale_at=now)
            )
            await connection.execute(
                update(vm_disks)
                .where(vm_disks.c.vm_context_id == context_id, vm_disks.c.disk_id.in_(sorted(disk_ids)))
                .values(disk_change_id=None)
            )

    async def record_snapshots(self, snapshots: Mapping[str, str], *, gone: bool, now: datetime) -> None:
        """Write the snapshot of each volume where the schema has a place for it.

        Args:
            snapshots: Snapshot ids by CloudStack volume id.
            gone: They are no more; a volume that names another snapshot by now keeps it.
            now: When (UTC).
        """
        features = self._database.features
        if not snapshots or not features.has(_VOLUMES, "snapshot_id"):
            return
        word = "none" if gone else "ready"
        values: dict[str, Any] = {
            "snapshot_id": None if gone else case(snapshots, value=ossea_volumes.c.volume_id),
            "snapshot_created_at": None if gone else now,
        }
        if features.takes(_VOLUMES, "snapshot_status", word):
            values["snapshot_status"] = word
        statement = update(ossea_volumes).where(ossea_volumes.c.volume_id.in_(sorted(snapshots)))
        if gone:
            statement = statement.where(ossea_volumes.c.snapshot_id.in_(sorted(snapshots.values())))
        async with self._database.write() as connection:
            await connection.execute(statement.values(features.writable(ossea_volumes, values)))

    async def _is_mended(self, connection: AsyncConnection, row: Row[Any]) -> bool:
        """Return whether a full sync brought every disk anew since the replicas were written to."""
        features = self._database.features
        disks = await context_disks(connection, features, row.context_id)
        _, history = await history_of(
            connection, features, row.context_id, with_disks=True, stale_at=row.stale_at
        )
        return history.is_mended({text(disk.get("disk_id")) for disk in disks}, written_at=row.dirty_at)

    async def _scheduler(
        self, connection: AsyncConnection, context_id: str, *, known: bool = True
    ) -> int | None:
        """Read the switch; ``known`` refuses a context that does not exist."""
        features = self._database.features
        wanted = [
            column
            for column in features.present(vm_replication_contexts)
            if column.name in {"context_id", "scheduler_enabled"}
        ]
        found = await connection.execute(
            select(*wanted).where(vm_replication_contexts.c.context_id == context_id)
        )
        rows = [row._asdict() for row in found if row.context_id == context_id]
        if not rows and known:
            raise FailoverRefused(FailoverErrorType.UNKNOWN_CONTEXT, f"there is no VM context {context_id}")
        value = rows[0].get("scheduler_enabled") if rows else None
        return None if value is None else int(flag(value))

    async def _switch(self, connection: AsyncConnection, context_id: str, value: int) -> None:
        if self._database.features.has(_CONTEXTS, "scheduler_enabled"):
            await connection.execute(
                update(vm_replication_contexts)
                .where(vm_replication_contexts.c.context_id == context_id)
                .values(scheduler_enabled=value)
            )
