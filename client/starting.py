"""Starts: each is made once, however often it is asked for, and says soon whether it is accepted."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from client.outages import Pause, passes
from client.requests import same_request
from rules.outcomes import Acceptance, FailoverResult
from rules.temporal_names import ACCEPTED_UPDATE, FAILOVER_WORKFLOW

_UPDATE_ID: Final = "client-accepted"
"""One for all askers of a run: whoever asks again gets the first answer, even when the run is closed."""


class Starter:
    """Starts failovers under ids that are never used twice.

    Args:
        client: Connected with the pydantic converter.
        task_queue: Where the workers listen.
    """

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def once(self, request: dict[str, Any], workflow_id: str) -> WorkflowHandle[Any, FailoverResult]:
        """Start the run, or find the one that this id had from the first time on, open or closed.

        Raises:
            RPCError: As Temporal says.
        """
        try:
            return await self._client.start_workflow(
                FAILOVER_WORKFLOW,
                request,
                id=workflow_id,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                result_type=FailoverResult,
            )
        except WorkflowAlreadyStartedError as error:
            return self._client.get_workflow_handle(
                workflow_id, run_id=error.run_id, result_type=FailoverResult
            )

    async def was_asked_for(self, request: dict[str, Any], workflow_id: str) -> bool:
        """Whether the run with this id began with this very request.

        Raises:
            RPCError: As Temporal says; NOT_FOUND where there is no such run.
        """
        async for event in self._client.get_workflow_handle(workflow_id).fetch_history_events(page_size=1):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                payloads = event.workflow_execution_started_event_attributes.input.payloads
                recorded = await self._client.data_converter.decode(payloads)
                return len(recorded) == 1 and same_request(recorded[0], request)
        return False

    async def answer(
        self, request: dict[str, Any], workflow_id: str, *, timeout_seconds: float
    ) -> Acceptance | None:
        """Start as :meth:`once` does, and wait until the run is accepted or refused.

        Returns:
            None when there was no answer in time, or there will be none: the run ended without giving one.

        Raises:
            RPCError: A code that does not pass.
        """
        return await update_with_start(
            self._client,
            request,
            workflow_id,
            task_queue=self._task_queue,
            update_id=_UPDATE_ID,
            timeout_seconds=timeout_seconds,
        )


async def update_with_start(  # noqa: PLR0913 - one start, who asks for it, and for how long
    client: Client,
    request: Mapping[str, Any],
    workflow_id: str,
    *,
    task_queue: str,
    update_id: str,
    timeout_seconds: float,
    memo: Mapping[str, str] | None = None,
) -> Acceptance | None:
    """Start a failover unless one with this id was ever started, and wait until it is accepted or refused.

    A Temporal that goes away meanwhile is asked again until the time is over: the id makes that safe.

    Args:
        client: Connected with the pydantic converter.
        request: The job sheet's JSON.
        workflow_id: The run's identity.
        task_queue: Where the workers listen.
        update_id: One for all askers of a kind: whoever asks again gets the first answer, even when the run
            is closed.
        timeout_seconds: How long to wait for the answer.
        memo: What is shown of the run before a worker has seen it.

    Returns:
        None when there was no answer in time, or there will be none: the run ended without giving one.

    Raises:
        RPCError: A code that does not pass.
        RuntimeError: A lazy client cannot connect; nothing was sent.
    """

    def new_start() -> WithStartWorkflowOperation[Any, FailoverResult]:
        return WithStartWorkflowOperation(
            FAILOVER_WORKFLOW,
            dict(request),
            id=workflow_id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            result_type=FailoverResult,
            memo=memo,
        )

    async def ask() -> Acceptance | None:
        pause = Pause()
        while True:
            try:
                # Each try needs an operation of its own: the SDK lets nobody use one twice.
                return await _ask_once(client, new_start(), update_id)
            except (WorkflowAlreadyStartedError, WorkflowUpdateFailedError):
                return None
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                stay_cancelled()
            except RPCError as error:
                if not passes(error):
                    raise
            await pause.take()

    asking = asyncio.ensure_future(ask())
    try:
        # Not asyncio.timeout: the SDK turns the cancel that it sends into an error of its own.
        done, _ = await asyncio.wait({asking}, timeout=timeout_seconds)
    finally:
        asking.cancel()
        await asyncio.wait({asking})
    return asking.result() if done else None


async def _ask_once(
    client: Client, start: WithStartWorkflowOperation[Any, FailoverResult], update_id: str
) -> Acceptance:
    try:
        update = await client.start_update_with_start_workflow(
            ACCEPTED_UPDATE,
            start_workflow_operation=start,
            id=update_id,
            wait_for_stage=WorkflowUpdateStage.COMPLETED,
            result_type=Acceptance,
        )
        answer: Acceptance = await update.result()
    except (WorkflowAlreadyStartedError, WorkflowUpdateRPCTimeoutOrCancelledError, RPCError) as error:
        # The SDK keeps the failure in a future as well, and complains of one that nobody looked at.
        with suppress(type(error), asyncio.CancelledError):
            await start.workflow_handle()
        raise
    return answer


def stay_cancelled() -> None:
    """Go on being cancelled: the SDK turns a cancel into an error of its own.

    Raises:
        asyncio.CancelledError: The task that runs is being cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
