"""Opening: what is checked before the first use, and what a message may say."""

import asyncio
import re
import socket

import pytest
from sqlalchemy import text

from database import (
    ConnectionBudgetExceeded,
    Database,
    DatabaseError,
    DatabaseUnavailable,
    LeaseRepository,
    SchemaGeneration,
    SchemaMismatch,
    UnsupportedDatabase,
    migrate,
)
from database.engine import make_engine
from tests.support.leases import holder
from tests.support.mariadb import PASSWORD, MariaDBServer
from tests.support.schemas import execute

REQUIRED = (
    ("network_mappings", "destination_network_id"),
    ("vm_disks", "network_config"),
    ("ossea_configs", "service_offering_id"),
    ("vmware_credentials", "is_default"),
)


@pytest.mark.parametrize(
    "url",
    (
        "postgresql+asyncpg://u:hunter2@h/d",
        "mysql+pymysql://u:hunter2@h/d",
        "sqlite+aiosqlite://",
        "sqlite+aiosqlite:///:memory:",
        "hunter2",
        "",
    ),
)
async def test_a_url_of_another_kind_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(UnsupportedDatabase) as refused:
        await Database.open(url)
    assert "hunter2" not in str(refused.value)


async def test_both_generations_are_told_apart_by_their_columns(
    field_database: Database, generation: SchemaGeneration
) -> None:
    assert field_database.features.generation is generation


async def test_a_database_that_is_not_migrated_says_so(field_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="run the migrations") as refused:
        await Database.open(field_url)
    assert refused.value.table.startswith("failover_")


