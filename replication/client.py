"""A client of the replication API (original-system.md, section 9)."""

import json
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import hdrs
from pydantic import ValidationError
from yarl import URL

from replication.errors import (
    JobRunning,
    ReplicationError,
    ReplicationNotPermitted,
    ReplicationRefused,
    ReplicationUnavailable,
)
from replication.models import JobStatus, StartSync
from replication.texts import safe_text

_PATH = "api/v1/replications"
_BAD_REQUEST, _NOT_FOUND, _CONFLICT = 400, 404, 409
_FIRST_NO_SUCCESS = 300
_SERVER_ERROR = 500
_NOT_PERMITTED = frozenset({401, 403})
_NOT_NOW = frozenset({408, 425, 429})


class ReplicationClient:
    """A client of one replication system.

    Args:
        base_url: Such as ``http://localhost:8083``; without a user name or a password.
        session: Shared with others; closed by who made it.
        token: Sent as a bearer token where that system wants one; in no text and no repr.
        timeout_seconds: For one request.
    """

    def __init__(
        self,
        base_url: str,
        session: aiohttp.ClientSession,
        *,
        token: str | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        self._base_url = URL(base_url)
        self._session = session
        self._headers = {hdrs.AUTHORIZATION: f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    def __repr__(self) -> str:
        return f"ReplicationClient({str(self._base_url)!r})"

    async def start(self, sync: StartSync) -> JobStatus:
        """Start a sync. The request has no key that would make a second one the same: look first.

        Raises:
            ReplicationUnavailable: The outcome is unknown: a job may run.
            JobRunning: A job of this VM has not ended.
            ReplicationNotPermitted: The token.
            ReplicationRefused: Nothing was started.
        """
        status, body = await self._send(hdrs.METH_POST, self._base_url / _PATH, sync.body())
        if status == _CONFLICT:
            raise JobRunning("Replication says that a job of this VM has not ended (HTTP 409)")
        return _job(status, body)

    async def status(self, job_id: str) -> JobStatus | None:
        """Return how far a job is, or None when replication does not know it.

        Raises:
            ReplicationUnavailable: It cannot say now.
            ReplicationRefused: It will not say.
        """
        if not job_id.strip("."):
            return None
        # An id is one segment of the path, whatever is in it.
        url = URL(f"{self._base_url / _PATH}/{quote(job_id, safe='')}", encoded=True)
        status, body = await self._send(hdrs.METH_GET, url)
        if status == _NOT_FOUND:
            return None
        job = _job(status, body)
        if job.job_id != job_id:
            raise ReplicationUnavailable("Replication answers for another job")
        return job

    async def _send(self, method: str, url: URL, body: object = None) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                url,
                json=body,
                headers=self._headers,
                timeout=self._timeout,
                # The token goes to this system and nowhere else.
                allow_redirects=False,
            ) as reply:
                return reply.status, await reply.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            problem = type(error).__name__
        # Not within the except: an error of aiohttp must not travel along, its request holds the token.
        raise ReplicationUnavailable(f"Replication does not answer: {problem}")


def _job(status: int, body: bytes) -> JobStatus:
    if status >= _FIRST_NO_SUCCESS:
        raise _refusal(status, body)
    try:
        return JobStatus.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError):
        problem = f"Replication's answer cannot be read (HTTP {status})"
    raise ReplicationUnavailable(problem)


def _refusal(status: int, body: bytes) -> ReplicationError:
    said = _words(body)
    why = f": {said}" if said else ""
    if status >= _SERVER_ERROR or status in _NOT_NOW:
        return ReplicationUnavailable(f"Replication cannot answer now (HTTP {status}){why}")
    if status in _NOT_PERMITTED:
        return ReplicationNotPermitted(f"Replication does not accept REPLICATION_TOKEN (HTTP {status})")
    if status < _BAD_REQUEST:
        return ReplicationRefused(f"Replication sends us elsewhere (HTTP {status}), which is not followed")
    return ReplicationRefused(f"Replication refuses (HTTP {status}){why}")


def _words(body: bytes) -> str:
    """Return what an error reply says: its ``error`` or ``message``, or all of it where it is plain text."""
    text = body.decode(errors="replace")
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else safe_text(text)
    if isinstance(answer, dict):
        return next((said for name in ("error", "message") if (said := safe_text(answer.get(name)))), "")
    return ""
