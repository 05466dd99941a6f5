"""``docs/settings.md`` lists every setting, each once, with the default that the code has."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from settings import WorkerSettings
from tests.settings.catalogue import ALL, FIELDS, REQUIRED, value_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


class Row(NamedTuple):
    name: str
    default: str
    unit: str
    meaning: str


def _row(line: str) -> Row:
    name, default, unit, meaning = (cell.strip() for cell in line.strip("|").split("|"))
    return Row(name.strip("`"), default.strip("`"), unit, meaning)


def rows() -> list[Row]:
    """Return the rows of all tables."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    return [_row(line) for line in lines if line.startswith("| `")]


def test_the_document_lists_exactly_the_settings_that_there_are() -> None:
    names = [row.name for row in rows()]

    assert len(names) == len(set(names))
    assert set(names) == {*FIELDS, "FAILOVER_ENV_FILE"} == set(ALL)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_the_document_has_the_codes_default_a_unit_and_a_meaning(row: Row) -> None:
    if row.name == "FAILOVER_ENV_FILE":
        assert row.default == ".env"
    elif WorkerSettings.model_fields[FIELDS[row.name]].is_required():
        assert row.default == REQUIRED
    else:
        made = WorkerSettings(_env_file=None)
        assert row.default == (value_of(made, row.name) or "-")
    assert (row.unit == "s") is row.name.endswith("_SECONDS")
    assert len(row.meaning.split()) > 1


def test_every_setting_that_the_text_mentions_is_in_a_table() -> None:
    mentioned = re.findall(
        r"\b(?:FAILOVER|CLOUDSTACK|VMA|MIGRATEKIT|REPLICATION|VOLUME_DAEMON)_[A-Z_]+",
        DOCUMENT.read_text(encoding="utf-8"),
    )

    assert set(mentioned) == set(ALL)
