"""docs/errors.md and docs/cloudstack.md against the code that decides."""

import re
from collections import Counter

import pytest

from activities.translate import type_of
from cloudstack.errors import _FROM_CLOUDSTACK, CloudStackError, Refused, error_class
from database.failover_jobs import JOB_STATUS
from database.run_records import RunState, VmState
from rules import errors
from rules.errors import FailoverErrorType
from rules.identity import MARK_CONTEXT, MARK_ID, MARK_TYPE, MARK_WORKFLOW
from rules.outcomes import FailoverOutcome
from tests.docs.doc_pages import DOCS, ROOT, inline_code, prose, table, text

_ERRORS = DOCS / "errors.md"
_CLOUDSTACK = DOCS / "cloudstack.md"
_SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("rules", "activities", "workflows")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name != "errors.py"
)
_NO_ANSWER = {"WatcherClosed"}
"""Ends of a wait that are ours: CloudStack said nothing."""


def _rows() -> dict[str, list[str]]:
    return {row[0].strip("`"): row for row in table(_ERRORS, "Type", "When")}


def test_every_error_type_has_exactly_one_row_and_no_row_is_of_a_type_that_does_not_exist() -> None:
    named = Counter(row[0].strip("`") for row in table(_ERRORS, "Type", "When"))
    assert named == Counter(error_type.value for error_type in FailoverErrorType)


@pytest.mark.parametrize("error_type", FailoverErrorType)
def test_the_retried_column_says_what_the_code_does(error_type: FailoverErrorType) -> None:
    assert _rows()[error_type.value][2].split(",")[0] == ("yes" if error_type.retryable else "no")


@pytest.mark.parametrize("error_type", FailoverErrorType)
def test_every_row_says_when_and_what_to_do(error_type: FailoverErrorType) -> None:
    _, when, _, remedy = _rows()[error_type.value]
    raised = f"FailoverErrorType.{error_type.name}" in _SOURCES
    assert raised is not when.startswith("Reserved")
    assert len(when) > 20
    assert (len(remedy) > 10) is raised


def test_refused_by_cloudstack_is_what_cloudstack_refused() -> None:
    kinds = {type_of(kind("listZones", None, None, "")).value for kind in _subclasses(Refused)}
    (section,) = re.findall(r"## Refused by CloudStack\n(.*?)\n## ", text(_ERRORS), re.DOTALL)
    (branch,) = re.findall(r"\|-- refused by CloudStack.*?\n(.*?)\|--", errors.__doc__ or "", re.DOTALL)
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == kinds
    assert set(re.findall(r"\w+", branch)) == kinds


def test_every_step_stands_there_and_no_other() -> None:
    code = text(ROOT / "workflows" / "failover.py")
    entered = sorted(set(re.findall(r'(?:\.enter\(f?|_step\()"([^"]+)"', code)))
    (guard,) = (step for step in entered if "{" in step)
    both = ", ".join(guard.format(before=before) for before in ("create", "start"))
    told = [row[0] for row in table(_ERRORS, "Step", "Activities")]
    assert told[-1] == "UNDO"
    assert sorted(told[:-1]) == sorted(both if step == guard else step for step in entered)
    assert len(entered) > 8


def test_every_activity_stands_in_a_step() -> None:
    written = re.findall(r'@activity\.defn\(name="(\w+)"\)', _SOURCES)
    assert len(written) > 20
    told = {name for row in table(_ERRORS, "Step", "Activities") for name in re.findall(r"`(\w+)`", row[1])}
    assert set(written) - told == {
        "FindHolderActivity",
        "ListMappingsActivity",
        "RecordEndActivity",
        "RecordHeldActivity",
        "RenewLeaseActivity",
        "SourceReturnedActivity",
    }
    assert told <= set(written)


@pytest.mark.parametrize("code", sorted(_FROM_CLOUDSTACK))
def test_every_code_of_cloudstack_has_a_row_with_its_class_and_its_error_type(code: int) -> None:
    kind = error_class(code)
    _check_call(_call_row(str(code)), kind)


