"""What the database in front of us has: its tables, columns and the words its columns take.

Two generations are in the field (original-system.md, sections 0 and 3). They are not told apart by name or
version, since installations differ in single columns: every statement asks for the column it needs.
"""

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Connection, Enum, Select, String, Table, inspect, select
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import SAWarning

from database import own_tables, tables
from database.errors import SchemaMismatch

_QUOTED = re.compile(r"'((?:[^']|'')*)'")


class SchemaGeneration(StrEnum):
    """The two shapes of the existing tables."""

    JOB_SHEET = "job-sheet"
    APPLIANCE = "appliance"


VALIDATION_WORDS: dict[str, tuple[str, ...]] = {
    "validated": ("validated", "valid"),
    "failed": ("failed", "invalid"),
    "unknown": ("unknown", "pending"),
}
"""The job sheet's word, and what may be written for it: the first that the column takes."""

_WORDS = (
    ("network_mappings", "validation_status"),
    ("failover_jobs", "status"),
    ("vm_replication_contexts", "current_status"),
    ("ossea_volumes", "snapshot_status"),
)
"""Columns that we write and whose vocabulary may be closed."""

_READ_VALIDATION = {"valid": "validated", "invalid": "failed"}


def read_validation(word: str) -> str:
    """Return the job sheet's word for a stored ``validation_status``."""
    return _READ_VALIDATION.get(word, word)


@dataclass(frozen=True)
class SchemaFeatures:
    """Columns and vocabularies of a database.

    Attributes:
        columns: Column names by table.
        words: What a column with a closed vocabulary takes, by table and column.
        lengths: Characters that a text column takes, by table and column.
        unfilled: Columns of ``failover_jobs`` that have no default and refuse NULL.
    """

    columns: Mapping[str, frozenset[str]]
    words: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    lengths: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unfilled: frozenset[str] = frozenset()

    @property
    def generation(self) -> SchemaGeneration:
        """Which of the two shapes ``network_mappings`` has."""
        if self.has("network_mappings", "is_production_network"):
            return SchemaGeneration.JOB_SHEET
        return SchemaGeneration.APPLIANCE

    def has(self, table: str, column: str) -> bool:
        """Tell whether the table has the column."""
        return column in self.columns.get(table, frozenset())

    def present(self, table: Table) -> list[Column[object]]:
        """Return the columns of ``table`` that the database has, in our order."""
        return [column for column in table.columns if self.has(table.name, column.name)]

    def select(self, table: Table) -> Select[*tuple[Any, ...]]:
        """Return a SELECT of the columns that the database has."""
        return select(*self.present(table))

    def writable(self, table: Table, values: Mapping[str, object]) -> dict[str, object]:
        """Keep of ``values`` what the table has a column for, cut to what the column takes."""
        kept: dict[str, object] = {}
        for name, value in values.items():
            if self.has(table.name, name):
                limit = self.lengths.get((table.name, name))
                kept[name] = value[:limit] if isinstance(value, str) and limit else value
        return kept

    def takes(self, table: str, column: str, word: str) -> bool:
        """Tell whether the table has the column and the column takes the word."""
        return self.has(table, column) and word in self.words.get((table, column), (word,))

    def validation_word(self, word: str) -> str:
        """Return what is written for a job sheet's ``validation_status`` word.

        Raises:
            SchemaMismatch: The column takes none of the words that would do.
            KeyError: ``word`` is none of the job sheet's results.
        """
        choices = VALIDATION_WORDS[word]
        legal = self.words.get(("network_mappings", "validation_status"))
        if legal is None:
            return choices[0] if self.generation is SchemaGeneration.JOB_SHEET else choices[-1]
        for choice in choices:
            if choice in legal:
                return choice
        raise SchemaMismatch(
            f"network_mappings.validation_status takes none of {', '.join(choices)}",
            table="network_mappings",
            column="validation_status",
        )


def reflect(connection: Connection) -> SchemaFeatures:
    """Read the shape of the tables that are used, ours included. What is missing is simply not in it."""
    inspector = inspect(connection)
    wanted = [*tables.metadata.tables, *own_tables.metadata.tables]
    with warnings.catch_warnings():
        # A type that SQLAlchemy does not know is no concern of ours: we ask for columns by name.
        warnings.simplefilter("ignore", SAWarning)
        reflected = inspector.get_multi_columns(filter_names=wanted)
    found = {name: columns for (_, name), columns in reflected.items() if columns}
    words: dict[tuple[str, str], frozenset[str]] = {}
    lengths: dict[tuple[str, str], int] = {}
    for table, columns in found.items():
        for column in columns:
            kind = column["type"]
            if isinstance(kind, Enum):
                words[table, column["name"]] = frozenset(kind.enums)
            elif isinstance(kind, String) and kind.length:
                lengths[table, column["name"]] = kind.length
    for table, column_name in _WORDS:
        if table in found and (table, column_name) not in words:
            checked = _checked_words(inspector, table, column_name)
            if checked:
                words[table, column_name] = checked
    return SchemaFeatures(
        columns={table: frozenset(column["name"] for column in columns) for table, columns in found.items()},
        words=words,
        lengths=lengths,
        unfilled=frozenset(_unfilled(found.get("failover_jobs", []))),
    )


def require(features: SchemaFeatures, required: Mapping[str, Iterable[str]], remedy: str) -> None:
    """Check that tables and columns are there.

    Args:
        features: What the database has.
        required: Column names by table.
        remedy: What to do about a missing one, for the message.

    Raises:
        SchemaMismatch: Names the first that is missing.
    """
    for table, columns in required.items():
        if table not in features.columns:
            raise SchemaMismatch(f"the database has no table {table}: {remedy}", table=table)
        for column in columns:
            if not features.has(table, column):
                raise SchemaMismatch(
                    f"table {table} has no column {column}: {remedy}", table=table, column=column
                )


def _checked_words(inspector: Inspector, table: str, column: str) -> frozenset[str]:
    """Read a vocabulary from a CHECK constraint ``column IN (...)``, as SQLite has it for want of ENUM."""
    listed = re.compile(rf"[\"`]?{re.escape(column)}[\"`]?\s+IN\s*\(([^)]*)\)", re.IGNORECASE)
    for check in inspector.get_check_constraints(table):
        match = listed.search(check["sqltext"])
        if match:
            return frozenset(word.replace("''", "'") for word in _QUOTED.findall(match.group(1)))
    return frozenset()


def _unfilled(columns: Iterable[ReflectedColumn]) -> Iterable[str]:
    for column in columns:
        generated = column.get("autoincrement") is True or column["name"] == "id"
        if not column["nullable"] and column.get("default") is None and not generated:
            yield column["name"]
