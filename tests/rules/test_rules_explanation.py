"""The question about a VM's networks: as strictly read as a failover's request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.explanation import Explanation, Verdict, parse_context_request
from rules.nics import NicSource
from rules.request import InvalidRequest, Problem

odd_text = st.text(st.characters(categories=("Cs", "Cc", "L")), max_size=5)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), odd_text),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.one_of(st.just("context_id"), odd_text), inner)
    ),
)


def test_a_question_names_one_context() -> None:
    assert parse_context_request({"context_id": "ctx-1"}).context_id == "ctx-1"


@pytest.mark.parametrize(
    ("raw", "fields"),
    (
        (None, ["request"]),
        (["ctx-1"], ["request"]),
        ({}, ["context_id"]),
        ({"context_id": " "}, ["context_id"]),
        ({"context_id": 1}, ["context_id"]),
        ({"context_id": "x" * 65}, ["context_id"]),
        ({"context_id": "ctx-1", "failover_type": "live"}, ["failover_type"]),
    ),
)
def test_any_other_question_is_refused_by_field(raw: Any, fields: list[str]) -> None:  # noqa: ANN401 - raw JSON
    with pytest.raises(InvalidRequest) as caught:
        parse_context_request(raw)

    assert [problem.field for problem in caught.value.problems] == fields


def test_a_field_name_that_is_no_text_is_a_problem_of_the_request() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_context_request({"context_id": "ctx-1", "\ud800": 1})

    (problem,) = caught.value.problems
    assert isinstance(problem, Problem)
    assert problem.field == "request"


@given(anything)
def test_whatever_is_asked_gets_a_question_or_a_typed_refusal(raw: object) -> None:
    try:
        answer = parse_context_request(raw).context_id
    except InvalidRequest as refusal:
        answer = str(refusal)
    assert answer.encode()


def test_an_explanation_survives_history() -> None:
    explanation = Explanation(
        context_id="ctx-1",
        vm_name="pgtest1",
        nic_source=NicSource.DATABASE,
        live=Verdict(),
        test=Verdict(error_type="FallbackRefused", message="no"),
    )

    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
