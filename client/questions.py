"""Questions that change nothing: workflows answer them, so that a client needs Temporal only."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as RunTimeout

from client.errors import NoWorker, QuestionRefused, TemporalUnreachable
from client.outages import through_outages
from client.requests import as_json

Answer = TypeVar("Answer")

_WITHDRAWN: Final = "nobody took it up in time"
_GRACE_SECONDS: Final = 5
"""Temporal itself ends a question that takes too long; only one that is away does not say so by then."""


async def ask(  # noqa: PLR0913 - one question, and how long it may wait for whom
    client: Client,
    workflow: str,
    question: Mapping[str, Any],
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
        question: Its input: the VM's context, or a whole request.
        answer: What it answers with.
        task_queue: Where the workers listen.
        timeout_seconds: How long the answer may take, outages of Temporal included; a VMA that hangs is given
            up by the worker itself.
        worker_seconds: How long it may take until a worker begins with it.

    Raises:
        NoWorker: No worker began with it.
        QuestionRefused: There is no answer, or none in time.
        TemporalUnreachable: Temporal went away, and was not back in time.
        InvalidRequest: The question cannot be written as JSON.
        RPCError: As Temporal says.
    """
    asked_at = asyncio.get_running_loop().time()
    handle: WorkflowHandle[Any, Answer] = await client.start_workflow(
        workflow,
        as_json(question),
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
        async with asyncio.timeout_at(asked_at + timeout_seconds + _GRACE_SECONDS):
            return await through_outages(handle.result)
    except TimeoutError:
        raise TemporalUnreachable(client.service_client.config.target_host) from None
    except WorkflowFailureError as error:
        if isinstance(error.cause, ApplicationError):
            raise QuestionRefused(error.cause.type or "Unknown", error.cause.message) from error
        kind = "TimedOut" if isinstance(error.cause, RunTimeout) else "Unknown"
        raise QuestionRefused(kind, f"there was no answer ({error.cause})") from error


async def _picked_up(handle: WorkflowHandle[Any, Any]) -> None:
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return
