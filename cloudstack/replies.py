"""Reading an HTTP answer: CloudStack's own reply, its error, or something that is neither."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cloudstack.errors import CloudStackError, OutcomeUnknown, error_class

_M = TypeVar("_M", bound=BaseModel)


def read_reply(command: str, status: int, body: bytes) -> dict[str, Any]:
    """Return what is inside CloudStack's envelope, ``{"<command>response": {...}}``.

    Args:
        command: The command that was sent.
        status: The HTTP status of the answer.
        body: Its body as it came.

    Raises:
        CloudStackError: The class that the table in `cloudstack.errors` names for this answer.
    """
    document = _parsed(body)
    fault = _fault(document)
    if fault is not None:
        raise _error(command, fault)
    reply = _content(command, document)
    successful = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    if successful and reply is not None:
        return reply
    found = OutcomeUnknown if successful else error_class(status, from_cloudstack=False)
    raise found(command, status, None, f"the answer (HTTP {status}) is not CloudStack's")


def read_model(command: str, model: type[_M], content: object) -> _M:
    """Read one thing out of a reply.

    Raises:
        OutcomeUnknown: What identifies it is missing. Names the fields; their values are not quoted.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        fields = sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)})
    raise unreadable(command, f"{model.__name__} with wrong {', '.join(fields)}")


def read_list(command: str, key: str, model: type[_M], reply: Mapping[str, object]) -> list[_M]:
    """Read the list of a list command. An empty list has no key at all (observed, section 11).

    Raises:
        OutcomeUnknown: It is no list, or an entry lacks what identifies it.
    """
    entries = entries_of(reply, key)
    if not isinstance(entries, list):
        raise unreadable(command, f"{key} is no list")
    return [read_model(command, model, entry) for entry in entries]


def entries_of(reply: Mapping[str, object], key: str) -> object:
    """Return what a reply calls by this name, an empty list where it is not there.

    Names of lists are not all in lower case (``vmSnapshot``), and nobody promised how they are written.
    """
    wanted = key.lower()
    return next((value for name, value in reply.items() if name.lower() == wanted), None) or []


def unreadable(command: str, what: str) -> OutcomeUnknown:
    """Return the error for a successful reply that lacks what it must have.

    The command did run then, in all likelihood: a write's caller must look before it does anything.
    """
    return OutcomeUnknown(command, HTTPStatus.OK.value, None, f"the reply cannot be used: {what}")


def _parsed(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except ValueError:  # also UnicodeDecodeError: a body that is not text
        return None
    return document


def _fault(document: object) -> dict[str, Any] | None:
    """Return the error inside; its envelope's name is not always the command's (observed, section 7)."""
    if not isinstance(document, dict) or len(document) != 1:
        return None
    (content,) = document.values()
    if isinstance(content, dict) and isinstance(content.get("errorcode"), int):
        return content
    return None


def _error(command: str, fault: dict[str, Any]) -> CloudStackError:
    code = fault["errorcode"]
    cs_code = fault.get("cserrorcode")
    return error_class(code)(
        command,
        code,
        cs_code if isinstance(cs_code, int) else None,
        str(fault.get("errortext", "")),
    )


def _content(command: str, document: object) -> dict[str, Any] | None:
    if not isinstance(document, dict):
        return None
    content = document.get(f"{command}response".lower())
    return content if isinstance(content, dict) else None
