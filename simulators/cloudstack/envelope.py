"""How answers are wrapped: JSON where asked for, else XML; an HTML page from what is not CloudStack."""

import json
from collections.abc import Mapping
from xml.sax.saxutils import escape

from aiohttp import web

from simulators.cloudstack.errors import ApiError

Json = dict[str, object]


def wrapper_key(command: str) -> str:
    """Return the one key of a reply; a request without a command gets "null" (observed, section 7)."""
    return f"{command.lower()}response" if command else "null"


def error_body(error: ApiError) -> Json:
    """Return what an error reply says of the error."""
    body: Json = {"uuidList": [], "errorcode": error.code}
    if error.detail is not None:
        body["cserrorcode"] = error.detail
    body["errortext"] = error.text
    return body


def reply(command: str, body: Mapping[str, object], *, as_json: bool, status: int = 200) -> web.Response:
    """Return the reply of the management server."""
    key = wrapper_key(command)
    if as_json:
        return web.json_response({key: body}, status=status)
    text = f'<?xml version="1.0" encoding="UTF-8"?><{key} cloud-stack-version="4.22.0.0">{_xml(body)}</{key}>'
    return web.Response(text=text, status=status, content_type="text/xml")


def html(status: int, title: str, reason: str) -> web.Response:
    """Return a page as a web server or a proxy in between sends it."""
    return web.Response(
        text=f"<h1>{escape(title)}</h1><pre>reason: {escape(reason)}</pre>",
        status=status,
        content_type="text/html",
    )


def _xml(body: Mapping[str, object]) -> str:
    return "".join(_element(name, value) for name, value in body.items())


def _element(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return f"<{name}>{_xml(value)}</{name}>"
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    text = value if isinstance(value, str) else json.dumps(value)
    return f"<{name}>{escape(text)}</{name}>"
