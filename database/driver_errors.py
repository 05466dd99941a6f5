"""Turns what the driver and the pool raise into the tree of ``database.errors``, by code, never by text."""

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from database.errors import DatabaseError, DatabaseUnavailable

TRANSIENT_SERVER_CODES = {
    1020: "the row changed while it was read",
    1021: "the disk is full",
    1024: "a file could not be read",
    1026: "a file could not be written",
    1028: "sorting was aborted",
    1030: "the storage engine failed",
    1037: "the server is out of memory",
    1038: "the server is out of memory",
    1040: "the server takes no more connections",
    1041: "the server is out of memory",
    1047: "the cluster node is not ready",
    1053: "the server is shutting down",
    1114: "the table is full",
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
    1792: "the transaction is read-only",
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

NO_CONNECTION_LEFT = (1040, 1203, 1226)
"""Those of them that say so of connections: of the server, and of the account."""

MENDED_SERVER_CODES = {
    1044: "the account may not use the database",
    1045: "the account or its password is refused",
    1049: "the database is not there",
    1129: "this host is blocked",
    1130: "this host may not connect",
    1142: "the account may not do this to a table",
    1143: "the account may not do this to a column",
    1227: "the account lacks a privilege",
    1698: "the account is refused",
    1820: "the account's password has to be changed",
    1862: "the account's password has expired",
    3118: "the account is locked",
    4151: "the account is locked",
}
"""What refuses us until an operator mends it. At the start that is final: the setting may be wrong. Later the
setting was right once, and a run that gave up then would lose its undo."""

_QUOTABLE_SERVER_CODES = {1044, 1045, 1049, 1054, 1142, 1143, 1146}
"""Refusals whose text names accounts, databases, tables or columns and never a value."""

_SQLITE_TRANSIENT = {
    sqlite3.SQLITE_BUSY: "the database file is locked",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted",
    sqlite3.SQLITE_IOERR: "the database file cannot be read or written",
    sqlite3.SQLITE_LOCKED: "the table is locked",
    sqlite3.SQLITE_NOMEM: "the process is out of memory",
    sqlite3.SQLITE_PERM: "the database file may not be used",
    sqlite3.SQLITE_PROTOCOL: "the database file could not be locked",
    sqlite3.SQLITE_READONLY: "the database is read-only",
}
"""Primary result codes of SQLite after which the same call may succeed."""


def translate(error: Exception, place: str, *, opened: bool = False) -> DatabaseError:
    """Return the error of our tree for one of the driver, the pool or the socket.

    Args:
        error: What was raised while the database was used.
        place: Host, port and database, for the message; no credentials.
        opened: Whether the database had been opened before: then a refused account is an operator's change.
    """
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable(f"{place}: every connection of the pool is in use")
    if isinstance(error, DBAPIError):
        return _from_driver(error, place, opened=opened)
    return DatabaseUnavailable(f"{place}: the connection failed ({type(error).__name__})")


def server_code(error: DBAPIError) -> int | None:
    """Return the server's or the client protocol's error number, None where there is none."""
    arguments = error.orig.args if error.orig is not None else ()
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _from_driver(error: DBAPIError, place: str, *, opened: bool) -> DatabaseError:
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
    code = server_code(error)
    passing = TRANSIENT_SERVER_CODES | (MENDED_SERVER_CODES if opened else {})
    reason = passing.get(code) if code is not None else None
    if reason is not None:
        return DatabaseUnavailable(f"{place}: {reason} (error {code})", code=code)
    if error.connection_invalidated:
        return DatabaseUnavailable(f"{place}: the connection was lost ({kind})", code=code)
    detail = f": {arguments[1]}" if code in _QUOTABLE_SERVER_CODES and len(arguments) > 1 else ""
    return DatabaseError(f"{place}: refused ({kind}, error {code}){detail}", code=code)


DATABASE_FAILURES = (DBAPIError, PoolTimeout, OSError, EOFError)
"""What a use of the database may raise; our own errors and mistakes in our code pass through untouched."""
