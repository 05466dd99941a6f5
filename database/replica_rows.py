"""The key of a row of ``failover_replicas``, and how one is made."""

from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from database.keys import stored_key
from database.own_tables import replicas


def replica_key(context_id: str) -> str:
    """Return the key of a context's row."""
    return stored_key(context_id)


async def locked(connection: AsyncConnection, context_id: str, *, server: bool) -> Row[Any]:
    """Return the context's row, made where there is none, under lock until the transaction ends."""
    values = {"context_key": replica_key(context_id), "context_id": context_id}
    if server:
        # INSERT IGNORE would hide other errors; this locks the row that is there and leaves it as it is.
        await connection.execute(
            mysql.insert(replicas).values(values).on_duplicate_key_update(context_key=replicas.c.context_key)
        )
    else:
        await connection.execute(sqlite.insert(replicas).values(values).on_conflict_do_nothing())
    found = await connection.execute(
        select(replicas).where(replicas.c.context_key == values["context_key"]).with_for_update()
    )
    return found.one()
