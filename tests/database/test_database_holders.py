"""Who keeps a failover out: read from the leases, with nothing taken."""

import pytest
from sqlalchemy import select

from activities.lease import LeaseActivities
from activities.messages.context import HolderQuery, Holders
from database import Database, LeaseRepository, RunRepository, context_resource, name_resource
from database.own_tables import leases
from rules.request import FailoverType
from tests.support.field_rows import NOW

LIVE, TEST = FailoverType.LIVE, FailoverType.TEST


async def _hold(database: Database, owner: str, resource: str, kind: FailoverType) -> None:
    answer = await LeaseRepository(database).acquire(
        resource=resource, owner=owner, context_id="ctx-a", failover_type=kind.value, now=NOW
    )
    assert answer.granted


@pytest.mark.parametrize(
    ("held", "asks", "found"),
    (
        ({}, LIVE, ()),
        ({LIVE: "commit-1"}, LIVE, ("commit-1",)),
        ({LIVE: "commit-1"}, TEST, ("commit-1",)),
        ({TEST: "cleanup-1"}, TEST, ("cleanup-1",)),
        # A live failover is never refused because of a test.
        ({TEST: "cleanup-1"}, LIVE, ()),
        ({LIVE: "commit-1", TEST: "cleanup-1"}, TEST, ("cleanup-1", "commit-1")),
    ),
)
async def test_the_holders_are_those_that_a_run_of_this_kind_would_meet(
    own_database: Database, held: dict[FailoverType, str], asks: FailoverType, found: tuple[str, ...]
) -> None:
    for kind, owner in held.items():
        await _hold(own_database, owner, context_resource("ctx-a", kind.value), kind)
    # Of another VM, and of a name: neither keeps this VM's failover out.
    await _hold(own_database, "other", context_resource("CTX-A", asks.value), asks)
    await _hold(own_database, "namesake", name_resource("vm-a"), LIVE)
    before = await _rows(own_database)

    activities = LeaseActivities(LeaseRepository(own_database), RunRepository(own_database))
    answer = await activities.find_holder(HolderQuery(context_id="ctx-a", failover_type=asks))

    assert answer == Holders(workflow_ids=found)
    assert await _rows(own_database) == before


async def _rows(database: Database) -> list[tuple[object, ...]]:
    async with database.read() as connection:
        found = await connection.execute(select(leases).order_by(leases.c.resource_key))
        return [tuple(row) for row in found]
