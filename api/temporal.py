"""What the API asks of Temporal: start and wait for accepted or refused, and how a run stands.

Every question is bounded in time. ``TemporalAway`` says that there was no answer; what to do then is decided
by who asked.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from api.envelopes import PendingStep
from api.errors import TemporalAway
from api.executions import Ending, Execution, read_execution, read_failure
from client.outages import passes
from client.starting import stay_cancelled, update_with_start
from client.visibility import quoted
from rules.outcomes import Acceptance, FailoverResult
from rules.temporal_names import ACCEPTED_UPDATE, FAILOVER_WORKFLOW
from settings.temporal import temporal_config

_UPDATE_ID: Final = "http-accepted"
"""One for all: whoever asks again, even after the run is closed, gets the answer that was given first."""

_QUESTION_SECONDS: Final = 3
_PAUSE: Final = 0.25
_MOST_LISTED: Final = 1000

_ENDED_BY_TEMPORAL: Final = (WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT)

_NO_SUCH_RUN: Final = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)
"""The second one for an id that is longer than any workflow's can be."""

_NOT_CONNECTED: Final = (RuntimeError,)
"""What the SDK raises where a lazy client cannot connect; it has nothing more specific."""

_log = structlog.get_logger(__name__)


async def connect_lazily() -> Client:
    """Make a client as ``temporalio.envconfig`` says. It connects when it is first used, or again.

    Raises:
        RuntimeError: The configuration cannot be used. Its text may hold all of it.
    """
    return await Client.connect(**temporal_config(), data_converter=pydantic_data_converter, lazy=True)


class TemporalGateway:
    """Asks Temporal.

    Args:
        client: With ``pydantic_data_converter``.
        task_queue: Where the workers listen.
    """

    def __init__(self, client: Client, *, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def start(
        self, workflow_id: str, request: Mapping[str, Any], memo: Mapping[str, str], *, seconds: float
    ) -> Acceptance | None:
        """Start a failover unless one with this id was ever started, and wait for accepted or refused.

        A Temporal that goes away meanwhile is asked again until the time is over: the id makes that safe.

        Args:
            workflow_id: The run's identity.
            request: The job sheet's JSON.
            memo: What is shown of the run before a worker has seen it.
            seconds: How long to wait.

        Returns:
            The answer; None when the run is there and has not answered yet, or will not any more.

        Raises:
            TemporalAway: Nothing was started, or it cannot be said whether anything was (with the job's id).
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        sent = False
        while not sent and (left := deadline - loop.time()) > 0:
            try:
                answer = await update_with_start(
                    self._client,
                    request,
                    workflow_id,
                    task_queue=self._task_queue,
                    update_id=_UPDATE_ID,
                    timeout_seconds=left,
                    memo=memo,
                )
            except _NOT_CONNECTED as error:
                _log.warning("temporal_unavailable", reason=type(error).__name__)
                await asyncio.sleep(min(_PAUSE, left))
            except RPCError as error:
                _log.warning("temporal_refuses", reason=error.status.name)
                break
            else:
                sent = True
                if answer is not None:
                    return answer
        try:
            if await self.execution(workflow_id) is not None:
                return None
        except TemporalAway:
            sent = True
        if not sent:
            raise TemporalAway("Temporal did not take the failover: nothing was started")
        raise TemporalAway(
            "Temporal does not answer, and whether the failover was started is not known: ask for this"
            " job later, or repeat the request with the same Idempotency-Key",
            job_id=workflow_id,
        )

    async def answer_of(self, workflow_id: str, *, seconds: float) -> Acceptance | None:
        """Wait for the answer of a run that is there already; nothing is ever started.

        Returns:
            None when the run has not answered yet, or will not any more, or Temporal does not answer.
        """
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            async with asyncio.timeout(seconds):
                answer: Acceptance = await handle.execute_update(
                    ACCEPTED_UPDATE, id=_UPDATE_ID, result_type=Acceptance
                )
        except (
            TimeoutError,
            RPCError,
            WorkflowUpdateFailedError,
            WorkflowUpdateRPCTimeoutOrCancelledError,
            *_NOT_CONNECTED,
        ):
            stay_cancelled()
            return None
        return answer

    async def execution(self, workflow_id: str) -> Execution | None:
        """Describe a failover; None when Temporal knows none of this id.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        async with _bounded():
            try:
                found = await self._client.get_workflow_handle(workflow_id).describe()
            except RPCError as error:
                if error.status in _NO_SUCH_RUN and not passes(error):
                    return None
                raise
        if found.workflow_type != FAILOVER_WORKFLOW:
            return None
        waiting = tuple(
            PendingStep(
                activity=one.activity_type.name,
                attempt=max(1, one.attempt),
                last_error=one.last_failure.message or None,
            )
            for one in found.raw_description.pending_activities
        )
        return (await read_execution(found)).model_copy(update={"waiting_for": waiting})

    async def open_executions(self) -> dict[str, Execution]:
        """List the failovers that run, by id. It may lag behind by a moment, as Temporal's lists do.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        return await self._listed("ExecutionStatus = 'Running'")

    async def unsuccessful_executions(self) -> dict[str, Execution]:
        """List the failovers that ended and did not complete, by id, the latest thousand.

        Those that completed are left out: each of them has recorded it.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        return await self._listed("ExecutionStatus != 'Running' AND ExecutionStatus != 'Completed'")

    async def _listed(self, condition: str) -> dict[str, Execution]:
        query = (
            f"WorkflowType = {quoted(FAILOVER_WORKFLOW)} AND {condition}"
            f" AND TaskQueue = {quoted(self._task_queue)}"
        )
        found: dict[str, Execution] = {}
        async with _bounded():
            async for one in self._client.list_workflows(query, limit=_MOST_LISTED):
                # The latest comes first; an earlier run of the same id is no job of its own.
                if one.id not in found:
                    found[one.id] = await read_execution(one)
        return found

    async def ending(self, execution: Execution) -> Ending:
        """Read how a closed run ended; one that Temporal ended says nothing of it.

        Raises:
            TemporalAway: Temporal does not answer.
        """
        if execution.status in _ENDED_BY_TEMPORAL:
            return Ending()
        handle: WorkflowHandle[Any, FailoverResult] = self._client.get_workflow_handle(
            execution.workflow_id, result_type=FailoverResult
        )
        async with _bounded():
            try:
                return Ending(result=await handle.result())
            except WorkflowFailureError as error:
                return read_failure(execution.workflow_id, error.cause)

    async def check(self) -> None:
        """Ask whether Temporal serves our namespace.

        Raises:
            TemporalAway: It does not.
        """
        async with _bounded():
            await self._client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=self._client.namespace)
            )


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_QUESTION_SECONDS):
            yield
    except (TimeoutError, RPCError, *_NOT_CONNECTED) as error:
        reason = error.status.name if isinstance(error, RPCError) else type(error).__name__
        _log.warning("temporal_unavailable", reason=reason)
        raise TemporalAway("Temporal does not answer") from None
