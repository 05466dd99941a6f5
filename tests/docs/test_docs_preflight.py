"""docs/preflight.md against the checks that the rules make."""

import pytest

from rules.disks import DrillDisks
from rules.judgement import judge
from rules.preflight import CheckStatus
from rules.situation import Situation
from tests.docs.doc_pages import DOCS, table
from tests.rules.situations import policy, situation
from tests.rules.test_rules_judgement import LOST, ROWS

_KNOWN = {
    "live": situation("live"),
    "live, lost": situation("live", LOST),
    "test, clones": situation("test"),
    "test, replica": situation("test", policy=policy(drill_disks=DrillDisks.REPLICA)),
}
_TRIED_ELSEWHERE = {("boot_disk", CheckStatus.FAILURE), ("offering_size", CheckStatus.WARNING)}
"""Tried in tests of their own."""


def _rows() -> dict[str, list[str]]:
    rows = table(DOCS / "preflight.md", "Check", "For")
    found = {row[0].strip("`"): row[1:] for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("known", _KNOWN.values(), ids=_KNOWN)
def test_the_page_has_the_checks_of_each_run_in_the_order_of_the_result(known: Situation) -> None:
    made = [check.name for check in judge(known).checks]

    assert made == [name for name in _rows() if name in made]


def test_the_page_has_no_other_check() -> None:
    assert set(_rows()) == {check.name for known in _KNOWN.values() for check in judge(known).checks}


@pytest.mark.parametrize("kind", ("live", "clones", "replica"))
def test_the_page_says_for_which_runs_a_check_is(kind: str) -> None:
    made = {check.name for name, known in _KNOWN.items() if kind in name for check in judge(known).checks}
    words = {"live"} if kind == "live" else {"test", kind}

    assert made == {
        name for name, (said, *_) in _rows().items() if words & {word.strip() for word in said.split(",")}
    }


def test_a_status_that_a_check_can_have_is_described_and_no_other() -> None:
    can = {(name, status) for name, status, _ in ROWS} | _TRIED_ELSEWHERE
    columns = ((CheckStatus.FAILURE, 1), (CheckStatus.WARNING, 2))
    for name, row in _rows().items():
        for status, column in columns:
            assert (row[column] != "-") is ((name, status) in can), (name, status)
        assert len(row[3]) > 5
