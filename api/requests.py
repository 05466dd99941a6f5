"""What came in, read strictly: a body that is not one JSON object, or a filter nobody knows, is refused."""

import asyncio
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from aiohttp import web
from multidict import MultiMapping

from api.envelopes import JobStatus
from api.errors import (
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
    ApiError,
    invalid,
)
from rules.request import FailoverType, Problem

BODY_BYTES: Final = 64 * 1024
MOST_JOBS: Final = 1000
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"^[!-~]{1,255}$"

_BODY_SECONDS: Final = 15
_VM_ID_CHARACTERS: Final = 255
_FILTERS: Final = ("type", "status", "vm_id", "limit")


class JobFilter(NamedTuple):
    """Which jobs are asked for; None lets every value pass."""

    failover_type: FailoverType | None = None
    status: JobStatus | None = None
    vm_id: str | None = None
    limit: int = MOST_JOBS


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read the body.

    Raises:
        ApiError: 415 for another content type, 408 for a body that does not come, 400 for one that is not one
            JSON object in UTF-8 with each name once.
        web.HTTPRequestEntityTooLarge: It is larger than ``BODY_BYTES``.
    """
    if request.content_type != "application/json":
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            UNSUPPORTED_MEDIA_TYPE,
            "The body must be JSON, with the header Content-Type: application/json",
        )
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise ApiError(HTTPStatus.REQUEST_TIMEOUT, REQUEST_TIMEOUT, "The body did not come in time") from None
    try:
        # Python's own reader takes NaN, and of a name that stands twice the last: neither is what was meant.
        decoded = json.loads(body.decode(), parse_constant=_no_constant, object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise invalid([Problem("request", "is not JSON in UTF-8 with each name once")]) from None
    if not isinstance(decoded, dict):
        raise invalid([Problem("request", "must be one JSON object")])
    return decoded


def idempotency_key(request: web.Request) -> str | None:
    """Read the header.

    Raises:
        ApiError: 400 for one that is empty, too long, repeated or not plain ASCII.
    """
    given = request.headers.getall(IDEMPOTENCY_KEY, [])
    if not given:
        return None
    if len(given) > 1 or not re.fullmatch(KEY_PATTERN, given[0]):
        raise invalid([Problem(IDEMPOTENCY_KEY, "must be 1 to 255 printable ASCII characters, given once")])
    return given[0]


def job_filter(query: MultiMapping[str]) -> JobFilter:
    """Read the filters of the list. An empty one is none, as in the original.

    Raises:
        ApiError: 400 for one that is unknown, repeated or not usable: a misspelt one would list everything.
    """
    problems = [Problem(name[:64], "is no filter") for name in query if name not in _FILTERS]
    problems += [Problem(name, "is given twice") for name in _FILTERS if len(query.getall(name, [])) > 1]
    given = {name: query.get(name, "") for name in _FILTERS}
    _one_of(given["type"], tuple(FailoverType), "type", problems)
    _one_of(given["status"], tuple(JobStatus), "status", problems)
    if len(given["vm_id"]) > _VM_ID_CHARACTERS:
        problems.append(Problem("vm_id", f"is longer than {_VM_ID_CHARACTERS} characters"))
    limit = given["limit"]
    # Not int() alone, which takes blanks, signs and underscores too.
    if limit and not (re.fullmatch(r"[1-9][0-9]{0,3}", limit) and int(limit) <= MOST_JOBS):
        problems.append(Problem("limit", f"must be a number from 1 to {MOST_JOBS}"))
    if problems:
        raise invalid(problems)
    return JobFilter(
        failover_type=FailoverType(given["type"]) if given["type"] else None,
        status=JobStatus(given["status"]) if given["status"] else None,
        vm_id=given["vm_id"] or None,
        limit=int(limit) if limit else MOST_JOBS,
    )


def _one_of(value: str, words: Sequence[str], name: str, problems: list[Problem]) -> None:
    if value and value not in words:
        problems.append(Problem(name, f"must be one of {', '.join(words)}"))


def _no_constant(_name: str) -> None:
    raise ValueError


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made
