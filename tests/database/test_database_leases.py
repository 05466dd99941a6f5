"""Leases: one owner at a time, whatever happens at one moment."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from database import Database, LeaseAnswer, LeaseRepository, context_resource, name_resource
from database.errors import DatabaseUnavailable
from database.own_tables import leases
from tests.support.field_rows import counted
from tests.support.leases import holder

NOW = datetime(2025, 9, 24, 12, 0, tzinfo=UTC)
LIVE, TEST = context_resource("ctx-a", "live"), context_resource("ctx-a", "test")


class Asker:
    """Asks for leases as a run of one workflow id does."""

    def __init__(self, database: Database) -> None:
        self.repository = LeaseRepository(database)

    async def live(self, owner: str, *, instead_of: tuple[str, str | None] | None = None) -> LeaseAnswer:
        take_over_from, take_over_token = instead_of or (None, None)
        return await self.repository.acquire(
            resource=LIVE,
            owner=owner,
            context_id="ctx-a",
            failover_type="live",
            now=NOW,
            take_over_from=take_over_from,
            take_over_token=take_over_token,
        )

    async def test(self, owner: str, *, instead_of: tuple[str, str | None] | None = None) -> LeaseAnswer:
        take_over_from, take_over_token = instead_of or (None, None)
        return await self.repository.acquire(
            resource=TEST,
            owner=owner,
            context_id="ctx-a",
            failover_type="test",
            now=NOW,
            take_over_from=take_over_from,
            take_over_token=take_over_token,
            blocking=[LIVE],
        )


async def test_a_second_workflow_is_refused_with_the_id_of_the_first(own_database: Database) -> None:
    ask = Asker(own_database)

    assert await ask.live("first") == LeaseAnswer(granted=True)
    assert await ask.live("second") == LeaseAnswer(granted=False, held_by="first")
    assert await holder(own_database, LIVE) == "first"


async def test_asking_again_is_granted_to_the_owner(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.live("first")
    assert await ask.live("first") == LeaseAnswer(granted=True, reentrant=True)


@pytest.mark.parametrize("other", ("First", "first ", "f\u0131rst"))
async def test_owners_that_differ_in_case_or_blanks_are_different_owners(
    own_database: Database, other: str
) -> None:
    ask = Asker(own_database)
    await ask.live("first")
    assert await ask.live(other) == LeaseAnswer(granted=False, held_by="first")
    assert await ask.repository.release(other) == 0
    assert await holder(own_database, LIVE) == "first"


async def test_released_leases_are_free_again(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.live("first")
    await ask.repository.acquire(
        resource=name_resource("VM"), owner="first", context_id="ctx-a", failover_type="live", now=NOW
    )
    await ask.test("first")

    assert await ask.repository.release("first") == 3
    assert await ask.repository.release("first") == 0
    assert await holder(own_database, name_resource("vm")) is None
    assert (await ask.live("second")).granted


async def test_a_closed_owner_is_taken_over_by_its_name_and_token_only(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.live("first")
    token = (await ask.live("second")).held_token

    assert token
    for wrong in (("somebody else", token), ("first", "another token"), ("first", None)):
        assert not (await ask.live("second", instead_of=wrong)).granted
    assert await ask.live("second", instead_of=("first", token)) == LeaseAnswer(
        granted=True, taken_over_from="first"
    )
    assert await holder(own_database, LIVE) == "second"
    assert await ask.repository.release("first") == 0
    # The closed owner may by now have been followed by another: what was true before is no longer.
    assert await ask.live("third", instead_of=("first", token)) == LeaseAnswer(
        granted=False, held_by="second"
    )


async def test_an_owner_that_comes_back_after_it_was_found_closed_keeps_its_lease(
    own_database: Database,
) -> None:
    """Its workflow id is the same; only the token tells the closed execution from the one that runs."""
    ask = Asker(own_database)
    await ask.live("first")
    seen = (await ask.live("second")).held_token
    # Temporal says: closed. Then the same id is started again, or reset, and asks first.
    assert await ask.live("first") == LeaseAnswer(granted=True, reentrant=True)

    late = await ask.live("second", instead_of=("first", seen))

    assert late == LeaseAnswer(granted=False, held_by="first")
    assert late.held_token not in {None, seen}
    assert await holder(own_database, LIVE) == "first"
    # It is asked after once more, and closed now.
    assert (await ask.live("second", instead_of=("first", late.held_token))).granted
    assert await ask.live("first") == LeaseAnswer(granted=False, held_by="second")


async def test_a_live_run_that_comes_back_blocks_the_test_that_found_it_closed(
    own_database: Database,
) -> None:
    ask = Asker(own_database)
    await ask.live("live run")
    seen = (await ask.test("test run")).held_token
    await ask.live("live run")

    late = await ask.test("test run", instead_of=("live run", seen))

    assert late == LeaseAnswer(granted=False, held_by="live run")
    assert await holder(own_database, LIVE) == "live run"
    assert await holder(own_database, TEST) is None


async def test_a_test_is_blocked_by_a_live_run_and_leaves_no_row(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.live("live run")

    assert await ask.test("test run") == LeaseAnswer(granted=False, held_by="live run")
    assert await holder(own_database, TEST) is None


async def test_a_live_run_is_not_refused_because_of_a_test(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.test("test run")
    assert (await ask.live("live run")).granted


async def test_a_test_that_held_its_lease_before_the_live_run_came_keeps_it(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.test("test run")
    await ask.live("live run")

    assert await ask.test("test run") == LeaseAnswer(granted=True, reentrant=True, held_by="live run")
    assert await holder(own_database, TEST) == "test run"


async def test_the_lease_of_a_closed_live_run_does_not_block_a_test(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.live("terminated")
    token = (await ask.test("test run")).held_token

    assert await ask.test("test run", instead_of=("terminated", token)) == LeaseAnswer(
        granted=True, taken_over_from="terminated"
    )
    assert await holder(own_database, LIVE) is None


async def test_a_lease_taken_over_and_then_blocked_is_given_up(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.test("terminated")
    token = (await ask.test("test run")).held_token
    await ask.live("live run")

    answer = await ask.test("test run", instead_of=("terminated", token))

    assert (answer.granted, answer.held_by) == (False, "live run")
    assert await holder(own_database, TEST) is None


async def test_ones_own_other_lease_does_not_block(own_database: Database) -> None:
    ask = Asker(own_database)
    await ask.live("one")
    assert (await ask.test("one")).granted


async def test_of_many_at_one_moment_exactly_one_is_granted(own_database: Database) -> None:
    ask = Asker(own_database)

    answers = await asyncio.gather(*(ask.live(f"workflow {number}") for number in range(12)))

    granted = [answer for answer in answers if answer.granted]
    assert len(granted) == 1
    owner = await holder(own_database, LIVE)
    assert {answer.held_by for answer in answers if not answer.granted} == {owner}


async def test_unrelated_resources_at_one_moment_are_all_granted(own_database: Database) -> None:
    repository = LeaseRepository(own_database)

    async def ask(number: int) -> LeaseAnswer:
        return await repository.acquire(
            resource=context_resource(f"ctx-{number}", "test"),
            owner=f"workflow {number}",
            context_id=f"ctx-{number}",
            failover_type="test",
            now=NOW,
            blocking=[context_resource(f"ctx-{number}", "live")],
        )

    assert all(answer.granted for answer in await asyncio.gather(*map(ask, range(20))))


async def test_two_that_block_one_another_are_never_both_granted(own_database: Database) -> None:
    repository = LeaseRepository(own_database)

    async def ask(own: str, other: str) -> bool:
        while True:
            # A deadlock is a transient error, and Temporal repeats the call.
            with suppress(DatabaseUnavailable):
                answer = await repository.acquire(
                    resource=own,
                    owner=own,
                    context_id="c",
                    failover_type="live",
                    now=NOW,
                    blocking=[other],
                )
                return answer.granted

    for number in range(10):
        left, right = f"left-{number}", f"right-{number}"
        granted = await asyncio.gather(ask(left, right), ask(right, left))
        assert granted.count(True) <= 1, number


async def test_resources_and_owners_of_any_length_are_told_apart(own_database: Database) -> None:
    repository = LeaseRepository(own_database)
    long = "workflow-" + "x" * 900

    async def ask(resource: str, owner: str) -> LeaseAnswer:
        return await repository.acquire(
            resource=resource, owner=owner, context_id="c", failover_type="live", now=NOW
        )

    assert (await ask(f"context:{long}1:live", f"{long}1")).granted
    assert (await ask(f"context:{long}2:live", f"{long}2")).granted
    refused = await ask(f"context:{long}1:live", f"{long}2")
    assert refused.held_by == f"{long}1"
    assert await repository.release(f"{long}1") == 1
    assert await holder(own_database, f"context:{long}2:live") == f"{long}2"


async def test_a_grant_costs_two_statements_and_no_row_is_left_behind(own_database: Database) -> None:
    ask = Asker(own_database)
    with counted(own_database) as sent:
        await ask.live("first")
    assert len([one for one in sent if not one.startswith("BEGIN")]) == 2
    await ask.repository.release("first")
    async with own_database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(leases))).scalar_one() == 0
