"""``docs/http.md`` against the code: settings, states, errors, scopes, routes."""

import re

import pytest

from api import errors
from api.errors import status_of
from api.jobs import _VIEW
from api.openapi import document
from api.settings import ApiSettings
from api.tokens import Scope
from rules.errors import FailoverErrorType
from tests.docs.doc_pages import DOCS, table

_PAGE = DOCS / "http.md"
_ERRORS = [(row[0], row[1].strip("`")) for row in table(_PAGE, "Status", "`error`")]


def test_every_setting_stands_there_once_with_its_default() -> None:
    written = {row[0].strip("`"): row[1].strip("`") for row in table(_PAGE, "Setting", "Default")}
    expected = {}
    for field in ApiSettings.model_fields.values():
        default = "required" if field.is_required() else "-" if field.default is None else f"{field.default}"
        expected[str(field.validation_alias)] = default.removesuffix(".0")
    assert written == expected


def test_every_state_stands_there_with_its_status_and_its_progress() -> None:
    written = {
        row[0].strip("`"): (row[1].strip("`"), float(row[2])) for row in table(_PAGE, "`state`", "`status`")
    }
    assert written == {str(state): (str(status), progress) for state, (status, progress) in _VIEW.items()}


def test_every_error_of_the_api_stands_there() -> None:
    own = {
        value
        for name, value in vars(errors).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    }
    named = {name for _, name in _ERRORS if " " not in name}
    assert own <= named
    assert named <= own | set(FailoverErrorType)


@pytest.mark.parametrize("error_type", FailoverErrorType)
def test_the_status_of_a_refused_run_is_the_one_of_its_row(error_type: FailoverErrorType) -> None:
    rows = {name: status for status, name in _ERRORS if name != "DatabaseUnavailable"}
    assert rows.get(error_type, rows["any other type of a run"]) == str(status_of(error_type).value)


@pytest.mark.parametrize("error_type", FailoverErrorType)
def test_a_run_that_ended_is_never_to_be_tried_again_as_it_is(error_type: FailoverErrorType) -> None:
    assert status_of(error_type) < 500


def test_every_scope_and_every_route_stands_there() -> None:
    assert {row[0].strip("`") for row in table(_PAGE, "Scope", "Allows")} == set(Scope)
    routes = {row[0].strip("`").split()[1] for row in table(_PAGE, "Route", "Scope")}
    assert routes == set(re.findall(r'"(/[^"]+)": \{"(?:get|post)"', document(secured=False))) | {
        "/openapi.json"
    }
