"""Advice for whoever reads the summary of a failover that did not complete."""

import pytest

from rules.advice import ErrorCategory, advice_for
from rules.errors import FailoverErrorType


@pytest.mark.parametrize("error_type", tuple(FailoverErrorType))
def test_every_error_type_has_advice_of_its_own(error_type: FailoverErrorType) -> None:
    advice = advice_for(error_type.value)

    assert advice != advice_for("")
    assert advice.steps
    assert all(step.endswith(".") and len(step) < 140 for step in advice.steps)


@pytest.mark.parametrize("error_type", ("", "NoSuchType", "Cancelled"))
def test_whatever_else_ends_a_run_has_general_advice(error_type: str) -> None:
    advice = advice_for(error_type)

    assert advice.category is ErrorCategory.CONFIGURATION
    assert advice.steps


def test_the_categories_are_the_words_that_the_appliance_knows() -> None:
    used = {advice_for(error_type.value).category for error_type in FailoverErrorType}

    assert used == set(ErrorCategory)
    assert {category.value for category in ErrorCategory} == {
        "compatibility",
        "network",
        "storage",
        "configuration",
        "connectivity",
    }