@pytest.mark.parametrize(
    ("answer", "code"),
    (("414, or 431 without JSON", 431), ("502, 503, 504 without JSON", 502), ("any other code", 599)),
)
def test_answers_without_a_code_of_cloudstack_have_their_rows(answer: str, code: int) -> None:
    kind = error_class(code, from_cloudstack=False)
    _check_call(_call_row(answer), kind)


def test_every_class_of_the_calls_table_exists_and_has_the_error_type_it_says() -> None:
    kinds = {kind.__name__: kind for kind in _subclasses(CloudStackError)}
    rows = table(_CLOUDSTACK, "CloudStack answers", "Class")
    for row in rows:
        _check_call(row, kinds[row[1].strip("`")])
    leaves = {name for name, kind in kinds.items() if not kind.__subclasses__()}
    assert leaves - _NO_ANSWER <= {row[1].strip("`") for row in rows}


def test_the_states_of_a_run_are_the_ones_that_the_database_writes() -> None:
    rows = table(_CLOUDSTACK, "`failover_runs.state`", "`failover_jobs.status`")
    said = {row[0].strip("`"): row[1].strip("`") for row in rows}
    assert said == {state.value: status for state, status in JOB_STATUS.items()}
    assert set(said) == set(RunState)


def test_a_state_that_no_activity_writes_is_said_not_to_be_written() -> None:
    rows = table(_CLOUDSTACK, "`failover_runs.state`", "`failover_jobs.status`")
    unwritten = {row[0].strip("`") for row in rows if row[2].startswith("not written")}
    by_set_state = {state.value for state in RunState if f"RunState.{state.name}" in _SOURCES}
    assert set(RunState) - by_set_state - {RunState.ACCEPTED, RunState.PLANNED} == unwritten


def test_every_status_that_is_written_is_among_those_that_are_said_to_be_legal() -> None:
    (legal,) = re.findall(r"`failover_jobs.status` may legally hold (.*?)\.", text(_CLOUDSTACK), re.DOTALL)
    assert set(JOB_STATUS.values()) <= set(re.findall(r"`(\w+)`", legal))


def test_the_states_of_a_vm_are_all_named() -> None:
    assert {state.value for state in VmState} <= set(inline_code(_CLOUDSTACK))


def test_the_marks_are_the_ones_that_a_vm_gets() -> None:
    rows = table(_CLOUDSTACK, "Detail", "Value")
    assert {row[0].strip("`") for row in rows} == {MARK_ID, MARK_WORKFLOW, MARK_CONTEXT, MARK_TYPE}


def test_the_outcomes_are_all_named_where_they_are_listed() -> None:
    ((_, values),) = (
        row for row in table(DOCS / "operate.md", "Search attribute", "Value") if "FailoverOutcome" in row[0]
    )
    assert set(re.findall(r"`(\w+)`", values)) == set(FailoverOutcome)


def test_the_readme_says_what_is_and_is_not_promised_of_disks() -> None:
    said = " ".join(prose(ROOT / "README.md").split())
    assert "running from its replicated disks" in said
    assert '"disks": "none"' in inline_code(ROOT / "README.md")
    assert "No failback" in said


def _call_row(answer: str) -> list[str]:
    rows = table(_CLOUDSTACK, "CloudStack answers", "Class")
    exact = [row for row in rows if row[0] == answer]
    listed = [
        row for row in rows if "without JSON" not in row[0] and re.search(rf"\b{re.escape(answer)}\b", row[0])
    ]
    without = [row for row in rows if re.search(rf"\b{re.escape(answer)}\b", row[0])]
    return (exact or listed or without)[0]


def _check_call(row: list[str], kind: type[CloudStackError]) -> None:
    error = kind("listZones", None, None, "")
    assert row[1] == f"`{kind.__name__}`"
    assert row[2] == f"`{type_of(error).value}`"


def _subclasses(kind: type[CloudStackError]) -> list[type[CloudStackError]]:
    found = []
    for one in kind.__subclasses__():
        found += [one, *_subclasses(one)]
    return found
