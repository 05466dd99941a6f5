"""Waits for what a story needs to have happened; none of them waits for a clock."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from rules.temporal_names import OUTCOME_ATTRIBUTE

_PATIENCE = 60
_TICK = 0.03


async def until(holds: Callable[[], Awaitable[object]] | Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            found = holds()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            await asyncio.sleep(_TICK)


async def held(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a live run holds for an order."""

    async def says_so() -> bool:
        found = (await handle.describe()).search_attributes.get(OUTCOME_ATTRIBUTE, [""])
        return list(found) == ["held"]

    await until(says_so)


async def order_again(handle: WorkflowHandle[Any, Any], name: str, order: object) -> None:
    """Give an order that is refused until the one before it is done, its record included."""

    async def is_taken() -> bool:
        try:
            await handle.execute_update(name, order)
        except WorkflowUpdateFailedError:
            return False
        return True

    await until(is_taken)


async def holds_again(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a run that was resumed holds for the second time: its history has said so twice."""

    async def says_so() -> bool:
        history = await handle.fetch_history()
        names = [
            event.activity_task_scheduled_event_attributes.activity_type.name
            for event in history.events
            if event.HasField("activity_task_scheduled_event_attributes")
        ]
        # Held, resumed, held.
        return names.count("RecordHeldActivity") == 3

    await until(says_so)


async def result_of(handle: WorkflowHandle[Any, Any]) -> Any:  # noqa: ANN401 - whatever the workflow returns
    """Wait for a result, but not for ever."""
    return await asyncio.wait_for(handle.result(), _PATIENCE)


async def timer_started(handle: WorkflowHandle[Any, Any]) -> None:
    """Wait until a workflow waits for a time."""

    async def waits() -> bool:
        history = await handle.fetch_history()
        return any(event.HasField("timer_started_event_attributes") for event in history.events)

    await until(waits)
