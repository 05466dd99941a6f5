"""Around every request: one log line, one envelope for whatever goes wrong, and the door."""

import time
import uuid
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from api.callers import CALLER, Doorkeeper
from api.envelopes import ErrorReply
from api.errors import (
    BODY_TOO_LARGE,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    RETRY_AFTER_SECONDS,
    ApiError,
)
from api.replies import reply
from api.requests import BODY_BYTES
from database import DatabaseError, DatabaseUnavailable
from rules.errors import FailoverErrorType

API_PREFIX: Final = "/api/"
PROBES: Final = frozenset({"/healthz", "/readyz"})
REQUEST_ID: Final = "X-Request-ID"
STARTED_JOB: Final = web.RequestKey("started_job", str)
"""The job that a request may have started: no answer to it, whatever goes wrong, lacks its id."""

_WORDS: Final = {
    HTTPStatus.NOT_FOUND: (NOT_FOUND, "There is nothing at this path"),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        METHOD_NOT_ALLOWED,
        "This path does not take this method; Allow lists those it does",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (BODY_TOO_LARGE, f"The body is larger than {BODY_BYTES} bytes"),
}

_log = structlog.get_logger(__name__)


def make_middlewares(doorkeeper: Doorkeeper) -> list[Middleware]:
    """Return the middlewares, outermost first."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(API_PREFIX):
            request[CALLER] = doorkeeper.let_in(request)
        elif request.path not in PROBES:
            doorkeeper.slow_down(request)
        return await handler(request)

    return [logged, enveloped, guarded]


@web.middleware
async def logged(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write one line per request. No header and no query stands in it, since either may hold a secret."""
    begun = time.monotonic()
    request_id = uuid.uuid4().hex[:16]
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        response = await handler(request)
        response.headers[REQUEST_ID] = request_id
        if request.path not in PROBES or response.status >= HTTPStatus.BAD_REQUEST:
            caller = request.get(CALLER)
            _log.info(
                "http_request",
                method=request.method,
                path=request.path,
                status=response.status,
                milliseconds=round((time.monotonic() - begun) * 1000),
                peer=request.remote,
                caller=caller.name if caller else "",
            )
    return response


@web.middleware
async def enveloped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every failure into the envelope."""
    try:
        return await handler(request)
    except ApiError as error:
        return _failure(error)
    except web.HTTPException as error:
        return _failure(_of_aiohttp(error))
    except DatabaseUnavailable as error:
        _log.warning("database_unavailable", reason=str(error))
        return _failure(
            ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                FailoverErrorType.DATABASE_UNAVAILABLE,
                "The database does not answer",
                job_id=request.get(STARTED_JOB, ""),
                headers={hdrs.RETRY_AFTER: str(RETRY_AFTER_SECONDS)},
            )
        )
    except DatabaseError as error:
        _log.error("database_error", error_type=type(error).__name__, reason=str(error))
        return _failure(_internal(request))
    except Exception:  # noqa: BLE001 - the last fence: a caller gets an envelope, and we the trace
        _log.exception("request_failed")
        return _failure(_internal(request))


def _of_aiohttp(error: web.HTTPException) -> ApiError:
    status = HTTPStatus(error.status)
    kind, message = _WORDS.get(status, (status.phrase.title().replace(" ", ""), status.phrase))
    allow = error.headers.get(hdrs.ALLOW)
    return ApiError(status, kind, message, headers={hdrs.ALLOW: allow} if allow else None)


def _internal(request: web.Request) -> ApiError:
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        INTERNAL_ERROR,
        f"The request failed inside of the API; the header {REQUEST_ID} finds it in the log",
        job_id=request.get(STARTED_JOB, ""),
    )


def _failure(error: ApiError) -> web.Response:
    return reply(
        ErrorReply(message=error.message, job_id=error.job_id, error=error.error, data=error.data),
        status=error.status,
        headers=error.headers,
        sparse=True,
    )
