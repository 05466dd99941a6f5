"""Who asks: found by the bearer token before anything is read, and held against scopes and rate."""

import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from api.envelopes import ErrorData
from api.errors import FORBIDDEN, MISDIRECTED_REQUEST, TOO_MANY_REQUESTS, UNAUTHORIZED, ApiError
from api.limits import RateLimit
from api.settings import is_loopback
from api.tokens import Scope, Token, find_token
from rules.models import Record

_REALM: Final = 'Bearer realm="failover"'
_PARTS: Final = 2


class Caller(Record):
    """Who asks.

    Attributes:
        name: The token's name; empty where no tokens are configured.
        scopes: What may be done.
    """

    name: str = ""
    scopes: frozenset[Scope] = frozenset(Scope)

    def require(self, *one_of: Scope) -> None:
        """Check that at least one of these scopes is there.

        Raises:
            ApiError: 403, naming the first one.
        """
        if not self.scopes.intersection(one_of):
            wanted = " or ".join(one_of)
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                FORBIDDEN,
                f"The token lacks the scope {wanted}",
                data=ErrorData(scope=one_of[0].value),
                headers={
                    hdrs.WWW_AUTHENTICATE: f'{_REALM}, error="insufficient_scope", scope="{one_of[0].value}"'
                },
            )


CALLER: Final = web.RequestKey("caller", Caller)


class Doorkeeper:
    """Lets callers in.

    Args:
        tokens: None at all means that everybody on this machine may do everything.
        limit: How often each may ask.
    """

    def __init__(self, tokens: Sequence[Token], limit: RateLimit) -> None:
        self._tokens = tuple(tokens)
        self._limit = limit

    @property
    def open(self) -> bool:
        """Whether no token is needed."""
        return not self._tokens

    def let_in(self, request: web.Request) -> Caller:
        """Say who asks.

        Raises:
            ApiError: 401 without a known token, 421 for a foreign Host on an open API, 429 for one who asks
                too often; guesses of tokens count for the address that they come from.
        """
        token = find_token(self._tokens, _presented(request)) if self._tokens else None
        self.slow_down(request, token)
        if self.open:
            _refuse_foreign_host(request)
            return Caller()
        if token is None:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                UNAUTHORIZED,
                "This needs a header Authorization: Bearer with a known token",
                headers={hdrs.WWW_AUTHENTICATE: _REALM},
            )
        return Caller(name=token.name, scopes=token.scopes)

    def slow_down(self, request: web.Request, token: Token | None = None) -> None:
        """Count a request of the token, or of the address where there is none.

        Raises:
            ApiError: 429.
        """
        wait = self._limit.wait(f"token {token.name}" if token else f"peer {request.remote}")
        if wait > 0:
            raise ApiError(
                HTTPStatus.TOO_MANY_REQUESTS,
                TOO_MANY_REQUESTS,
                "Too many requests; Retry-After says in how many seconds to go on",
                headers={hdrs.RETRY_AFTER: str(math.ceil(wait))},
            )


def _presented(request: web.Request) -> str:
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    parts = given[0].split() if len(given) == 1 else []
    return parts[1] if len(parts) == _PARTS and parts[0].lower() == "bearer" else ""


def _refuse_foreign_host(request: web.Request) -> None:
    """Refuse a page of another site that reaches us by a name of its own that leads to this machine."""
    host = request.host
    name = host[1 : host.find("]")] if host.startswith("[") else host.rsplit(":", 1)[0]
    if not is_loopback(name):
        raise ApiError(
            HTTPStatus.MISDIRECTED_REQUEST,
            MISDIRECTED_REQUEST,
            "Without tokens this API answers to localhost only; the Host header says another name",
        )
