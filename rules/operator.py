"""What an operator orders of a run: JSON, checked strictly before anything happens."""

from typing import Annotated

from pydantic import StringConstraints

from rules.durations import DURATION_PATTERN, duration_seconds
from rules.models import Request
from rules.request import InvalidRequest, Problem, read_object

_Reason = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"\S")]


class RollBackOrder(Request):
    """Give the machine back to its source.

    Attributes:
        acknowledge_data_loss: Must be true: what the new VM wrote since it first started is lost.
        force_stop: The operator saw that the new VM does not run: CloudStack may mark it as stopped without
            an answer of its host.
        reason: For the record.
        user_id: Who ordered it.
    """

    acknowledge_data_loss: bool = False
    force_stop: bool = False
    reason: _Reason
    user_id: Annotated[str | None, StringConstraints(max_length=255)] = None


class PlainOrder(Request):
    """Any other order: commit, resume, clean up now.

    Attributes:
        reason: For the record.
        user_id: Who ordered it.
    """

    reason: _Reason | None = None
    user_id: Annotated[str | None, StringConstraints(max_length=255)] = None


class ExtendOrder(Request):
    """Let a drill's VM live longer, from now on.

    Attributes:
        test_duration: "90s", "30m", "4h" or "2d".
    """

    test_duration: Annotated[str, StringConstraints(pattern=DURATION_PATTERN)]
    reason: _Reason | None = None
    user_id: Annotated[str | None, StringConstraints(max_length=255)] = None

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return duration_seconds(self.test_duration)


def read_roll_back(raw: object) -> RollBackOrder:
    """Check an order to roll back.

    Raises:
        InvalidRequest: A field is wrong, or the loss of data is not acknowledged.
    """
    order = read_object(RollBackOrder, raw)
    if not order.acknowledge_data_loss:
        raise InvalidRequest(
            [Problem("acknowledge_data_loss", "must be true: what the new VM wrote is lost by a rollback")]
        )
    return order


def read_plain(raw: object) -> PlainOrder:
    """Check an order without parameters; nothing at all is one too.

    Raises:
        InvalidRequest: A field is wrong.
    """
    return read_object(PlainOrder, {} if raw is None else raw)


def read_extend(raw: object, longest_seconds: float) -> ExtendOrder:
    """Check an order to extend a drill.

    Raises:
        InvalidRequest: A field is wrong, or the duration is zero or longer than the site allows.
    """
    order = read_object(ExtendOrder, raw)
    if not 0 < order.seconds <= longest_seconds:
        raise InvalidRequest(
            [Problem("test_duration", f"must be more than 0 and at most {longest_seconds:.0f} seconds")]
        )
    return order
