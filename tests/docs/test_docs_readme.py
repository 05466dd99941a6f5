"""The README repeats two tables for the newcomer: it says exactly what the pages say."""

import re

import pytest

from rules.errors import FailoverErrorType
from tests.docs.doc_pages import DOCS, README, commands, table


def _as_in_readme(cell: str, page: str) -> str:
    """A link of a page in docs/, as the README has to write it."""

    def moved(found: re.Match[str]) -> str:
        target, anchor = found["page"] or page, found["anchor"] or ""
        return f"](docs/{target}{anchor})"

    return re.sub(r"\]\((?!http)(?P<page>[\w.-]*)(?P<anchor>#[\w-]+)?\)", moved, cell)


def test_the_settings_are_those_of_the_page() -> None:
    page = [
        [_as_in_readme(cell, "settings.md") for cell in row]
        for row in table(DOCS / "settings.md", "Setting", "Default")
    ]
    assert len(page) > 30
    assert table(README, "Setting", "Default") == page


def test_every_error_says_what_to_do_as_on_the_page() -> None:
    page = [[row[0], _as_in_readme(row[3], "errors.md")] for row in table(DOCS / "errors.md", "Type", "When")]
    assert {row[0].strip("`") for row in page} == {one.value for one in FailoverErrorType}
    assert table(README, "Type", "What to do") == page


@pytest.mark.parametrize("action", ("start", "show", "list", "cancel", "reset"))
def test_every_operator_command_is_there_to_copy(action: str) -> None:
    assert ["temporal", "workflow", action] in [words[:3] for words in commands(README, "temporal")]
