"""Start failovers and follow them: what ``temporal workflow start`` does with plain JSON, typed."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Self

from pydantic import ValidationError
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import (
    ApplicationError,
    CancelledError,
    TerminatedError,
    TimeoutError,  # noqa: A004 - the SDK's own name for a run that ran out of time
    WorkflowAlreadyStartedError,
)
from temporalio.service import RPCError, RPCStatusCode

from client.errors import (
    FailoverAlreadyRunning,
    FailoverNotCompleted,
    FailoverNotFound,
    TemporalUnreachable,
)
from client.steps import Step, StepReader
from rules.outcomes import FailoverResult, FailureReport

WORKFLOW_TYPE: Final = "FailoverWorkflow"
TASK_QUEUE: Final = "failover"
_DEFAULT_ADDRESS: Final = "localhost:7233"
_METADATA_QUERY: Final = "__temporal_workflow_metadata"

FailoverHandle = WorkflowHandle[Any, FailoverResult]


class FailoverClient:
    """A client of the failover workflow.

    Args:
        client: Connected with ``pydantic_data_converter``.
        task_queue: Where the workers listen.
    """

    def __init__(self, client: Client, *, task_queue: str = TASK_QUEUE) -> None:
        self.temporal = client
        self._task_queue = task_queue

    @classmethod
    async def connect(cls, address: str | None = None, namespace: str | None = None) -> Self:
        """Connect as Temporal's environment and configuration file say (``TEMPORAL_*``, profiles, TLS, key).

        Args:
            address: Host and port instead of the configured ones.
            namespace: Instead of the configured one.

        Raises:
            TemporalUnreachable: Nothing answers there.
        """
        config = ClientConfig.load_client_connect_config()
        config.setdefault("target_host", _DEFAULT_ADDRESS)
        if address:
            config["target_host"] = address
        if namespace:
            config["namespace"] = namespace
        try:
            return cls(await Client.connect(**config, data_converter=pydantic_data_converter))
        except RuntimeError:
            # The SDK raises nothing more specific; its text may hold the whole connection configuration.
            raise TemporalUnreachable(config["target_host"]) from None

    async def start(self, request: Mapping[str, Any], *, workflow_id: str) -> FailoverHandle:
        """Start a failover.

        Args:
            request: The job sheet's JSON; the run itself checks it and ends with a typed error.
            workflow_id: The run's name; an id whose run is closed can be used again.

        Raises:
            FailoverAlreadyRunning: The id belongs to a failover that is open.
        """
        try:
            return await self.temporal.start_workflow(
                WORKFLOW_TYPE,
                dict(request),
                id=workflow_id,
                task_queue=self._task_queue,
                result_type=FailoverResult,
            )
        except WorkflowAlreadyStartedError:
            raise FailoverAlreadyRunning(workflow_id) from None

    async def result(self, workflow_id: str, *, run_id: str | None = None) -> FailoverResult:
        """Wait until the failover is over, and return its result.

        Raises:
            FailoverNotCompleted: It failed, was refused, cancelled or terminated.
            FailoverNotFound: Temporal knows no such run.
        """
        try:
            return await self._handle(workflow_id, run_id).result()
        except WorkflowFailureError as error:
            raise _not_completed(workflow_id, error.cause) from error
        except RPCError as error:
            raise _translated(workflow_id, error) from error

    async def steps(self, workflow_id: str, *, run_id: str | None = None) -> AsyncIterator[Step]:
        """Follow a run from its first step to its end: each step once begun and once ended.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        reader = StepReader(self.temporal.data_converter)
        events = self._handle(workflow_id, run_id).fetch_history_events(wait_new_event=True)
        try:
            async for event in events:
                step = await reader.read(event)
                if step is not None:
                    yield step
        except RPCError as error:
            raise _translated(workflow_id, error) from error

    async def current_details(self, workflow_id: str, *, run_id: str | None = None) -> str:
        """What the run says of itself now, in Markdown; a worker must be there to answer.

        Raises:
            FailoverNotFound: Temporal knows no such run.
        """
        try:
            metadata: WorkflowMetadata = await self._handle(workflow_id, run_id).query(
                _METADATA_QUERY, result_type=WorkflowMetadata
            )
        except RPCError as error:
            raise _translated(workflow_id, error) from error
        return metadata.current_details

    def _handle(self, workflow_id: str, run_id: str | None) -> FailoverHandle:
        return self.temporal.get_workflow_handle(workflow_id, run_id=run_id, result_type=FailoverResult)


def _translated(workflow_id: str, error: RPCError) -> Exception:
    return FailoverNotFound(workflow_id) if error.status is RPCStatusCode.NOT_FOUND else error


def _not_completed(workflow_id: str, cause: BaseException) -> FailoverNotCompleted:
    if isinstance(cause, ApplicationError):
        return FailoverNotCompleted(
            workflow_id,
            error_type=cause.type or "Unknown",
            reason=cause.message,
            report=_report(cause.details[0]) if cause.details else None,
        )
    ended_by_temporal = {CancelledError: "Cancelled", TerminatedError: "Terminated", TimeoutError: "TimedOut"}
    kind = next((name for known, name in ended_by_temporal.items() if isinstance(cause, known)), "Unknown")
    return FailoverNotCompleted(workflow_id, error_type=kind, reason=str(cause))


def _report(detail: object) -> FailureReport | None:
    try:
        return FailureReport.model_validate(detail)
    except ValidationError:
        # An error that did not come from the end of the run carries no report.
        return None
