"""A call whose answer was lost may still take effect, until it expires: nothing is decided before that."""

import asyncio


async def left_to_expire(settle_seconds: float) -> None:
    """Wait until no call that was sent before can act any more, also when the step is cancelled meanwhile.

    The undo looks for what there is as soon as the step has ended: what came after that look would be left.

    Args:
        settle_seconds: How long a signed call may act, and how far the clocks may be apart.

    Raises:
        asyncio.CancelledError: The step was cancelled meanwhile; nothing new is to be sent.
    """
    waiting = asyncio.create_task(asyncio.sleep(settle_seconds))
    try:
        await asyncio.shield(waiting)
    except asyncio.CancelledError:
        await waiting
        raise
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # The cancel came during the call itself, whose answer was waited for (``to_the_end``).
        raise asyncio.CancelledError
