"""Ask one of the stack's own HTTP servers whether it is there."""

from http import HTTPStatus
from typing import Final

import aiohttp

_PROBE_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


async def answers(url: str) -> bool:
    """Whether something answers at the address, with whatever it says short of a server's own failure.

    No proxy and no credential is taken from the environment: the address is this machine's own.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=_PROBE_TIMEOUT, trust_env=False) as session,
            session.get(url) as reply,
        ):
            return reply.status < HTTPStatus.INTERNAL_SERVER_ERROR
    except (TimeoutError, aiohttp.ClientError):
        return False
