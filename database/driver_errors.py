"""Turns what the driver and the pool raise into the tree of ``database.errors``, by code, never by text."""

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from database.errors import DatabaseError, DatabaseUnavailable

TRANSIENT_SERVER_CODES = {
    1020: "the row changed while it was read",
    1040: "the server takes no more connections",
    1047: "the cluster node is not ready",
    1053: "the server is shutting down",
    1158: "a packet could not be read",
    1159: "reading a packet timed out",
    1160: "a packet could not be written",
    1161: "writing a packet timed out",
    1180: "the cluster refused the commit",
    1203: "the account has no connection left",
    1205: "waiting for a lock took too long",
    1213: "deadlock",
    1226: "the account has used up its connections",
    1290: "the server is read-only",
    1317: "the statement was interrupted",
    1836: "the server is read-only",
    1927: "the connection was killed",
    1969: "the statement took too long",
    2002: "the server cannot be reached",
    2003: "the server cannot be reached",
    2006: "the server has gone away",
    2013: "the connection was lost",
    2014: "the connection is out of step",
    2055: "the connection was lost",
    3024: "the statement took too long",
    4031: "the server closed the idle connection",
}
"""Error codes of MariaDB, MySQL and their client protocol after which the same call may succeed."""

_QUOTABLE_SERVER_CODES = {1044, 1045, 1049, 1054, 1142, 1143, 1146}
"""Refusals whose text names accounts, databases, tables or columns and never a value."""

_SQLITE_TRANSIENT = {
    sqlite3.SQLITE_BUSY: "the database file is locked",
    sqlite3.SQLITE_LOCKED: "the table is locked",
}


def translate(error: Exception, place: str) -> DatabaseError:
    """Return the error of our tree for one of the driver, the pool or the socket.

    Args:
        error: What was raised while the database was used.
        place: Host, port and database, for the message; no credentials.
    """
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable(f"{place}: every connection of the pool is in use")
    if isinstance(error, DBAPIError):
        return _from_driver(error, place)
    return DatabaseUnavailable(f"{place}: the connection failed ({type(error).__name__})")


def _from_driver(error: DBAPIError, place: str) -> DatabaseError:
    original = error.orig
    kind = type(original).__name__
    sqlite_code = getattr(original, "sqlite_errorcode", None)
    if isinstance(sqlite_code, int):
        reason = _SQLITE_TRANSIENT.get(sqlite_code & 0xFF)
        if reason is not None:
            return DatabaseUnavailable(f"{place}: {reason} (SQLite {sqlite_code})", code=sqlite_code)
        # SQLITE_ERROR speaks of the statement; what a constraint says could come to quote a value.
        detail = f": {original}" if sqlite_code == sqlite3.SQLITE_ERROR else ""
        return DatabaseError(f"{place}: refused ({kind}, SQLite {sqlite_code}){detail}", code=sqlite_code)
    arguments = original.args if original is not None else ()
    code = arguments[0] if arguments and isinstance(arguments[0], int) else None
    reason = TRANSIENT_SERVER_CODES.get(code) if code is not None else None
    if reason is not None:
        return DatabaseUnavailable(f"{place}: {reason} (error {code})", code=code)
    if error.connection_invalidated:
        return DatabaseUnavailable(f"{place}: the connection was lost ({kind})", code=code)
    detail = f": {arguments[1]}" if code in _QUOTABLE_SERVER_CODES and len(arguments) > 1 else ""
    return DatabaseError(f"{place}: refused ({kind}, error {code}){detail}", code=code)


DATABASE_FAILURES = (DBAPIError, PoolTimeout, OSError, EOFError)
"""What a use of the database may raise; our own errors and mistakes in our code pass through untouched."""
