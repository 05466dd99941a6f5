"""What the daemon asks of CloudStack: signed calls, and the wait for their jobs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from simulators.cloudstack.credentials import Credentials
from simulators.cloudstack.signature import signature_of

_PENDING, _SUCCEEDED = 0, 1
_POLL = 0.02
_LIFETIME = timedelta(minutes=5)


class CloudError(Exception):
    """CloudStack refused, failed, or did not answer."""


class CloudCaller:
    """Calls one CloudStack with one key.

    Args:
        endpoint: Of its API.
        credentials: Whose calls they are.
        session: Closed by who made it.
    """

    def __init__(self, endpoint: str, credentials: Credentials, session: aiohttp.ClientSession) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._session = session

    async def run(self, command: str, **params: str) -> None:
        """Submit a command and wait for its job.

        Raises:
            CloudError: It did not succeed.
        """
        submitted = await self._call(command, **params)
        while True:
            job = await self._call("queryAsyncJobResult", jobid=str(submitted.get("jobid", "")))
            if job.get("jobstatus") != _PENDING:
                break
            await asyncio.sleep(_POLL)
        if job.get("jobstatus") != _SUCCEEDED:
            result = job.get("jobresult") or {}
            raise CloudError(f"{command} failed: {result.get('errortext', 'no result')}")

    async def _call(self, command: str, **params: str) -> dict[str, Any]:
        expires = datetime.now(UTC) + _LIFETIME
        request = {
            "command": command,
            "apiKey": self._credentials.key,
            "response": "json",
            "signatureVersion": "3",
            "expires": expires.strftime("%Y-%m-%dT%H:%M:%S%z"),
            **params,
        }
        form = {**request, "signature": signature_of(request, self._credentials.secret)}
        try:
            async with self._session.post(self._endpoint, data=form) as answer:
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CloudError(f"{command}: no answer ({type(error).__name__})") from None
        [content] = document.values()
        if "errorcode" in content:
            raise CloudError(f"{command}: {content['errorcode']}: {content.get('errortext', '')}")
        return dict(content)
