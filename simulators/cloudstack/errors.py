"""Refusals of the simulated API.

    ApiError                an answer with a CloudStack code
    ConnectionLost          no answer: the connection is dropped

The number of an :class:`ApiError` is the HTTP status at submit and ``jobresultcode`` in a job.
"""

from enum import IntEnum


class Code(IntEnum):
    """CloudStack's codes, as far as they were observed."""

    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    THROTTLED = 429
    PARAMETER = 431
    UNSUPPORTED = 432
    MAINTENANCE = 503
    INTERNAL = 530
    PERMISSION = 531
    NO_CAPACITY = 533
    UNAVAILABLE = 534
    LIMIT = 535


class Detail(IntEnum):
    """``cserrorcode``: which kind of exception it was inside the server."""

    NONE = 0
    RUNTIME = 4250
    PARAMETER = 4350
    PERMISSION = 4365
    ALLOCATION = 4370
    UNSPECIFIED = 9999


MASKED_CODES = frozenset({Code.INTERNAL, Code.NO_CAPACITY, Code.UNAVAILABLE})
"""What an ordinary user sees only a general text for (observed, section 1)."""
MASK = "Internal error executing command, please contact your system administrator"


class ApiError(Exception):
    """An answer with a CloudStack code.

    Attributes:
        code: HTTP status and ``errorcode``.
        detail: ``cserrorcode``; None where the reply has no such key (401).
    """

    def __init__(self, code: int, text: str, detail: int | None = Detail.UNSPECIFIED) -> None:
        super().__init__(text)
        self.code = int(code)
        self.text = text
        self.detail = None if detail is None else int(detail)


class ConnectionLost(Exception):
    """The connection is to be dropped without an answer."""


def refused(text: str) -> ApiError:
    """Return a 431 about a value that the command does not accept."""
    return ApiError(Code.PARAMETER, text, Detail.PARAMETER)


def bad_argument(command: str, text: str) -> ApiError:
    """Return a 431 from before the command ran: a parameter that could not be read."""
    return ApiError(
        Code.PARAMETER, f"Unable to execute API command {command.lower()} due to invalid value. {text}"
    )


def unknown_entity(command: str, name: str, value: str) -> ApiError:
    """Return the 431 for an id that names nothing (observed, section 6)."""
    return bad_argument(
        command,
        f"Invalid parameter {name} value={value} due to incorrect long value format, or entity does not exist"
        " or due to incorrect parameter annotation for the field in api cmd class.",
    )


def missing_parameter(command: str, name: str) -> ApiError:
    """Return the 431 for a required parameter that is not there (observed, section 6)."""
    return ApiError(
        Code.PARAMETER, f"Unable to execute API command {command.lower()} due to missing parameter {name}"
    )


def unauthorized() -> ApiError:
    """Return the one answer for everything about signatures, and for an unknown command (section 7)."""
    return ApiError(
        Code.UNAUTHORIZED, "unable to verify user credentials and/or request signature", detail=None
    )


def forbidden() -> ApiError:
    """Return the 531 for somebody else's resource (observed, section 6)."""
    return ApiError(
        Code.PERMISSION,
        "Caller does not have permission to operate with provided resource.",
        Detail.PERMISSION,
    )


def internal(text: str, detail: int = Detail.NONE) -> ApiError:
    """Return a 530, the code for everything that went wrong inside."""
    return ApiError(Code.INTERNAL, text, detail)


def entity_exists(detail: int) -> ApiError:
    """Return the 530 of a uuid that the database has kept (observed, sections 2 and 4)."""
    return internal("Entity already exists ", detail)


def uuid_taken(value: str) -> ApiError:
    """Return the 431 of a uuid that is in use (observed, sections 2 and 4)."""
    return refused(f"UUID: {value} already exists so can't create/update with custom id")
