"""docs/defects.md: every defect has its row, and every test that a row names exists."""

import ast
import re
from functools import cache

import pytest

from tests.docs.doc_pages import DOCS, ROOT, table, text

_PAGE = DOCS / "defects.md"
_ROWS = table(_PAGE, "#", "Defect of the original")
_NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text(_PAGE))))


@cache
def _tests_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {one.name for one in tree.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_every_defect_has_one_row_in_its_order() -> None:
    assert [row[0] for row in _ROWS] == [str(number) for number in range(1, 30)]


def test_every_row_has_a_test_or_a_sentence() -> None:
    for row in _ROWS:
        assert "::test_" in row[2] or row[2].endswith("."), row


@pytest.mark.parametrize(("path", "name"), _NAMED, ids=[name for _, name in _NAMED])
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in _tests_of(path)


def test_no_test_is_named_in_a_way_that_is_not_looked_after() -> None:
    assert len(re.findall(r"::test_", text(_PAGE))) == len(
        re.findall(r"`tests/[\w/]+\.py::test_\w+`", text(_PAGE))
    )
