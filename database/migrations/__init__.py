"""Our tables, and on an empty database the job sheet's too, by ``migrate(url)``.

An existing table is never altered. A database that has tables but not the appliance's is left untouched: it
is most likely another application's.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from database import tables
from database.engine import is_server, make_engine, place_of, translated
from database.errors import DatabaseUnavailable
from database.schema import reflect, require

VERSION_TABLE = "failover_alembic_version"
ORIGIN_TABLE = "failover_schema_origin"
EMPTY, EXISTING = "empty", "existing"

_LOCK_SECONDS = 60


async def migrate(url: str) -> None:
    """Bring a database up to the newest revision. Two at one time wait for each other.

    Args:
        url: As for ``Database.open``.

    Raises:
        UnsupportedDatabase: Another kind of URL.
        SchemaMismatch: The database is neither empty nor has it the tables that are needed.
        DatabaseUnavailable: The server cannot be reached, or another migration holds the lock for too long.
        DatabaseError: The server refused, for instance to create a table.
    """
    engine = make_engine(url, pool_size=1)
    place = place_of(engine.url)
    try:
        async with translated(place), engine.connect() as connection:
            if is_server(engine):
                await _lock(connection, place)
            else:
                await connection.execution_options(failover_writing=True)
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


async def _lock(connection: AsyncConnection, place: str) -> None:
    """Take a lock that the server gives back when the connection ends, whatever becomes of us."""
    answer = await connection.execute(
        text("SELECT GET_LOCK(CONCAT('failover_migrate_', MD5(DATABASE())), :wait)"), {"wait": _LOCK_SECONDS}
    )
    if answer.scalar_one() != 1:
        raise DatabaseUnavailable(f"{place}: another migration has been running for {_LOCK_SECONDS} s")


def _upgrade(connection: Connection) -> None:
    if origin(connection) == EXISTING:
        require(reflect(connection), tables.REQUIRED_COLUMNS, "is this the appliance's database?")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def origin(connection: Connection) -> str:
    """Tell whether the database was empty when the first migration began, or had tables of its own.

    The answer is kept in a table, since a server does not undo CREATE TABLE: a migration that was interrupted
    goes on where it was, and does not take its own tables for the appliance's.
    """
    names = inspect(connection).get_table_names()
    if ORIGIN_TABLE in names:
        kept = connection.execute(text(f"SELECT origin FROM {ORIGIN_TABLE}")).scalar_one_or_none()  # noqa: S608 - a constant
        if kept is not None:
            return str(kept)
    foreign = [name for name in names if name not in {VERSION_TABLE, ORIGIN_TABLE}]
    return EXISTING if foreign else EMPTY
