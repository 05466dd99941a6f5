"""What a caller hands over: the request as plain JSON, and the run's identity."""

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from temporalio.contrib.pydantic import pydantic_data_converter

from client.errors import InvalidRequest, InvalidRequestId
from rules.request import UnifiedFailoverConfig

FailoverRequest = UnifiedFailoverConfig | Mapping[str, Any]
"""The job sheet's JSON, or the same typed."""

_LONGEST_ID: Final = 255
_LONGEST_PART: Final = 64
_WHO_ASKS: Final = "user_id"


def as_json(request: FailoverRequest) -> dict[str, Any]:
    """Return the request as it goes to Temporal: what was not said is left out.

    Raises:
        InvalidRequest: It cannot be written as JSON.
    """
    if isinstance(request, UnifiedFailoverConfig):
        wanted = request.model_dump(mode="json", exclude_unset=True)
    else:
        wanted = dict(request)
    converter = pydantic_data_converter.payload_converter
    try:
        # Both ways: what cannot be read back would be a run that no worker can ever begin with.
        converter.from_payload(converter.to_payload(wanted))
    except (ValueError, TypeError, RecursionError, RuntimeError):
        raise InvalidRequest from None
    return wanted


def checked_request_id(request_id: str) -> str:
    """Return the id, which becomes the workflow id as it is.

    Raises:
        InvalidRequestId: It cannot be one.
    """
    if not (0 < len(request_id) <= _LONGEST_ID and request_id.isprintable()):
        raise InvalidRequestId
    if request_id != request_id.strip():
        raise InvalidRequestId
    return request_id


def new_workflow_id(request: Mapping[str, Any]) -> str:
    """Return a readable id that no other start gets."""
    parts = (_plain(request.get(name)) for name in ("failover_type", "context_id"))
    return "-".join(("failover", *filter(None, parts), secrets.token_hex(4)))


def same_request(one: object, other: object) -> bool:
    """Whether two requests ask for the same; who asks makes no difference."""
    return _wanted(one) == _wanted(other)


def _wanted(request: object) -> object:
    if not isinstance(request, Mapping):
        return request
    return {name: value for name, value in request.items() if name != _WHO_ASKS and value is not None}


def _plain(value: object) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "", value)[:_LONGEST_PART] if isinstance(value, str) else ""
