"""What a request can be answered with when it is not carried out.

::

    ApiError                     an HTTP status, an error type and words for people
    `-- TemporalAway             503: Temporal does not answer, or does not let us in

Every other failure becomes one of these in ``api/middleware.py``: what aiohttp raises for a route, a method
or a body, and what the database raises. Which status belongs to which error type of a run is the table below.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from api.envelopes import ErrorData
from rules.errors import FailoverErrorType
from rules.request import InvalidRequest, Problem

UNAUTHORIZED: Final = "Unauthorized"
FORBIDDEN: Final = "Forbidden"
NOT_FOUND: Final = "NotFound"
JOB_NOT_FOUND: Final = "JobNotFound"
METHOD_NOT_ALLOWED: Final = "MethodNotAllowed"
REQUEST_TIMEOUT: Final = "RequestTimeout"
AMBIGUOUS_VM_NAME: Final = "AmbiguousVmName"
IDEMPOTENCY_KEY_REUSED: Final = "IdempotencyKeyReused"
BODY_TOO_LARGE: Final = "BodyTooLarge"
UNSUPPORTED_MEDIA_TYPE: Final = "UnsupportedMediaType"
MISDIRECTED_REQUEST: Final = "MisdirectedRequest"
TOO_MANY_REQUESTS: Final = "TooManyRequests"
INTERNAL_ERROR: Final = "InternalError"
NOT_READY: Final = "NotReady"
TEMPORAL_UNAVAILABLE: Final = "TemporalUnavailable"
CANCELLED: Final = "Cancelled"
TERMINATED: Final = "Terminated"
TIMED_OUT: Final = "TimedOut"
LOST: Final = "Lost"

RETRY_AFTER_SECONDS: Final = 5
"""What a 503 advises: long enough for a restart to be over at the second or third try."""

_STATUS: Final[Mapping[str, HTTPStatus]] = {
    FailoverErrorType.INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    FailoverErrorType.UNKNOWN_CONTEXT: HTTPStatus.NOT_FOUND,
    FailoverErrorType.FAILOVER_IN_PROGRESS: HTTPStatus.CONFLICT,
    FailoverErrorType.VM_NAME_TAKEN: HTTPStatus.CONFLICT,
    CANCELLED: HTTPStatus.CONFLICT,
}


class ApiError(Exception):
    """A request that is not carried out.

    Args:
        status: The HTTP status.
        error: The error's type, which programs decide by.
        message: For people; names fields, never a value of the request, never a secret.
        job_id: The run that was refused, where there is one.
        data: What else a program can use.
        headers: Headers that belong to the status.
    """

    def __init__(  # noqa: PLR0913 - the parts of one answer
        self,
        status: HTTPStatus,
        error: str,
        message: str,
        *,
        job_id: str = "",
        data: ErrorData | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.job_id = job_id
        self.data = data
        self.headers = dict(headers or {})
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))


class TemporalAway(ApiError):
    """Temporal does not answer, or does not let us in.

    Args:
        message: What that means for the request.
        job_id: The run that may have been started all the same.
    """

    def __init__(self, message: str, *, job_id: str = "") -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, TEMPORAL_UNAVAILABLE, message, job_id=job_id)


def status_of(error_type: str) -> HTTPStatus:
    """Return the HTTP status of a run that ended without being accepted.

    None is a 503, not even where CloudStack or the database was away: the run tried as long as it may, it is
    over, and the same request with the same key would only get the same answer again.

    Args:
        error_type: One of ``FailoverErrorType``, or how Temporal ended the run (``Cancelled``, ...). Whatever
            has no row of its own is 422: understood, and refused.
    """
    return _STATUS.get(error_type, HTTPStatus.UNPROCESSABLE_ENTITY)


def invalid(problems: Sequence[Problem]) -> ApiError:
    """Return the 400 that names each field."""
    refusal = InvalidRequest(list(problems))
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        refusal.error_type,
        str(refusal),
        data=ErrorData(fields=tuple(dict.fromkeys(problem.field for problem in refusal.problems))),
    )
