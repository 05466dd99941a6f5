"""How network ids are compared inside a statement.

``rules.mappings.network_key`` has the last word, in Python. A statement finds at least what that would find:
it compares without regard to case and without any blank, of which SQL's TRIM knows only one kind. ``LOWER``
knows ASCII only on SQLite; CloudStack's ids are ASCII.
"""

from functools import reduce

from sqlalchemy import Column, ColumnElement, func, literal_column

from rules.mappings import network_key

_BLANKS = tuple(chr(code) for code in range(0x3001) if chr(code).isspace())


def squeezed(network_id: str) -> str:
    """Return the form in which a statement compares the id."""
    return "".join(network_key(network_id).split())


def squeezed_column(column: Column[str]) -> ColumnElement[str]:
    """Return the same form of a column; NULL stays NULL and equals nothing."""
    return reduce(
        lambda inner, blank: func.replace(inner, blank, literal_column("''")), _BLANKS, func.lower(column)
    )
