"""A lease changes its owner: what a run held is held by the workflow that goes on after it."""

import uuid
from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from database.keys import stored_key
from database.own_tables import leases

_NAMES = "name:"
"""What ``database.leases.name_resource`` begins with."""


async def leases_of(connection: AsyncConnection, owner: str, successor: str, *, at: datetime) -> int:
    """Give a VM's context to a successor and its name back, in the caller's transaction.

    A name is held only while a VM of that name is made. The token is new, as at every grant: whoever saw the
    old owner closed must not take the lease from its successor.

    Args:
        connection: In the transaction that records the run's end.
        owner: The workflow id that ends.
        successor: The workflow id that goes on.
        at: When (UTC).

    Returns:
        How many leases changed; 0 when that was done before.
    """
    of_owner = leases.c.owner_key == stored_key(owner)
    await connection.execute(delete(leases).where(of_owner, leases.c.resource.like(f"{_NAMES}%")))
    changed = await connection.execute(
        update(leases)
        .where(of_owner)
        .values(
            owner_key=stored_key(successor),
            owner_workflow_id=successor,
            token=str(uuid.uuid4()),
            acquired_at=at,
        )
    )
    return changed.rowcount