async def test_a_missing_column_is_named(field_url: str) -> None:
    for table, column in REQUIRED:
        await execute(field_url, f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
        with pytest.raises(SchemaMismatch, match=f"{table} has no column {column}") as refused:
            await migrate(field_url)
        assert (refused.value.table, refused.value.column) == (table, column)
        await execute(field_url, f"ALTER TABLE {table} RENAME COLUMN other TO {column}")


async def test_a_missing_table_is_named_at_open(field_url: str) -> None:
    await migrate(field_url)
    await execute(field_url, "DROP TABLE vm_disks")
    with pytest.raises(SchemaMismatch, match="no table vm_disks"):
        await Database.open(field_url)


async def test_a_job_list_that_could_not_be_written_is_found_at_open(field_url: str) -> None:
    words = "('pending', 'completed', 'failed')"
    on_server = field_url.startswith("mysql")
    status = f"status ENUM{words}" if on_server else f"status VARCHAR(32) CHECK (status IN {words})"
    await migrate(field_url)
    await execute(field_url, "ALTER TABLE failover_jobs ADD COLUMN tenant VARCHAR(9) NOT NULL DEFAULT 'x'")
    await (await Database.open(field_url)).close()
    await execute(field_url, "DROP TABLE failover_jobs")
    await execute(
        field_url,
        "CREATE TABLE failover_jobs (id INTEGER PRIMARY KEY, job_id VARCHAR(64) NOT NULL UNIQUE, "
        "job_type VARCHAR(9), status VARCHAR(32), tenant VARCHAR(9) NOT NULL)",
    )
    with pytest.raises(SchemaMismatch, match=r"failover_jobs\.tenant refuses NULL"):
        await Database.open(field_url)
    await execute(field_url, "DROP TABLE failover_jobs")
    await execute(
        field_url,
        "CREATE TABLE failover_jobs (id INTEGER PRIMARY KEY, job_id VARCHAR(64) NOT NULL UNIQUE, "
        f"job_type VARCHAR(9), {status})",
    )
    with pytest.raises(SchemaMismatch, match="cleanup, creating_vm, powering_on, validating"):
        await Database.open(field_url)


async def test_the_pool_is_bounded_and_an_exhausted_one_is_transient(field_url: str) -> None:
    await migrate(field_url)
    database = await Database.open(field_url, pool_size=2, pool_timeout=0.05)
    try:
        async with database.read() as one, database.read() as two:
            await asyncio.gather(one.execute(text("SELECT 1")), two.execute(text("SELECT 1")))
            with pytest.raises(DatabaseUnavailable, match="every connection of the pool"):
                await holder(database, "x")
        assert await holder(database, "x") is None
    finally:
        await database.close()


async def test_a_method_gives_its_connection_back(field_url: str) -> None:
    await migrate(field_url)
    database = await Database.open(field_url, pool_size=1, pool_timeout=0.05)
    try:
        for _ in range(5):
            await LeaseRepository(database).release("x")
            await holder(database, "x")
    finally:
        await database.close()


async def test_a_pool_that_the_account_may_not_fill_is_refused(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    name = mariadb_url.rsplit("/", 1)[1]
    mariadb_server.sql(
        f"CREATE USER limited IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS 4;"
        f"GRANT ALL ON {name}.* TO limited"
    )
    url = mariadb_server.url(name, "limited")
    try:
        with pytest.raises(ConnectionBudgetExceeded, match="max_user_connections is 4 and 0 are in use"):
            await Database.open(url, pool_size=5)
        first = await Database.open(url, pool_size=3)
        with pytest.raises(ConnectionBudgetExceeded, match="max_user_connections is 4 and 3 are in use"):
            await Database.open(url, pool_size=3)
        await first.close()
    finally:
        mariadb_server.sql("DROP USER limited")


async def test_a_pool_that_the_server_has_no_room_for_is_refused(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    before = mariadb_server.sql("SELECT @@max_connections").strip()
    mariadb_server.sql("SET GLOBAL max_connections = 10")
    try:
        with pytest.raises(ConnectionBudgetExceeded, match=r"a pool of 11 .* max_connections is 10"):
            await Database.open(mariadb_url, pool_size=11)
    finally:
        mariadb_server.sql(f"SET GLOBAL max_connections = {before}")


async def test_two_that_start_together_do_not_both_get_what_fits_once(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    """Each sees room for its whole pool; only the connections themselves tell."""
    await migrate(mariadb_url)
    before = mariadb_server.sql("SELECT @@max_connections").strip()
    mariadb_server.sql("SET GLOBAL max_connections = 12")
    try:
        ends = await asyncio.gather(
            *(Database.open(mariadb_url, pool_size=8) for _ in range(2)), return_exceptions=True
        )
        opened = [end for end in ends if isinstance(end, Database)]
        for database in opened:
            await database.close()
    finally:
        mariadb_server.sql(f"SET GLOBAL max_connections = {before}")
    assert len(opened) <= 1
    assert {type(end) for end in ends} <= {Database, ConnectionBudgetExceeded}, ends


async def test_a_server_that_stops_giving_connections_while_the_pool_is_made_is_named(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    name = mariadb_url.rsplit("/", 1)[1]
    mariadb_server.sql(
        f"CREATE USER hourly IDENTIFIED BY '{PASSWORD}' WITH MAX_CONNECTIONS_PER_HOUR 4;"
        f"GRANT ALL ON {name}.* TO hourly"
    )
    try:
        with pytest.raises(ConnectionBudgetExceeded, match="gave 4 and refused the next") as refused:
            await Database.open(mariadb_server.url(name, "hourly"), pool_size=6)
        assert (refused.value.code, refused.value.transient) == (1226, False)
    finally:
        mariadb_server.sql("DROP USER hourly")


async def test_a_pool_is_made_whole_at_the_start_and_kept(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    name = mariadb_url.rsplit("/", 1)[1]
    count = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{name}'"
    database = await Database.open(mariadb_url, pool_size=7)
    try:
        assert mariadb_server.sql(count).strip() == "7"
    finally:
        await database.close()


async def test_a_wrong_password_is_final_and_never_shown(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    wrong = mariadb_url.replace(PASSWORD, "hunter2")
    with pytest.raises(DatabaseError) as refused:
        await Database.open(wrong)
    assert (refused.value.code, refused.value.transient) == (1045, False)
    assert f"127.0.0.1:{mariadb_server.port}/" in str(refused.value)
    shown = f"{refused.value!r} {refused.value.__cause__!r} {make_engine(wrong, pool_size=1)!r}"
    assert "hunter2" not in shown


async def test_a_server_that_is_not_there_is_transient() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        port = taken.getsockname()[1]
        with pytest.raises(DatabaseUnavailable, match=re.escape(f"127.0.0.1:{port}/oma")):
            await Database.open(f"mysql+asyncmy://u:hunter2@127.0.0.1:{port}/oma")


async def test_timestamp_columns_are_read_in_utc_whatever_the_server_thinks(
    mariadb_server: MariaDBServer, mariadb_url: str
) -> None:
    await migrate(mariadb_url)
    before = mariadb_server.sql("SELECT @@GLOBAL.time_zone").strip()
    mariadb_server.sql("SET GLOBAL time_zone = '+09:00'")
    try:
        database = await Database.open(mariadb_url)
        async with database.read() as connection:
            zone, strict = (
                await connection.execute(text("SELECT @@time_zone, @@sql_mode LIKE '%STRICT_TRANS_TABLES%'"))
            ).one()
        await database.close()
    finally:
        mariadb_server.sql(f"SET GLOBAL time_zone = '{before}'")
    assert (zone, strict) == ("+00:00", 1)
