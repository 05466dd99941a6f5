"""Signed requests to CloudStack with the replies as they came, by none of the product's code."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from tests.contract.target import KeyPair

Json = dict[str, Any]
Encoder = Callable[[str], str]

LIFETIME = timedelta(minutes=5)
EXPIRES = "%Y-%m-%dT%H:%M:%S%z"


def java_encoded(text: str) -> str:
    """Encode as the server does: ``*`` raw, ``~`` not, a space as %20 (observed, section 7)."""
    return quote(text, safe="*").replace("~", "%7E")


def in_raw_order(names: list[str]) -> list[str]:
    """Sort names as the server does: upper case before lower case (observed, section 7)."""
    return sorted(names)


def signature_of(
    params: Mapping[str, str],
    secret: str,
    *,
    encode: Encoder = java_encoded,
    order: Callable[[list[str]], list[str]] = in_raw_order,
) -> str:
    """Sign the parameters."""
    text = "&".join(f"{name}={encode(params[name])}" for name in order(list(params))).lower()
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode("ascii")


def moment(offset: timedelta, pattern: str = EXPIRES) -> str:
    """Return a time that far from now, as the API wants it."""
    return (datetime.now(UTC) + offset).strftime(pattern)


def unsigned(command: str, params: Mapping[str, str], who: KeyPair, **changes: str | None) -> dict[str, str]:
    """Return a request without its signature.

    Args:
        command: The API command.
        params: Its parameters.
        who: Whose key goes in.
        changes: Values to replace, or to leave out where they are None.
    """
    request: dict[str, str | None] = {
        **params,
        "command": command,
        "apiKey": who.key,
        "response": "json",
        "signatureVersion": "3",
        "expires": moment(LIFETIME),
        **changes,
    }
    return {name: value for name, value in request.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        key: The name of the wrapper, such as ``listzonesresponse``.
        body: What is inside it.
    """

    status: int
    content_type: str
    key: str
    body: Json

    @property
    def code(self) -> tuple[int, int | None]:
        """HTTP status, and the ``cserrorcode`` of an error."""
        return self.status, self.body.get("cserrorcode")

    def items(self, key: str) -> list[Json]:
        """Return the entries of a list, which is absent where it is empty (observed, section 11)."""
        return list(self.body.get(key, []))


class RawApi:
    """Sends requests to one endpoint.

    Args:
        endpoint: URL of the API.
        session: Stays the caller's to close.
        keys: Whom to sign for unless a call says otherwise.
    """

    def __init__(self, endpoint: str, session: aiohttp.ClientSession, keys: KeyPair) -> None:
        self.endpoint = endpoint
        self.keys = keys
        self._session = session

    async def call(
        self,
        command: str,
        params: Mapping[str, str] | None = None,
        *,
        who: KeyPair | None = None,
        **more: str,
    ) -> Reply:
        """Sign and send a command, by POST."""
        keys = who or self.keys
        request = unsigned(command, {**(params or {}), **more}, keys)
        return await self.send({**request, "signature": signature_of(request, keys.secret)})

    async def send(self, request: Mapping[str, str], *, method: str = "POST") -> Reply:
        """Send a request as it is.

        Raises:
            ValueError: The answer is no JSON object with one key, which nobody but CloudStack sends.
        """
        form = urlencode(request)
        by_post = method == "POST"
        url = URL(self.endpoint if by_post else f"{self.endpoint}?{form}", encoded=True)
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if by_post else {}
        async with self._session.request(
            method, url, data=form if by_post else None, headers=headers, allow_redirects=False
        ) as answer:
            text = await answer.text()
            return Reply(answer.status, answer.content_type, *_unwrapped(answer.status, text))


def _unwrapped(status: int, text: str) -> tuple[str, Json]:
    try:
        [(key, body)] = json.loads(text).items()
    except (ValueError, AttributeError):
        raise ValueError(f"HTTP {status} without a CloudStack reply in it") from None
    if not isinstance(body, dict):
        raise ValueError(f"HTTP {status}: {key} holds no object")  # noqa: TRY004 (one error for all of it)
    # An account's user[] carries its API key (observed, section 19), and a failed assert would print it.
    for account in body.get("account", []) if isinstance(body.get("account"), list) else []:
        account.pop("user", None)
    return key, body
