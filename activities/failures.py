"""How a failure crosses into Temporal: always typed, and retried only when the type says so."""

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from rules.errors import FailoverErrorType

CERTAINLY_NOT_MADE = "certainly-not-made"
"""The detail of a create failure after which no create call can be under way."""

NOTHING_WRITTEN = "nothing-written"
"""The detail of a conversion failure after which the disk is certainly as it was."""


def failure(
    error_type: FailoverErrorType,
    message: str,
    *details: object,
    final: bool = False,
) -> ApplicationError:
    """Build the error of one type.

    Args:
        error_type: Decides whether Temporal retries (``FailoverErrorType.retryable``).
        message: For people; never a secret, never a value of the request.
        details: Models that travel with the error.
        final: Not to be tried again, whatever its type.
    """
    return ApplicationError(
        message,
        *details,
        type=error_type.value,
        non_retryable=final or not error_type.retryable,
        # Expected in operation: ``FailureLog`` writes one line, the SDK no stack trace.
        category=ApplicationErrorCategory.BENIGN,
    )
