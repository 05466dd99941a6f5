"""What a caller of the client can meet.

::

    FailoverClientError
    |-- TemporalError            Temporal could not be asked
    |     |-- TemporalMisconfigured  its settings (TEMPORAL_*, profile, configuration file) cannot be used
    |     |-- TemporalUnreachable    nothing answers at the address; try again when it is back
    |     `-- TemporalRefused        it answers, and says no: an unknown namespace, a key that may not
    |-- StartError               a start that did not lead to a new run
    |     |-- FailoverAlreadyRunning the workflow id belongs to a failover that is open; watch that one
    |     `-- RequestIdReused        the request id belongs to a failover that was asked for otherwise
    |-- AnswerPending            the run is there, but did not say in time whether it is accepted
    |-- FailoverNotFound         no such workflow id, or Temporal no longer keeps it
    |-- FailoverNotCompleted     the run ended without a verified VM: failed, refused, cancelled, terminated
    |-- NoWorker                 no worker took up a question in time
    |-- QuestionRefused          explain, mappings, preflight: the VM is unknown, or the request is not valid
    |-- OrderRefused             nobody waits for this order, or it is not complete; nothing was changed
    `-- OrderPending             no worker answered an order in time; it may still be taken

``InvalidRequestId`` and ``InvalidRequest`` are a ``ValueError``: the caller wrote it.
"""

from rules.outcomes import FailureReport


class FailoverClientError(Exception):
    """A request to Temporal did not lead to what was asked for.

    Attributes:
        workflow_id: The run that it is about; empty where there is none.
    """

    workflow_id: str = ""

    @property
    def may_be_started(self) -> bool:
        """Whether a start that met this left a run behind, or may have."""
        return False


class TemporalError(FailoverClientError):
    """Temporal could not be asked.

    Attributes:
        workflow_id: The run that may have been started all the same; empty where nothing can have been.
    """

    @property
    def may_be_started(self) -> bool:
        """Whether it is not known if the start arrived."""
        return bool(self.workflow_id)


class TemporalMisconfigured(TemporalError):
    """Temporal's settings cannot be used."""

    def __init__(self) -> None:
        # The reader's own error quotes the file, which may hold a key.
        super().__init__(
            "Temporal's settings cannot be used: check the TEMPORAL_ variables, the profile that they name,"
            " the files of TEMPORAL_TLS_, and the configuration file (`temporal config list` reads the same)"
        )


class TemporalUnreachable(TemporalError):
    """No Temporal server answers at the address.

    Attributes:
        address: Host and port.
    """

    def __init__(self, address: str, *, workflow_id: str = "") -> None:
        text = f"no Temporal server answers at {address}"
        if workflow_id:
            text += f"; whether the failover {workflow_id} was started is not known: ask for it later"
        super().__init__(text)
        self.address = address
        self.workflow_id = workflow_id


class TemporalRefused(TemporalError):
    """Temporal answers, and does not do it.

    Attributes:
        code: The gRPC status, or ``NAMESPACE_NOT_FOUND``.
    """

    def __init__(self, address: str, namespace: str, code: str, *, workflow_id: str = "") -> None:
        super().__init__(f"Temporal at {address}, namespace {namespace}, answers {code}")
        self.code = code
        self.workflow_id = workflow_id


class StartError(FailoverClientError):
    """No new run was started.

    Attributes:
        workflow_id: The run that has the id.
    """

    def __init__(self, message: str, workflow_id: str) -> None:
        super().__init__(message)
        self.workflow_id = workflow_id


class FailoverAlreadyRunning(StartError):
    """A failover with this workflow id is open, so no second one was started."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"a failover with the workflow id {workflow_id} is running already", workflow_id)


class RequestIdReused(StartError):
    """The request id belongs to a run that was asked for something else."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(
            f"the request id {workflow_id} belongs to a failover with another request; nothing was started",
            workflow_id,
        )


class AnswerPending(FailoverClientError):
    """The run is there and goes on; whether it is accepted is not known yet.

    Attributes:
        workflow_id: Which run.
    """

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"the failover {workflow_id} is started, but no worker has checked it yet")
        self.workflow_id = workflow_id

    @property
    def may_be_started(self) -> bool:
        """It is."""
        return True


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


class NoWorker(FailoverClientError):
    """No worker took up the question in time; it was withdrawn.

    Attributes:
        task_queue: Where a worker has to listen.
    """

    def __init__(self, task_queue: str) -> None:
        super().__init__(f"no worker answers on the task queue {task_queue}")
        self.task_queue = task_queue


class QuestionRefused(FailoverClientError):
    """The question has no answer.

    Attributes:
        error_type: One of ``rules.errors.FailoverErrorType``, or ``TimedOut``.
        reason: For people.
    """

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(f"{error_type}: {reason}")
        self.error_type = error_type
        self.reason = reason


class OrderRefused(FailoverClientError):
    """An order to clean up, extend, commit, roll back or resume was not taken; nothing was changed.

    Attributes:
        workflow_id: Who refused it.
        reason: In its own words.
    """

    def __init__(self, workflow_id: str, reason: str) -> None:
        super().__init__(f"{workflow_id}: {reason}")
        self.workflow_id = workflow_id
        self.reason = reason


class OrderPending(FailoverClientError):
    """An order was sent, and no worker has answered it.

    Attributes:
        workflow_id: Who would carry it out.
    """

    def __init__(self, workflow_id: str) -> None:
        super().__init__(
            f"no worker has answered the order to {workflow_id}; it may still be taken:"
            " look how the failover stands, and give it again"
        )
        self.workflow_id = workflow_id


class InvalidRequest(ValueError):
    """The request, or the context id of a question, is no JSON that Temporal could keep; nothing was started.

    What is JSON, but not what a failover takes, is told by the run itself (``FailoverErrorType``).
    """

    def __init__(self) -> None:
        # Without a quotation: what is no text cannot be printed either.
        super().__init__(
            "the request cannot be written as JSON: text that is not Unicode, too deep a nesting, or a value"
            " that JSON does not have"
        )


class InvalidRequestId(ValueError):
    """A request id is 1 to 255 printable characters without a space at either end."""

    def __init__(self) -> None:
        super().__init__("a request id is 1 to 255 printable characters without a space at either end")
