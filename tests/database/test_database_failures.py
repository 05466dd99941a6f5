"""Real failures of both databases, told apart by code: what is repeated, and what is not."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from database import Database, DatabaseError, DatabaseUnavailable, LeaseRepository, RunRepository, migrate
from database.driver_errors import TRANSIENT_SERVER_CODES, translate
from database.tables import network_mappings
from tests.support.field_rows import add_rows
from tests.support.leases import holder
from tests.support.mariadb import PASSWORD, MariaDBServer

NOW = datetime(2025, 9, 24, 12, 0, tzinfo=UTC)

_ENDS_THE_CONNECTION = {2002, 2003, 2006, 2013, 2014, 2055}
"""Codes of the client's side: no server says them."""


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
        assert await holder(database, "r") == "o"
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
    await database.engine.dispose()  # the pool begins anew, as after an outage
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
        assert await holder(database, "r") is None
        other.rollback()
        assert await lease(database)
    finally:
        other.close()
        await database.close()


@pytest.mark.parametrize("code", sorted(TRANSIENT_SERVER_CODES.keys() - _ENDS_THE_CONNECTION))
async def test_what_a_server_says_when_it_cannot_now_is_transient(mariadb_url: str, code: int) -> None:
    """The real server answers with the code: its SIGNAL takes any number."""
    await migrate(mariadb_url)
    database = await Database.open(mariadb_url, pool_size=1)
    signal = (
        f"BEGIN NOT ATOMIC SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'secret'; END"
    )

    async def say() -> None:
        async with database.write() as connection:
            await connection.execute(text(signal))

    try:
        with pytest.raises(DatabaseUnavailable, match=rf"\(error {code}\)") as refused:
            await say()
        assert "secret" not in str(refused.value)
        assert await lease(database)
    finally:
        await database.close()


async def test_a_full_disk_is_transient_and_what_was_not_written_is_written_when_there_is_room(
    tmp_path: Path,
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'field.db'}"
    await migrate(url)
    database = await Database.open(url, pool_size=1)
    insert = text(
        "INSERT INTO network_mappings (source_network_name, destination_network_id) VALUES (:a, 'b')"
    )

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(insert, {"a": "x" * 100_000})

    try:
        async with database.read() as connection:
            pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
            await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(DatabaseUnavailable, match="full") as refused:
            await write()
        assert refused.value.code == sqlite3.SQLITE_FULL
        async with database.read() as connection:
            await connection.execute(text("PRAGMA max_page_count = 100000"))
        await write()
    finally:
        await database.close()


async def test_a_read_only_database_is_transient(empty_url: str) -> None:
    await migrate(empty_url)
    database = await Database.open(empty_url, pool_size=1)
    order = "SET SESSION TRANSACTION READ ONLY" if database.on_server else "PRAGMA query_only = ON"
    try:
        async with database.read() as connection:
            await connection.execute(text(order))
        with pytest.raises(DatabaseUnavailable, match="read-only"):
            await lease(database)
    finally:
        await database.close()


async def test_a_database_file_that_is_away_is_transient(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    folder.mkdir()
    url = f"sqlite+aiosqlite:///{folder / 'field.db'}"
    await migrate(url)
    database = await Database.open(url, pool_size=1)
    try:
        await database.engine.dispose()
        folder.rename(tmp_path / "away")
        with pytest.raises(DatabaseUnavailable, match="cannot be opened"):
            await lease(database)
        (tmp_path / "away").rename(folder)
        assert await lease(database)
    finally:
        await database.close()


@pytest.mark.parametrize("name", ("IOERR_WRITE", "IOERR_READ", "READONLY_ROLLBACK", "BUSY_SNAPSHOT", "NOMEM"))
def test_an_extended_code_of_sqlite_counts_as_its_primary_one(name: str) -> None:
    error = sqlite3.OperationalError("secret")
    error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{name}")
    assert isinstance(translate(OperationalError("", {}, error), "file"), DatabaseUnavailable)


_BREAKS = {
    1044: ("REVOKE ALL ON {name}.* FROM {user}", "GRANT ALL ON {name}.* TO {user}"),
    1045: ("ALTER USER {user} IDENTIFIED BY 'another'", f"ALTER USER {{user}} IDENTIFIED BY '{PASSWORD}'"),
    4151: ("ALTER USER {user} ACCOUNT LOCK", "ALTER USER {user} ACCOUNT UNLOCK"),
}


@pytest.mark.parametrize("code", _BREAKS)
async def test_an_account_that_is_refused_after_it_was_let_in_is_an_operators_to_mend(
    mariadb_server: MariaDBServer, mariadb_url: str, code: int
) -> None:
    await migrate(mariadb_url)
    name, user = mariadb_url.rsplit("/", 1)[1], f"mended_{code}"
    broken, mended = (line.format(name=name, user=user) for line in _BREAKS[code])
    mariadb_server.sql(f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {name}.* TO {user}")
    url = mariadb_server.url(name, user)
    database = await Database.open(url, pool_size=2)
    try:
        mariadb_server.sql(f"{broken}; KILL USER {user}")
        with pytest.raises(DatabaseUnavailable) as refused:
            await lease(database)
        assert refused.value.code == code
        with pytest.raises(DatabaseError) as final:
            await Database.open(url)
        assert (final.value.code, final.value.transient) == (code, False)
        mariadb_server.sql(mended)
        assert await lease(database)
    finally:
        await database.close()
        mariadb_server.sql(f"DROP USER {user}")


@pytest.mark.parametrize("columns", ("", " (token)"))
async def test_a_right_that_is_taken_away_is_an_operators_to_give_back(
    mariadb_server: MariaDBServer, mariadb_url: str, columns: str
) -> None:
    await migrate(mariadb_url)
    name = mariadb_url.rsplit("/", 1)[1]
    others = "resource_key, resource, owner_key, owner_workflow_id, context_id, failover_type, acquired_at"
    mariadb_server.sql(
        f"CREATE USER poor IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON {name}.* TO poor;"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.failover_leases TO poor"
    )
    database = await Database.open(mariadb_server.url(name, "poor"), pool_size=1)
    try:
        mariadb_server.sql(f"REVOKE INSERT ON {name}.failover_leases FROM poor")
        if columns:
            mariadb_server.sql(f"GRANT INSERT ({others}) ON {name}.failover_leases TO poor")
        with pytest.raises(DatabaseUnavailable) as refused:
            await lease(database)
        assert refused.value.code == (1143 if columns else 1142)
        mariadb_server.sql(f"GRANT INSERT ON {name}.failover_leases TO poor")
        assert await lease(database)
    finally:
        await database.close()
        mariadb_server.sql("DROP USER poor")


async def test_a_right_on_the_whole_database_that_is_given_back_is_used_without_a_restart(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    """A server knows the rights on a database from when a connection began, so the old ones are given up."""
    await migrate(mariadb_url)
    name = mariadb_url.rsplit("/", 1)[1]
    mariadb_server.sql(f"CREATE USER late IDENTIFIED BY '{PASSWORD}'; GRANT SELECT ON {name}.* TO late")
    database = await Database.open(mariadb_server.url(name, "late"), pool_size=2)
    try:
        with pytest.raises(DatabaseUnavailable) as refused:
            await lease(database)
        assert refused.value.code == 1142
        mariadb_server.sql(f"GRANT ALL ON {name}.* TO late")
        assert all(await asyncio.gather(lease(database, "one"), lease(database, "two")))
    finally:
        await database.close()
        mariadb_server.sql("DROP USER late")


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
