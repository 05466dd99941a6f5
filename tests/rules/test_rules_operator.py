"""What an operator orders: checked by field, and never done by halves. And what its runs are called."""

from typing import Any

import pytest

from rules.errors import FailoverErrorType
from rules.operator import read_extend, read_plain, read_roll_back
from rules.request import InvalidRequest
from rules.temporal_names import cleanup_workflow_id, commit_workflow_id, conversion_queue

_ROLL_BACK: dict[str, Any] = {"acknowledge_data_loss": True, "reason": "wrong VM"}
_DAY = 86400.0


@pytest.mark.parametrize(
    ("raw", "field"),
    (
        ({"reason": "wrong VM"}, "acknowledge_data_loss"),
        ({**_ROLL_BACK, "acknowledge_data_loss": False}, "acknowledge_data_loss"),
        ({**_ROLL_BACK, "acknowledge_data_loss": "true"}, "acknowledge_data_loss"),
        ({"acknowledge_data_loss": True}, "reason"),
        ({**_ROLL_BACK, "reason": "  "}, "reason"),
        ({**_ROLL_BACK, "force": True}, "force"),
        (None, "request"),
    ),
)
def test_a_rollback_without_acknowledgement_and_reason_is_refused(raw: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_roll_back(raw)

    assert caught.value.error_type is FailoverErrorType.INVALID_REQUEST
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_rollback_says_who_and_why() -> None:
    order = read_roll_back({**_ROLL_BACK, "user_id": "somebody"})

    assert (order.reason, order.user_id) == ("wrong VM", "somebody")


@pytest.mark.parametrize(
    ("raw", "reason"), ((None, None), ({}, None), ({"reason": "all is well"}, "all is well"))
)
def test_a_plain_order_may_be_nothing_at_all(raw: object, reason: str | None) -> None:
    assert read_plain(raw).reason == reason


@pytest.mark.parametrize("raw", ([], "now", {"reason": ""}, {"when": "now"}))
def test_a_plain_order_is_checked_all_the_same(raw: object) -> None:
    with pytest.raises(InvalidRequest):
        read_plain(raw)


@pytest.mark.parametrize(("said", "seconds"), (("1s", 1), ("30m", 1800), ("24h", _DAY), ("1d", _DAY)))
def test_a_drill_is_extended_up_to_what_the_site_allows(said: str, seconds: float) -> None:
    assert read_extend({"test_duration": said}, _DAY).seconds == seconds


@pytest.mark.parametrize("said", ("0m", "86401s", "25h", "2d", "1w", "", None, 5))
def test_a_drill_is_extended_by_nothing_else(said: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_extend({"test_duration": said}, _DAY)

    assert [problem.field for problem in caught.value.problems] == ["test_duration"]


def test_what_follows_a_run_is_found_by_its_id() -> None:
    assert cleanup_workflow_id("failover-1") == "failover-1-cleanup"
    assert commit_workflow_id("failover-1") == "failover-1-commit"
    assert conversion_queue("an-id") == "failover-appliance-an-id"
