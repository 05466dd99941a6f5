"""Every error of our clients and repositories as a typed failure: the table that decides what is retried."""

from collections.abc import Iterator
from contextlib import contextmanager

from activities.failures import failure
from cloudstack import (
    CloudStackError,
    NoCapacity,
    NotAuthenticated,
    NotExecuted,
    NotPermitted,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    ServerFault,
)
from database import CredentialError, DatabaseError, DatabaseUnavailable, StoredNicsUnreadable
from rules.errors import FailoverErrorType, FailoverRefused
from vma import SourceRefused, VmaError
from vma.errors import SourceUnreachable
from volume_daemon import DaemonError, DaemonRefused, DaemonUnreachable, DaemonUnsure

_TABLE: tuple[tuple[type[Exception], FailoverErrorType], ...] = (
    (DatabaseUnavailable, FailoverErrorType.DATABASE_UNAVAILABLE),
    (StoredNicsUnreadable, FailoverErrorType.STORED_DATA_UNREADABLE),
    (CredentialError, FailoverErrorType.CONFIGURATION_ERROR),
    (DatabaseError, FailoverErrorType.CONFIGURATION_ERROR),
    (NotExecuted, FailoverErrorType.CLOUDSTACK_UNAVAILABLE),
    (OutcomeUnknown, FailoverErrorType.CLOUDSTACK_OUTCOME_UNKNOWN),
    (QuotaExceeded, FailoverErrorType.QUOTA_EXCEEDED),
    (NotPermitted, FailoverErrorType.CLOUDSTACK_NOT_PERMITTED),
    (NotAuthenticated, FailoverErrorType.CLOUDSTACK_NOT_PERMITTED),
    (Refused, FailoverErrorType.CLOUDSTACK_REFUSED),
    (NoCapacity, FailoverErrorType.CLOUDSTACK_NO_CAPACITY),
    (ServerFault, FailoverErrorType.CLOUDSTACK_UNAVAILABLE),
    (SourceUnreachable, FailoverErrorType.SOURCE_UNREACHABLE),
    (SourceRefused, FailoverErrorType.SOURCE_REFUSED),
    # The daemon passes our calls on to CloudStack: for a run its outage is one of CloudStack.
    (DaemonUnreachable, FailoverErrorType.CLOUDSTACK_UNAVAILABLE),
    (DaemonUnsure, FailoverErrorType.CLOUDSTACK_OUTCOME_UNKNOWN),
    (DaemonRefused, FailoverErrorType.DISK_MOVE_FAILED),
)
"""First match wins; a subclass stands above its base."""

TRANSLATED = (FailoverRefused, DatabaseError, CloudStackError, VmaError, DaemonError)


def type_of(error: Exception) -> FailoverErrorType:
    """Return the type under which an error of ours crosses into Temporal."""
    if isinstance(error, FailoverRefused):
        return error.error_type
    return next(error_type for kind, error_type in _TABLE if isinstance(error, kind))


@contextmanager
def typed_failures() -> Iterator[None]:
    """Turn every error of our own packages into an ``ApplicationError`` of its type.

    Anything else passes: an error in our own code is retried by Temporal until a fixed worker is there.
    """
    try:
        yield
    except TRANSLATED as error:
        details = error.details if isinstance(error, FailoverRefused) else ()
        raise failure(type_of(error), str(error), *details) from error
