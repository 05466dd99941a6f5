"""Writes rows into a database of either generation."""

from collections.abc import Mapping

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from database import Database


class RowWriter:
    """Inserts rows with the columns that the database has.

    Args:
        database: Whose schema counts.
        connection: In the caller's transaction.
    """

    def __init__(self, database: Database, connection: AsyncConnection) -> None:
        self._features = database.features
        self._connection = connection

    def takes(self, table: Table, values: Mapping[str, object]) -> dict[str, object]:
        """Keep of ``values`` what the database has a column for."""
        return self._features.writable(table, values)

    async def add(self, table: Table, values: Mapping[str, object]) -> object:
        """Insert a row and return its key, None where the database has no such table."""
        written = self._features.writable(table, values)
        if not written:
            return None
        done = await self._connection.execute(insert(table).values(written))
        key = done.inserted_primary_key
        return None if key is None else key[0]
