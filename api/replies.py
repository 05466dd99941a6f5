"""A model as an answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from pydantic import BaseModel

_HEADERS: Final = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}


def reply(
    body: BaseModel,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    sparse: bool = False,
) -> web.Response:
    """Answer with JSON; ``sparse`` leaves out what is None."""
    return json_reply(body.model_dump_json(exclude_none=sparse), status=status, headers=headers)


def json_reply(
    text: str, *, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with JSON that is text already."""
    return web.Response(
        text=text,
        status=status,
        content_type="application/json",
        headers={**_HEADERS, **(headers or {})},
    )
