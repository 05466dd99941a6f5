"""One request to the agent. It carries a vCenter password, so nothing of it gets into an error."""

from collections.abc import Mapping

import aiohttp
from yarl import URL

from vma.errors import VmaUnreachable


class Transport:
    """Sends requests to one agent.

    Args:
        base_url: Such as ``http://localhost:9081``.
        session: Shared with others; closed by who made it.
    """

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = session

    async def send(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> tuple[int, str]:
        """Return the status and the text of the answer.

        Args:
            method: ``GET`` or ``POST``.
            path: Below ``/api/v1``, ready for the wire.
            seconds: For the whole request.
            query: May hold a password: the agent wants it there for a power state (observed).
            body: Sent as JSON.

        Raises:
            VmaUnreachable: No whole answer in time. For a request with an effect the outcome is unknown.
        """
        try:
            async with self._session.request(
                method,
                URL(f"{self.base_url}/api/v1{path}", encoded=True).with_query(query),
                json=body,
                timeout=aiohttp.ClientTimeout(total=seconds),
                # The request holds a password: it goes to the agent and nowhere else.
                allow_redirects=False,
            ) as reply:
                return reply.status, (await reply.read()).decode(errors="replace")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            problem = type(error).__name__
        # Not within the except: aiohttp's errors may hold the request's URL, and would travel along.
        raise VmaUnreachable(f"The VMware agent does not answer: {problem}")
