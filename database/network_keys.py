"""How network ids are compared inside a statement.

``rules.mappings.network_key`` has the last word, in Python. A statement finds at least what that would find:
it compares without regard to case and without any blank. SQL's TRIM knows one kind of blank only, so the
server replaces each kind, and SQLite, whose parser cannot nest that many calls, asks the function below. The
server's and Python's ideas of case agree for ASCII, which is what CloudStack's ids are made of.
"""

from functools import reduce
from typing import Any

from sqlalchemy import Column, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from rules.mappings import network_key

SQLITE_FUNCTION = "failover_squeezed"
_BLANKS = tuple(chr(code) for code in range(0x3001) if chr(code).isspace())


def squeezed(network_id: str) -> str:
    """Return the form in which a statement compares the id."""
    return "".join(network_key(network_id).split())


def sqlite_squeezed(value: object) -> str | None:
    """Do the same for SQLite, which calls it by ``SQLITE_FUNCTION``."""
    return None if value is None else squeezed(str(value))


class SqueezedColumn(FunctionElement[str]):
    """The same form of a column; NULL stays NULL and equals nothing."""

    type = String()
    name = "squeezed"
    inherit_cache = True

    def __init__(self, column: Column[str]) -> None:
        super().__init__(column)


@compiles(SqueezedColumn, "sqlite")
def _on_sqlite(element: SqueezedColumn, compiler: SQLCompiler, **kwargs: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return f"{SQLITE_FUNCTION}({compiler.process(element.clauses, **kwargs)})"


@compiles(SqueezedColumn, "mysql", "mariadb")
def _on_server(element: SqueezedColumn, compiler: SQLCompiler, **kwargs: Any) -> str:  # noqa: ANN401 - SQLAlchemy's signature
    return reduce(
        lambda inner, blank: f"REPLACE({inner}, _utf8mb4 X'{blank.encode().hex()}', '')",
        _BLANKS,
        f"LOWER({compiler.process(element.clauses, **kwargs)})",
    )
