"""The OpenAPI document: bodies of answers come from the models, the request's from ``request_schema``."""

import json
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from aiohttp import hdrs
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.envelopes import ErrorReply, FailoverReply, HealthReply, JobListReply, JobReply, JobStatus
from api.middleware import REQUEST_ID
from api.request_schema import request_schemas
from api.requests import IDEMPOTENCY_KEY, KEY_PATTERN, MOST_JOBS
from api.routes import JOBS_PATH, START_PATH, STATUS_PATH
from rules.request import FailoverType

_REF: Final = "#/components/schemas/{model}"
_MODELS: Final = (ErrorReply, FailoverReply, HealthReply, JobListReply, JobReply)
_DISTRIBUTION: Final = "cloudstack-failover"
# Nobody's: whoever tries the document out must not start a failover with it.
_EXAMPLE_CONTEXT: Final = "ctx-example-20250922-210037"

_ALWAYS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR)
_GUARDED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_OPEN: Final = (HTTPStatus.MISDIRECTED_REQUEST,)
_START: Final = (
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)

_WHAT: Final = {
    HTTPStatus.BAD_REQUEST: "InvalidRequest: each wrong field is named",
    HTTPStatus.UNAUTHORIZED: "No known bearer token",
    HTTPStatus.FORBIDDEN: "The token lacks a scope",
    HTTPStatus.NOT_FOUND: "UnknownContext or JobNotFound",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time",
    HTTPStatus.CONFLICT: "FailoverInProgress, VmNameTaken, AmbiguousVmName, IdempotencyKeyReused, Cancelled",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not application/json",
    HTTPStatus.MISDIRECTED_REQUEST: "The Host header names another machine, and no tokens are configured",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The run was refused, or ended otherwise, before it was accepted",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The API failed",
    HTTPStatus.SERVICE_UNAVAILABLE: "Temporal or the database does not answer",
}

Json = dict[str, Any]


def document(*, secured: bool) -> str:
    """Return the document as JSON.

    Args:
        secured: Whether tokens are needed.
    """
    _, definitions = models_json_schema([(model, "serialization") for model in _MODELS], ref_template=_REF)
    guarded = _GUARDED if secured else _OPEN
    components: Json = {"schemas": {**definitions["$defs"], **request_schemas()}}
    made: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Failover of VMware VMs to CloudStack",
            "version": _version(),
            "description": "Starts failovers, and says how they stand. Every answer is an envelope; every"
            " error is one with success false and the error's type. docs/http.md has the whole table.",
        },
        "paths": {
            START_PATH: {"post": _start(guarded)},
            JOBS_PATH: {"get": _list(guarded)},
            STATUS_PATH: {"get": _status(guarded)},
            "/healthz": {"get": _probe("health", "Whether the process answers", ())},
            "/readyz": {
                "get": _probe(
                    "ready", "Whether a failover could be started", (HTTPStatus.SERVICE_UNAVAILABLE,)
                )
            },
        },
        "components": components,
    }
    if secured:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in made["paths"].items():
        for operation in operations.values():
            if secured and path.startswith("/api/"):
                operation["security"] = [{"token": []}]
    return json.dumps(made)


def _start(guarded: tuple[HTTPStatus, ...]) -> Json:
    return {
        "operationId": "startFailover",
        "summary": "Start a failover, and wait until it is accepted or refused",
        "parameters": [
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": False,
                "description": "A request that is repeated with its key never starts a second failover",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": KEY_PATTERN},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": _REF.format(model="FailoverRequest")},
                    "examples": {
                        kind.value: {"value": {"context_id": _EXAMPLE_CONTEXT, "failover_type": kind.value}}
                        for kind in FailoverType
                    },
                }
            },
        },
        "responses": {
            "200": _answer(FailoverReply, "Accepted, with the decision of every NIC"),
            "202": _answer(FailoverReply, "Started; no worker has decided yet. Ask for its status"),
            **_errors(*_ALWAYS, *_START, *guarded),
        },
    }


def _list(guarded: tuple[HTTPStatus, ...]) -> Json:
    return {
        "operationId": "listJobs",
        "summary": "List failover jobs, the latest first",
        "parameters": [
            _query("type", {"type": "string", "enum": [*FailoverType, ""]}),
            _query("status", {"type": "string", "enum": [*JobStatus, ""]}),
            _query("vm_id", {"type": "string", "maxLength": 255}),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_JOBS}),
        ],
        "responses": {
            "200": _answer(JobListReply, "The jobs"),
            **_errors(*_ALWAYS, HTTPStatus.SERVICE_UNAVAILABLE, *guarded),
        },
    }


def _status(guarded: tuple[HTTPStatus, ...]) -> Json:
    return {
        "operationId": "getJobStatus",
        "summary": "Show how a job stands",
        "parameters": [
            {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        ],
        "responses": {
            "200": _answer(JobReply, "The job"),
            **_errors(*_ALWAYS, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE, *guarded),
        },
    }


def _probe(name: str, summary: str, errors: tuple[HTTPStatus, ...]) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": _answer(HealthReply, "Yes"),
            **_errors(*errors, HTTPStatus.INTERNAL_SERVER_ERROR),
        },
    }


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _answer(model: type[BaseModel], description: str, headers: tuple[str, ...] = ()) -> Json:
    return {
        "description": description,
        "headers": {name: {"schema": {"type": "string"}} for name in (REQUEST_ID, *headers)},
        "content": {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}},
    }


def _errors(*statuses: HTTPStatus) -> Json:
    extra = {
        HTTPStatus.TOO_MANY_REQUESTS: (hdrs.RETRY_AFTER,),
        HTTPStatus.SERVICE_UNAVAILABLE: (hdrs.RETRY_AFTER,),
        HTTPStatus.UNAUTHORIZED: (hdrs.WWW_AUTHENTICATE,),
        HTTPStatus.FORBIDDEN: (hdrs.WWW_AUTHENTICATE,),
    }
    return {
        str(status.value): _answer(ErrorReply, _WHAT[status], extra.get(status, ()))
        for status in sorted(statuses)
    }


def _version() -> str:
    try:
        return version(_DISTRIBUTION)
    except PackageNotFoundError:
        # It runs from the project's folder, as make demo and make up do.
        return "0"
