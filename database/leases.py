"""``failover_leases``: who may act on a VM context or submit a VM name.

A lease is held by a workflow id until it is released or taken over. It has no age: only Temporal can say that
its owner is closed, and the caller hands that in as ``take_over_from``.

A workflow id may be used again, so its name does not say which of its executions was found closed. Every
grant therefore writes a new token, a re-entrant one too, and only the lease that has the token which was
seen is taken over.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from database.engine import Database
from database.keys import stored_key
from database.own_tables import leases


def context_resource(context_id: str, failover_type: str) -> str:
    """Return the resource that a run of this type holds for its VM context."""
    return f"context:{context_id}:{failover_type}"


def name_resource(vm_name: str) -> str:
    """Return the resource under which submits of one VM name are made one after the other."""
    return f"name:{vm_name.lower()}"


@dataclass(frozen=True)
class LeaseAnswer:
    """What came of asking for a lease.

    Attributes:
        granted: The caller owns the resource now.
        reentrant: It owned it before: this is a reset, or a retry whose first reply was lost.
        taken_over_from: The closed owner whose lease the caller got or cleared away, None without one.
        held_by: The workflow id that stands in the way, None where none does. A re-entrant lease is granted
            all the same, for its owner may already have effects to look after.
        held_token: Of its lease, to be handed in as ``take_over_token`` when it is found closed. Two answers
            that differ in it only are equal.
    """

    granted: bool
    reentrant: bool = False
    taken_over_from: str | None = None
    held_by: str | None = None
    held_token: str | None = field(default=None, compare=False)


class LeaseRepository:
    """Grants leases, one transaction each.

    Args:
        database: Where ``failover_leases`` is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(  # noqa: PLR0913 - keywords, none of which can be told from another
        self,
        *,
        resource: str,
        owner: str,
        context_id: str,
        failover_type: str,
        now: datetime,
        token: str | None = None,
        take_over_from: str | None = None,
        take_over_token: str | None = None,
        blocking: Collection[str] = (),
    ) -> LeaseAnswer:
        """Ask for a resource.

        Our row goes in first and only then are the blocking resources looked at, under lock. Two that block
        one another can therefore never both be granted.

        Args:
            resource: What is to be owned; see ``context_resource`` and ``name_resource``.
            owner: The workflow id that asks.
            context_id: For those who read the table.
            failover_type: The same.
            now: When it is asked for (UTC).
            token: Written into the lease, also where it is the caller's already; by default a new one. One
                for several resources lets all of them be taken over at once.
            take_over_from: A workflow id that Temporal says is closed. Its lease on the resource becomes the
                caller's, its leases on blocking resources are removed.
            take_over_token: What its leases had when it was asked after. One with another token was granted
                since, to an execution that may be open.
            blocking: Other resources that nobody else may hold. A request refused for one leaves no row.
        """
        key, owner_key = stored_key(resource), stored_key(owner)
        token = token or str(uuid.uuid4())
        closed = (take_over_from, take_over_token) if take_over_from != owner else None
        values = {
            "resource_key": key,
            "resource": resource,
            "owner_key": owner_key,
            "owner_workflow_id": owner,
            "token": token,
            "context_id": context_id,
            "failover_type": failover_type,
            "acquired_at": now,
        }
        async with self._database.write() as connection:
            await self._insert_unless_there(connection, values)
            keys = {key, *(stored_key(other) for other in blocking)}
            found = await connection.execute(
                select(leases).where(leases.c.resource_key.in_(sorted(keys))).with_for_update()
            )
            rows = {row.resource_key: row for row in found}
            ours = rows.pop(key)
            reentrant = ours.owner_workflow_id == owner and ours.token != token
            taken = _holding(ours) == closed
            if ours.owner_workflow_id != owner and not taken:
                return LeaseAnswer(granted=False, held_by=ours.owner_workflow_id, held_token=ours.token)
            if taken or reentrant:
                changed = values if taken else {"token": token}
                await connection.execute(update(leases).where(leases.c.resource_key == key).values(changed))
            stale, block = await self._sort_blockers(connection, rows.values(), owner, closed)
            if block is not None and not reentrant:
                await connection.execute(delete(leases).where(leases.c.resource_key == key))
            return LeaseAnswer(
                granted=block is None or reentrant,
                reentrant=reentrant,
                taken_over_from=take_over_from if taken or stale else None,
                held_by=block.owner_workflow_id if block is not None else None,
                held_token=block.token if block is not None else None,
            )

    async def release(self, owner: str) -> int:
        """Give back everything that a workflow id holds, and return how many leases that were."""
        async with self._database.write() as connection:
            done = await connection.execute(delete(leases).where(leases.c.owner_key == stored_key(owner)))
        return done.rowcount

    async def holder(self, resource: str) -> str:
        """Return the workflow id that holds a resource, empty where nobody does."""
        async with self._database.read() as connection:
            found = await connection.execute(
                select(leases.c.owner_workflow_id).where(leases.c.resource_key == stored_key(resource))
            )
            return found.scalar_one_or_none() or ""

    async def _insert_unless_there(self, connection: AsyncConnection, values: dict[str, Any]) -> None:
        if self._database.on_server:
            # INSERT IGNORE would hide other errors; this locks the row that is there and leaves it as it is.
            await connection.execute(
                mysql.insert(leases)
                .values(values)
                .on_duplicate_key_update(resource_key=leases.c.resource_key)
            )
        else:
            await connection.execute(sqlite.insert(leases).values(values).on_conflict_do_nothing())

    @staticmethod
    async def _sort_blockers(
        connection: AsyncConnection,
        rows: Collection[Row[Any]],
        owner: str,
        closed: tuple[str | None, str | None] | None,
    ) -> tuple[bool, Row[Any] | None]:
        """Remove the leases of a closed owner; return whether there were any, and the first that blocks."""
        others = sorted(
            (row for row in rows if row.owner_workflow_id != owner), key=lambda row: row.resource_key
        )
        stale = [row.resource_key for row in others if _holding(row) == closed]
        if stale:
            await connection.execute(delete(leases).where(leases.c.resource_key.in_(stale)))
        blocks = [row for row in others if _holding(row) != closed]
        return bool(stale), blocks[0] if blocks else None


def _holding(row: Row[Any]) -> tuple[str, str]:
    return row.owner_workflow_id, row.token
