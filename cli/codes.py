"""Exit codes: what a script can decide by. ``docs/cli.md`` has them as a table."""

from enum import IntEnum
from typing import Final

from client import (
    Acceptance,
    AnswerPending,
    FailoverClientError,
    FailoverNotFound,
    FailoverStatus,
    NoWorker,
    OrderPending,
    OrderRefused,
    QuestionRefused,
    RunOutcome,
    StartError,
    TemporalError,
    TemporalMisconfigured,
)
from rules.errors import FailoverErrorType


class ExitCode(IntEnum):
    """How a command ended."""

    DONE = 0
    """Done, answered, accepted, or completed where the command waits for the end."""
    NOT_COMPLETED = 1
    """A failover ended without a verified VM: failed, cancelled, terminated; of a file, at least one."""
    INVALID = 2
    """The command line or the request is not valid."""
    REFUSED = 3
    """Refused before anything was changed."""
    NOT_FOUND = 4
    """No such failover, or no such VM context."""
    TEMPORAL_AWAY = 5
    """Temporal does not answer, or does not let us in."""
    NO_ANSWER = 6
    """No worker answered in time. A failover that was started goes on."""
    HELD = 7
    """The failover holds: its new VM has started, and an operator must order rollback or resume."""
    INTERRUPTED = 130
    """Ctrl-C. A failover that was started goes on."""


EPILOG: Final = (
    "Exit codes: 0 done; 1 the failover did not complete; 2 wrong command line or request;"
    " 3 refused, nothing was changed; 4 not found; 5 Temporal does not answer;"
    " 6 no worker answered in time; 7 the failover holds for rollback or resume; 130 interrupted."
    " Failovers go on when this program ends."
)

_BY_ERROR_TYPE: Final = {
    FailoverErrorType.INVALID_REQUEST.value: ExitCode.INVALID,
    FailoverErrorType.UNKNOWN_CONTEXT.value: ExitCode.NOT_FOUND,
    "TimedOut": ExitCode.NO_ANSWER,
}

_ENDED_OTHERWISE: Final = frozenset({"Cancelled", "Terminated", "TimedOut"})
"""What a run without an answer ends with that nobody refused."""

_BY_ERROR: Final[tuple[tuple[type[FailoverClientError], ExitCode], ...]] = (
    (TemporalMisconfigured, ExitCode.INVALID),
    (TemporalError, ExitCode.TEMPORAL_AWAY),
    (FailoverNotFound, ExitCode.NOT_FOUND),
    (StartError, ExitCode.REFUSED),
    (OrderRefused, ExitCode.REFUSED),
    (OrderPending, ExitCode.NO_ANSWER),
    (AnswerPending, ExitCode.NO_ANSWER),
    (NoWorker, ExitCode.NO_ANSWER),
)


def code_of_refusal(error_type: str) -> ExitCode:
    """Return the code for a request or a question that was refused."""
    return _BY_ERROR_TYPE.get(error_type, ExitCode.REFUSED)


def was_ended(answer: Acceptance) -> bool:
    """Whether a run was ended from outside before it was accepted: that is no refusal."""
    return not answer.accepted and answer.error_type in _ENDED_OTHERWISE


def code_of_acceptance(answer: Acceptance) -> ExitCode:
    """Return the code for what a start was answered with."""
    if answer.accepted:
        return ExitCode.DONE
    return ExitCode.NOT_COMPLETED if was_ended(answer) else code_of_refusal(answer.error_type)


def code_of_end(status: FailoverStatus) -> ExitCode:
    """Return the code for a failover that is over, or holds."""
    if status.outcome is RunOutcome.HELD:
        return ExitCode.HELD
    if status.outcome is RunOutcome.COMPLETED:
        return ExitCode.DONE
    if status.outcome is RunOutcome.REFUSED:
        return code_of_refusal(status.error_type)
    return ExitCode.NOT_COMPLETED


def code_of_error(error: FailoverClientError) -> ExitCode:
    """Return the code for what the client raised."""
    if isinstance(error, QuestionRefused):
        return code_of_refusal(error.error_type)
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.NOT_COMPLETED)
