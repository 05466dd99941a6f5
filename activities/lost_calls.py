"""A call whose answer was lost may still take effect, until it expires: nothing is decided before that."""

import asyncio

from activities.heartbeats import to_the_end


async def left_to_expire(settle_seconds: float) -> None:
    """Wait until no call that was sent before can act any more, also when the step is cancelled meanwhile.

    The undo looks for what there is as soon as the step has ended: what came after that look would be left.

    Args:
        settle_seconds: How long a signed call may act, and how far the clocks may be apart.
    """
    await to_the_end(asyncio.sleep(settle_seconds))
