"""Real failures of both databases, told apart by code: what is repeated, and what is not."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from database import Database, DatabaseError, DatabaseUnavailable, LeaseRepository, RunRepository, migrate
from database.driver_errors import translate
from database.tables import network_mappings
from tests.support.field_rows import add_rows
from tests.support.mariadb import MariaDBServer

NOW = datetime(2025, 9, 24, 12, 0, tzinfo=UTC)


async def lease(database: Database, resource: str = "r", owner: str = "o") -> bool:
    answer = await LeaseRepository(database).acquire(
        resource=resource, owner=owner, context_id="c", failover_type="live", now=NOW
    )
    return answer.granted


async def test_a_killed_connection_is_transient_and_the_next_call_works(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    database = await Database.open(mariadb_url, pool_size=1)
    try:

        async def die() -> None:
            async with database.write() as connection:
                own = (await connection.execute(text("SELECT CONNECTION_ID()"))).scalar_one()
                mariadb_server.sql(f"KILL {own}")
                await connection.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailable):
            await die()
        assert await lease(database)
        # A connection that dies in the pool is noticed before it is used.
        async with database.read() as connection:
            own = (await connection.execute(text("SELECT CONNECTION_ID()"))).scalar_one()
        mariadb_server.sql(f"KILL {own}")
        assert await LeaseRepository(database).holder("r") == "o"
    finally:
        await database.close()


async def test_a_deadlock_is_transient_and_undoes_the_whole_write(mariadb_url: str) -> None:
    await migrate(mariadb_url)
    database = await Database.open(mariadb_url)
    await lease(database, "left")
    await lease(database, "right")
    both_hold_one = asyncio.Barrier(2)
    touch = text("UPDATE failover_leases SET token = :token WHERE resource_key = :key")

    async def cross(first: str, second: str) -> None:
        async with database.write() as connection:
            await connection.execute(touch, {"token": first, "key": first})
            await both_hold_one.wait()
            await connection.execute(touch, {"token": first, "key": second})

    try:
        outcomes = await asyncio.gather(
            cross("left", "right"), cross("right", "left"), return_exceptions=True
        )
        (failure,) = [one for one in outcomes if one is not None]
        assert isinstance(failure, DatabaseUnavailable)
        assert (failure.code, failure.transient) == (1213, True)
        async with database.read() as connection:
            tokens = (
                (await connection.execute(text("SELECT DISTINCT token FROM failover_leases"))).scalars().all()
            )
        assert len(tokens) == 1
    finally:
        await database.close()


async def test_waiting_too_long_for_a_lock_is_transient(mariadb_url: str) -> None:
    await migrate(mariadb_url)
    database = await Database.open(mariadb_url)
    await lease(database)

    async def wait() -> None:
        async with database.write() as other:
            await other.execute(text("SET innodb_lock_wait_timeout = 1"))
            await other.execute(text("UPDATE failover_leases SET token = 't'"))

    try:
        async with database.write() as holder:
            await holder.execute(text("SELECT * FROM failover_leases FOR UPDATE"))
            with pytest.raises(DatabaseUnavailable) as refused:
                await wait()
        assert refused.value.code == 1205
    finally:
        await database.close()


async def test_a_server_without_a_free_connection_is_transient(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    before = mariadb_server.sql("SELECT @@max_connections").strip()
    database = await Database.open(mariadb_url, pool_size=12)
    mariadb_server.sql("SET GLOBAL max_connections = 10")

    async def take_twelve(held: AsyncExitStack) -> None:
        for _ in range(12):
            await held.enter_async_context(database.read())

    try:
        async with AsyncExitStack() as held:
            with pytest.raises(DatabaseUnavailable) as refused:
                await take_twelve(held)
        assert refused.value.code == 1040
    finally:
        await database.close()
        mariadb_server.sql(f"SET GLOBAL max_connections = {before}")


async def test_a_locked_sqlite_file_is_transient(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("locked") / "field.db"
    url = f"sqlite+aiosqlite:///{path}"
    await migrate(url)
    database = await Database.open(url, connect_timeout=0)
    other = sqlite3.connect(path)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            await lease(database)
        assert await LeaseRepository(database).holder("r") is None
        other.rollback()
        assert await lease(database)
    finally:
        other.close()
        await database.close()


async def test_a_refused_value_is_final_and_not_quoted(own_database: Database) -> None:
    with pytest.raises(DatabaseError) as refused:
        await add_rows(
            own_database,
            network_mappings,
            {
                "vm_context_id": "no such context",
                "source_network_name": "secret name",
                "destination_network_id": "n",
                "is_test_network": 0,
            },
        )
    assert not refused.value.transient
    assert refused.value.code is not None
    assert "secret name" not in f"{refused.value!r} {refused.value.__cause__!r}"


async def test_a_word_that_the_column_does_not_take_is_refused_and_not_blanked(
    own_database: Database,
) -> None:
    with pytest.raises(DatabaseError) as refused:
        await add_rows(
            own_database,
            network_mappings,
            {
                "source_network_name": "a",
                "destination_network_id": "n",
                "is_test_network": 0,
                "validation_status": "valid",
            },
        )
    assert not refused.value.transient


async def test_an_error_within_a_write_leaves_nothing_of_it(own_database: Database) -> None:
    insert = "INSERT INTO network_mappings (source_network_name, destination_network_id) VALUES ('a', 'b')"

    async def fail() -> None:
        async with own_database.write() as connection:
            await connection.execute(text(insert))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with own_database.read() as connection:
        assert (await connection.execute(text("SELECT COUNT(*) FROM network_mappings"))).scalar_one() == 0


@pytest.mark.parametrize(
    ("error", "transient"),
    (
        (ConnectionResetError(104, "reset"), True),
        (asyncio.IncompleteReadError(b"", 4), True),
        (TimeoutError(), True),
        (OperationalError("SELECT 'secret'", {}, Exception("secret"), connection_invalidated=True), True),
        (OperationalError("SELECT 'secret'", {}, Exception("secret")), False),
        (OperationalError("SELECT 'secret'", {}, Exception(1064, "near 'secret'")), False),
    ),
)
def test_what_comes_without_a_known_code_is_told_apart_by_its_kind(error: Exception, transient: bool) -> None:  # noqa: FBT001 - a row of the table
    translated = translate(error, "db.example.local:3306/oma")
    assert isinstance(translated, DatabaseUnavailable) is transient
    assert "db.example.local:3306/oma" in str(translated)
    assert "secret" not in str(translated)


async def test_a_missing_table_is_named_although_other_refusals_are_not_quoted(
    own_database: Database,
) -> None:
    with pytest.raises(DatabaseError, match="customers") as refused:
        async with own_database.read() as connection:
            await connection.execute(text("SELECT * FROM customers"))
    assert not refused.value.transient


async def test_a_cancelled_call_gives_its_connection_back(mariadb_url: str) -> None:
    await migrate(mariadb_url)
    database = await Database.open(mariadb_url, pool_size=1, pool_timeout=5)

    async def sleep() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT SLEEP(30)"))

    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sleep(), 0.2)
        assert await RunRepository(database).list() == []
    finally:
        await database.close()
