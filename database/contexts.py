"""``vm_replication_contexts``: the protected VMs."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, select, update

from database.engine import Database
from database.tables import number, text, vm_replication_contexts
from rules.context import VMContext

_TABLE = vm_replication_contexts.name
_READ = frozenset(VMContext.model_fields)


class ContextRepository:
    """Finds the context of a VM, by its exact id.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, context_id: str) -> VMContext | None:
        """Return the context with exactly this id; the column's collation may ignore case, we do not."""
        found = await self._where(vm_replication_contexts.c.context_id == context_id)
        return next((context for context in found if context.context_id == context_id), None)

    async def candidates(self, vm_name: str) -> list[VMContext]:
        """Return every context of a VM of exactly this name, by context id.

        A name is unique within one vCenter only, so there may be several (original-system.md, section 3).
        """
        found = await self._where(vm_replication_contexts.c.vm_name == vm_name)
        return [context for context in found if context.vm_name == vm_name]

    async def record_operation(
        self,
        context_id: str,
        summary: Mapping[str, object],
        *,
        status: str = "",
        unless: Collection[str] = (),
        at: datetime,
    ) -> bool:
        """Write what the appliance's GUI shows of a VM, as far as the schema has a place for it.

        Args:
            context_id: The exact id.
            summary: What JSON can express, for ``last_operation_summary``.
            status: What ``current_status`` becomes; empty leaves it, and so does a word it cannot take.
            unless: Statuses that stay as they are, since another operation wrote them.
            at: When (UTC).

        Returns:
            Whether there was a column and a row to write to.
        """
        features = self._database.features
        values = features.writable(vm_replication_contexts, {"last_operation_summary": json.dumps(summary)})
        if await self.get(context_id) is None:
            return False
        if status and features.takes(_TABLE, "current_status", status):
            # One statement: the old status is compared and replaced in the same moment.
            now = vm_replication_contexts.c.current_status
            stays = now.in_(sorted({*unless, status}))
            values["current_status"] = case((stays, now), else_=status)
            if features.has(_TABLE, "last_status_change"):
                changed = vm_replication_contexts.c.last_status_change
                # MariaDB assigns from left to right: this column stands before the status that it compares.
                values = {"last_status_change": case((stays, changed), else_=bindparam("at", at)), **values}
        if not values:
            return False
        async with self._database.write() as connection:
            written = await connection.execute(
                update(vm_replication_contexts)
                .where(vm_replication_contexts.c.context_id == context_id)
                .ordered_values(*((vm_replication_contexts.c[name], value) for name, value in values.items()))
            )
        return written.rowcount > 0

    async def _where(self, condition: ColumnElement[bool]) -> list[VMContext]:
        columns = [
            column
            for column in self._database.features.present(vm_replication_contexts)
            if column.name in _READ
        ]
        statement = select(*columns).where(condition).order_by(vm_replication_contexts.c.context_id)
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_context(row._asdict()) for row in rows]


def _context(row: Mapping[str, Any]) -> VMContext:
    return VMContext(
        context_id=text(row["context_id"]),
        vm_name=text(row["vm_name"]),
        vmware_vm_id=text(row["vmware_vm_id"]),
        vcenter_host=text(row["vcenter_host"]),
        datacenter=text(row["datacenter"]),
        cpu_count=number(row.get("cpu_count")),
        memory_mb=number(row.get("memory_mb")),
        credential_id=row.get("credential_id"),
        ossea_config_id=row.get("ossea_config_id"),
    )
