"""What a caller of the client can meet.

::

    FailoverClientError
    ├── TemporalUnreachable      nothing answers at the address; try again when it is back
    ├── FailoverAlreadyRunning   the workflow id belongs to a failover that is open; watch that one
    ├── FailoverNotFound         no such workflow id, or Temporal no longer keeps it
    └── FailoverNotCompleted     the run ended without a verified VM: failed, refused, cancelled, terminated
"""

from rules.outcomes import FailureReport


class FailoverClientError(Exception):
    """A request to Temporal did not lead to what was asked for."""


class TemporalUnreachable(FailoverClientError):
    """No Temporal server answers at the address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no Temporal server answers at {address}")
        self.address = address


class FailoverAlreadyRunning(FailoverClientError):
    """A failover with this workflow id is open, so no second one was started."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"a failover with the workflow id {workflow_id} is running already")
        self.workflow_id = workflow_id


class FailoverNotFound(FailoverClientError):
    """Temporal knows no run with this workflow id."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"Temporal knows no failover with the workflow id {workflow_id}")
        self.workflow_id = workflow_id


class FailoverNotCompleted(FailoverClientError):
    """The run is closed, and it did not end with a verified VM.

    Attributes:
        workflow_id: Which run.
        error_type: The typed error of the run (``InvalidRequest``, ``DuplicateNetwork``, ...), or
            ``Cancelled``, ``Terminated`` or ``TimedOut`` where Temporal ended it.
        reason: What the run said, for people.
        report: What it removed and what it left behind; None where it could not say.
    """

    def __init__(
        self, workflow_id: str, *, error_type: str, reason: str, report: FailureReport | None = None
    ) -> None:
        super().__init__(f"{workflow_id} ended with {error_type}: {reason}")
        self.workflow_id = workflow_id
        self.error_type = error_type
        self.reason = reason
        self.report = report
