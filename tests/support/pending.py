"""What a run waits for, asked of Temporal."""

import asyncio
from typing import Any

from temporalio.client import WorkflowHandle

_PATIENCE = 90


async def activity_retried(handle: WorkflowHandle[Any, Any], name: str) -> None:
    """Wait until an activity of this name has failed once and is tried again."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            pending = (await handle.describe()).raw_description.pending_activities
            if any(one.activity_type.name == name and one.attempt > 1 for one in pending):
                return
            await asyncio.sleep(0.05)
