"""Reading a failure: its type and its words, whatever it is wrapped in."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as StepTimeout

with workflow.unsafe.imports_passed_through():
    from activities.failures import CERTAINLY_NOT_MADE
    from rules.errors import FailoverErrorType, FailoverRefused

_TYPES: dict[str | None, FailoverErrorType] = {
    error_type.value: error_type for error_type in FailoverErrorType
}


def explain(error: BaseException) -> tuple[FailoverErrorType, str]:
    """Return the type and the message of a failure, from its innermost typed cause."""
    found = typed_cause(error)
    if isinstance(found, FailoverRefused):
        return found.error_type, str(found)
    if isinstance(found, ApplicationError) and found.type in _TYPES:
        return _TYPES[found.type], found.message
    if isinstance(found, StepTimeout):
        return FailoverErrorType.STEP_TIMED_OUT, f"A step took longer than it may: {found.message}"
    return FailoverErrorType.ACTIVITY_FAILED, str(found)


def may_be_under_way(error: BaseException) -> bool:
    """Whether a create call may still take effect after this failure of the create step."""
    found = typed_cause(error)
    return not (isinstance(found, ApplicationError) and CERTAINLY_NOT_MADE in found.details)


def typed_cause(error: BaseException) -> BaseException:
    """Return the innermost cause that has a type of ours, else the innermost timeout, else the error."""
    # A timeout carries the last failure as its own cause, which says more.
    innermost = error
    while True:
        if isinstance(error, (ApplicationError, FailoverRefused)):
            return error
        if error.__cause__ is None:
            return innermost if not isinstance(error, StepTimeout) else error
        error = error.__cause__
        if isinstance(error, StepTimeout):
            innermost = error
