"""Questions that change nothing: workflows answer them, so that a client needs Temporal only."""

import asyncio
import secrets
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as RunTimeout

from client.errors import NoWorker, QuestionRefused
from client.outages import through_outages

Answer = TypeVar("Answer")

_WITHDRAWN: Final = "nobody took it up in time"


async def ask(  # noqa: PLR0913 - one question, and how long it may wait for whom
    client: Client,
    workflow: str,
    context_id: str,
    answer: type[Answer],
    *,
    task_queue: str,
    timeout_seconds: float,
    worker_seconds: float,
) -> Answer:
    """Ask about one protected VM.

    Args:
        client: Connected with the pydantic converter.
        workflow: Which workflow answers.
        context_id: The VM.
        answer: What it answers with.
        task_queue: Where the workers listen.
        timeout_seconds: How long the answer may take; a VMA that hangs is given up by the worker itself.
        worker_seconds: How long it may take until a worker begins with it.

    Raises:
        NoWorker: No worker began with it.
        QuestionRefused: There is no answer, or none in time.
        RPCError: As Temporal says.
    """
    handle: WorkflowHandle[Any, Answer] = await client.start_workflow(
        workflow,
        {"context_id": context_id},
        id=f"{workflow}-{secrets.token_hex(8)}",
        task_queue=task_queue,
        result_type=answer,
        execution_timeout=timedelta(seconds=timeout_seconds),
    )
    try:
        async with asyncio.timeout(worker_seconds):
            await through_outages(lambda: _picked_up(handle))
    except TimeoutError:
        await handle.terminate(reason=_WITHDRAWN)
        raise NoWorker(task_queue) from None
    try:
        return await through_outages(handle.result)
    except WorkflowFailureError as error:
        if isinstance(error.cause, ApplicationError):
            raise QuestionRefused(error.cause.type or "Unknown", error.cause.message) from error
        kind = "TimedOut" if isinstance(error.cause, RunTimeout) else "Unknown"
        raise QuestionRefused(kind, f"there was no answer ({error.cause})") from error


async def _picked_up(handle: WorkflowHandle[Any, Any]) -> None:
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return
