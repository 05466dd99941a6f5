"""One signed request to CloudStack, and what its failure means."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog
from pydantic import SecretStr

from cloudstack.errors import (
    CloudStackError,
    NotAuthenticated,
    NotExecuted,
    NotTrusted,
    OutcomeUnknown,
    Unreachable,
)
from cloudstack.replies import read_reply
from cloudstack.signing import signed

LONGEST_EXPIRY = 900.0
"""Seconds. With ``enforce.post.requests.and.timestamps`` 16 minutes are refused (observed, section 7)."""

_KEEP_ALIVE = 15.0  # seconds; the server closes idle connections after 30
_LONGEST_CONNECT = 10.0  # seconds
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

_log = structlog.get_logger(__name__)


def is_read(command: str) -> bool:
    """Say whether a command changes nothing, so that sending it twice is harmless."""
    # getUploadParamsForVolume and its like reserve what is going to be uploaded.
    return command.startswith(("list", "query", "find", "get")) and not command.startswith("getUpload")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Transport:
    """Signs, sends and reads.

    Every command goes by POST, reads too: a GET is cut at 8192 bytes and shows the key and the signature in
    logs along the way, and aiohttp repeats a GET by itself when a kept connection turns out to be closed.
    Redirects are not followed, since a signature is for one server.

    Use it as an async context manager, or call `close`.

    Args:
        endpoint: URL of the API, such as ``https://cloud.example.com/client/api``.
        api_key: API key of the caller.
        secret: Its secret key.
        ca_file: PEM file with the only authorities to trust; None for the system's.
        expiry_seconds: How long a request is accepted by the server, unless the call says otherwise.
        timeout_seconds: Time for one exchange, from asking for a connection to the reply's last byte.
        session: An aiohttp session to use; it stays the caller's to close.
        concurrency: How many requests may be under way at once.
        read_retries: How often a read is repeated after `NotExecuted` or `OutcomeUnknown`.
        retry_seconds: Pause before the first repetition; it doubles with each.
        clock: Where the time for the expiry comes from; it must give aware times.

    Raises:
        ValueError: The endpoint is not an http(s) URL without user, query and fragment; a number is out of
            range; or the CA file cannot be read.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own, and given by keyword
        self,
        endpoint: str,
        api_key: str,
        secret: str,
        *,
        ca_file: str | Path | None = None,
        expiry_seconds: float = 600.0,
        timeout_seconds: float = 30.0,
        session: aiohttp.ClientSession | None = None,
        concurrency: int = 10,
        read_retries: int = 3,
        retry_seconds: float = 0.25,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._endpoint = _checked_endpoint(endpoint)
        self._api_key = SecretStr(api_key)
        self._secret = SecretStr(secret)
        self._tls = _tls_context(ca_file)
        self._expiry = _checked_expiry(expiry_seconds)
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=min(_LONGEST_CONNECT, timeout_seconds / 2)
        )
        self._session = session
        self._owns_session = session is None
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)
        self._read_retries = read_retries
        self._retry_seconds = retry_seconds
        self._clock = clock

    def __repr__(self) -> str:
        return f"{type(self).__name__}(endpoint={self._endpoint!r}, concurrency={self._concurrency})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session, unless it was given to us. Safe to repeat."""
        if self._owns_session and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def call(
        self, command: str, params: Mapping[str, str], *, expires_in: float | None = None
    ) -> dict[str, Any]:
        """Run one API command and return the content of its reply.

        Args:
            command: Such as ``listZones``, in CloudStack's spelling.
            params: Its parameters.
            expires_in: Seconds for which the server accepts this request; the transport's own when None.

        Raises:
            CloudStackError: Of the class that the table in `cloudstack.errors` gives. After an
                `OutcomeUnknown` the server may run the lost request until it expires.
            ValueError: ``expires_in`` is out of range.
        """
        seconds = self._expiry if expires_in is None else _checked_expiry(expires_in)
        retries = self._read_retries if is_read(command) else 0
        pause = self._retry_seconds
        for _ in range(retries):
            try:
                return await self._authenticated(command, params, seconds)
            except (NotExecuted, OutcomeUnknown):
                await asyncio.sleep(pause)
                pause *= 2
        return await self._authenticated(command, params, seconds)

    async def _authenticated(
        self, command: str, params: Mapping[str, str], expires_in: float
    ) -> dict[str, Any]:
        try:
            return await self._exchange(command, params, expires_in)
        except NotAuthenticated:
            # Servers refuse a valid request now and then, and this one may have waited past its expiry.
            return await self._exchange(command, params, expires_in)

    async def _exchange(self, command: str, params: Mapping[str, str], expires_in: float) -> dict[str, Any]:
        async with self._slots:
            form = signed(
                {**params, "command": command},
                api_key=self._api_key.get_secret_value(),
                secret=self._secret.get_secret_value(),
                expires_in=expires_in,
                now=self._clock(),
            )
            started = time.monotonic()
            code: int | None = None
            try:
                code, body = await self._post(command, urlencode(form).encode("ascii"))
                return read_reply(command, code, body)
            except CloudStackError as error:
                code = error.code
                raise
            finally:
                elapsed = round((time.monotonic() - started) * 1000)
                _log.debug("cloudstack.call", command=command, code=code, ms=elapsed)

    async def _post(self, command: str, body: bytes) -> tuple[int, bytes]:
        try:
            async with self._open_session().post(
                self._endpoint,
                data=body,
                headers=_FORM,
                ssl=self._tls,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _network_failure(command, error) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._concurrency, keepalive_timeout=_KEEP_ALIVE),
                # CloudStack opens a web session for whoever calls; a key needs none.
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _network_failure(command: str, error: aiohttp.ClientError | OSError) -> CloudStackError:
    """Tell a request that was never sent from one whose reply was lost."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return NotTrusted(command, None, None, str(error))
        case aiohttp.ClientConnectorError():
            return Unreachable(command, None, None, str(error))
        case aiohttp.ConnectionTimeoutError():
            return Unreachable(command, None, None, "no connection in time")
        case _:
            return OutcomeUnknown(command, None, None, f"the reply was lost ({type(error).__name__})")


def _checked_endpoint(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the CloudStack endpoint must be an http:// or https:// URL")
    if parts.username is not None or parts.query or parts.fragment:
        # Not quoted: what is in the way here may be a credential.
        raise ValueError("the CloudStack endpoint must be a URL without user, query and fragment")
    return endpoint


def _checked_expiry(seconds: float) -> float:
    if not 1 <= seconds <= LONGEST_EXPIRY:
        raise ValueError(f"the expiry of a request is 1 to {LONGEST_EXPIRY:.0f} seconds, not {seconds}")
    return seconds


def _tls_context(ca_file: str | Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # also ssl.SSLError: the file holds no certificate
        raise ValueError(f"the CA file {ca_file} cannot be used: {error}") from error
