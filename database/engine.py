"""The connection pool: opened once per process, checked against server and schema before the first use."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from database import failover_jobs, own_tables, tables
from database.driver_errors import (
    DATABASE_FAILURES,
    MENDED_SERVER_CODES,
    NO_CONNECTION_LEFT,
    server_code,
    translate,
)
from database.errors import ConnectionBudgetExceeded, UnsupportedDatabase
from database.network_keys import SQLITE_FUNCTION, sqlite_squeezed
from database.schema import SchemaFeatures, reflect, require

_SESSION = (
    "SET time_zone = '+00:00', innodb_lock_wait_timeout = 20, "
    "sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
)
"""UTC for TIMESTAMP columns, a refusal instead of a silently cut value, and short waits for locks."""

_READ_TIMEOUT = 60
"""Seconds without a byte from the server after which a connection counts as lost; above every lock wait."""

_WRITING = "failover_writing"
_NO_REMEDY = "is this the appliance's database?"
_MIGRATE = "run the migrations (database.migrations.migrate) first"


class Database:
    """A bounded pool on one database, with what is known of its schema.

    Every method of the repositories takes a connection, uses it and gives it back before it returns, so a
    wait for CloudStack holds none.

    Attributes:
        engine: SQLAlchemy's engine, for tests that count statements.
        features: Columns and vocabularies that the database has.
        place: Host, port and database, without credentials.
    """

    def __init__(self, engine: AsyncEngine, features: SchemaFeatures) -> None:
        self.engine = engine
        self.features = features
        self.place = place_of(engine.url)
        if is_server(engine):
            event.listen(engine.sync_engine, "handle_error", _connect_anew_when_mended)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        pool_size: int = 5,
        pool_timeout: float = 30,
        pool_recycle: int = 1800,
        connect_timeout: int = 10,
    ) -> Self:
        """Connect, check the server's limits and the schema.

        On a server every connection of the pool is made here and kept, so that what another process counts
        is what we may take, and a start fails where the server does not give them all.

        Args:
            url: ``mysql+asyncmy://user:password@host:port/name`` or ``sqlite+aiosqlite:///path``.
            pool_size: Connections that this process may hold at most.
            pool_timeout: Seconds to wait for a free connection.
            pool_recycle: Seconds after which an unused connection is replaced, below the server's own limit.
            connect_timeout: Seconds to wait for a new connection.

        Raises:
            UnsupportedDatabase: Another kind of URL.
            ConnectionBudgetExceeded: The server has, or gives, fewer connections than the pool may take.
            SchemaMismatch: A table or column is missing; ours are missing until the migrations have run.
            DatabaseUnavailable: The server cannot be reached now.
            DatabaseError: The server refused, for instance the credentials.
        """
        engine = make_engine(
            url,
            pool_size=pool_size,
            pool_timeout=pool_timeout,
            pool_recycle=pool_recycle,
            connect_timeout=connect_timeout,
        )
        try:
            async with translated(place_of(engine.url)), engine.connect() as connection:
                if is_server(engine):
                    await _check_budget(connection, pool_size)
                    await _fill(engine, pool_size)
                features = await connection.run_sync(reflect)
            require(features, tables.REQUIRED_COLUMNS, _NO_REMEDY)
            require(features, own_tables.REQUIRED_COLUMNS, _MIGRATE)
            failover_jobs.check(features)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine, features)

    async def close(self) -> None:
        """Close every connection. A closed database is not used again."""
        await self.engine.dispose()

    @property
    def on_server(self) -> bool:
        """True on MariaDB and MySQL, false on SQLite."""
        return is_server(self.engine)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection for statements that change nothing.

        Raises:
            DatabaseUnavailable: Transient; the call may be repeated. So is a refused account: it was let in
                when the database was opened, and an operator mends it.
            DatabaseError: The statement was refused.
        """
        async with translated(self.place, opened=True), self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in a transaction that is committed at the end, or rolled back on any error.

        Raises:
            DatabaseUnavailable: Transient, a refused account included; nothing was changed, or the commit's
                reply was lost. Every write of this package may be repeated.
            DatabaseError: The statement was refused.
        """
        async with translated(self.place, opened=True), self.engine.connect() as connection:
            await connection.execution_options(**{_WRITING: True})
            async with connection.begin():
                yield connection


def make_engine(
    url: str, *, pool_size: int, pool_timeout: float = 30, pool_recycle: int = 1800, connect_timeout: int = 10
) -> AsyncEngine:
    """Return an engine with our session settings; nothing is connected yet.

    Raises:
        UnsupportedDatabase: The URL does not parse or names another driver, or an in-memory SQLite.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text itself may hold a password, so it is not quoted.
        raise UnsupportedDatabase("the database URL cannot be read") from None
    common: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": pool_timeout,
        "hide_parameters": True,
    }
    if parsed.drivername == "mysql+asyncmy":
        return create_async_engine(
            parsed,
            pool_recycle=pool_recycle,
            pool_pre_ping=True,
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": connect_timeout,
                "read_timeout": _READ_TIMEOUT,
                "init_command": _SESSION,
            },
            **common,
        )
    if parsed.drivername == "sqlite+aiosqlite":
        if parsed.database in {None, "", ":memory:"}:
            raise UnsupportedDatabase("an in-memory SQLite database is gone with its connection; name a file")
        engine = create_async_engine(parsed, connect_args={"timeout": connect_timeout}, **common)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    raise UnsupportedDatabase(
        f"{parsed.drivername} is not supported; use mysql+asyncmy:// or sqlite+aiosqlite://"
    )


