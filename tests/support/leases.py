"""Who holds a lease, read from the table itself."""

from sqlalchemy import select

from database import Database
from database.own_tables import leases


async def holder(database: Database, resource: str) -> str | None:
    """Return the workflow id that holds a resource now, None where nobody does."""
    async with database.read() as connection:
        rows = await connection.execute(select(leases.c.resource, leases.c.owner_workflow_id))
        return {row.resource: str(row.owner_workflow_id) for row in rows}.get(resource)