def is_server(engine: AsyncEngine) -> bool:
    """Tell MariaDB and MySQL from SQLite."""
    return engine.dialect.name in {"mysql", "mariadb"}


def place_of(url: URL) -> str:
    """Return host, port and database of a URL: what a message may say of it."""
    if url.host is None:
        return f"{url.get_backend_name()} {url.database}"
    return f"{url.host}:{url.port or 3306}/{url.database}"


@asynccontextmanager
async def translated(place: str, *, opened: bool = False) -> AsyncIterator[None]:
    """Turn every failure of the driver, the pool and the socket into an error of our tree.

    Args:
        place: For the message.
        opened: Whether the database had been opened before, see ``translate``.
    """
    try:
        yield
    except DATABASE_FAILURES as error:
        raise translate(error, place, opened=opened) from None


async def _check_budget(connection: AsyncConnection, pool_size: int) -> None:
    """Compare the pool with what the server still allows; our own connection is already counted there.

    The account's limit (``max_user_connections``, 0 for none) is compared with the account's connections.
    """
    limits = await connection.exec_driver_sql("SELECT @@max_connections, @@max_user_connections")
    allowed, allowed_to_user = (int(limit) for limit in limits.one())
    status = await connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
    others = int(status.mappings().one()["Value"]) - 1
    _fit(pool_size, others, allowed, "max_connections")
    if allowed_to_user:
        own = await connection.exec_driver_sql(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = SUBSTRING_INDEX(USER(), '@', 1)"
        )
        _fit(pool_size, int(own.scalar_one()) - 1, allowed_to_user, "max_user_connections")


def _fit(pool_size: int, others: int, allowed: int, limit: str) -> None:
    if pool_size + others > allowed:
        raise ConnectionBudgetExceeded(
            f"a pool of {pool_size} connections does not fit: the server's {limit} is {allowed} and {others} "
            "are in use; lower the pool size, stop another client, or raise the server's limit"
        )


async def _fill(engine: AsyncEngine, pool_size: int) -> None:
    """Make the rest of the pool; the first connection is in use. Two that start together count alike.

    Raises:
        ConnectionBudgetExceeded: The server refuses one for want of connections.
    """
    made = 1
    async with AsyncExitStack() as held:
        try:
            while made < pool_size:
                await held.enter_async_context(engine.connect())
                made += 1
        except DBAPIError as error:
            code = server_code(error)
            if code not in NO_CONNECTION_LEFT:
                raise
            raise ConnectionBudgetExceeded(
                f"a pool of {pool_size} connections does not fit: the server gave {made} and refused the "
                f"next (error {code}); lower the pool size, stop another client, or raise the server's limit",
                code=code,
            ) from None


def _connect_anew_when_mended(context: ExceptionContext) -> None:
    """Give up every connection once the account is refused: each keeps the rights that it began with."""
    error = context.sqlalchemy_exception
    if isinstance(error, DBAPIError) and server_code(error) in MENDED_SERVER_CODES:
        context.is_disconnect = True


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - the DBAPI has no common type
    """Begin transactions ourselves, as the driver would begin a write as a read; and add our function."""
    connection.isolation_level = None
    connection.create_function(SQLITE_FUNCTION, 1, sqlite_squeezed, deterministic=True)
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at once: a read that turns into a write can fail however long it may wait.

    A reading connection begins nothing; each of its statements sees one state of the database by itself.
    """
    if connection.get_execution_options().get(_WRITING):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
