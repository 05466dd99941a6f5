"""The OpenAPI document: schemathesis finds no fault, and every answer is as it says."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.openapi import document
from api.request_schema import request_schemas
from api.tokens import Scope, new_token
from embedded.seed import PGTEST2_CONTEXT
from rules.request import InvalidRequest, UnifiedFailoverConfig, parse_request
from tests.api.api_server import JOBS, START, Answer, ApiServer, serve_api
from tests.support.site import LIVE, TEST, Site

_PATIENCE = 150
_UNLIMITED = {"FAILOVER_API_RATE_PER_MINUTE": 1_000_000, "FAILOVER_API_BURST": 1_000_000}


async def _schemathesis(url: str, folder: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{url}/openapi.json",
        "--seed=1",
        *arguments,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    assert b"5 selected" in output, output.decode()


async def test_schemathesis_finds_no_fault_with_an_open_api(site: Site, tmp_path: Path) -> None:
    async with serve_api(site, settings=_UNLIMITED) as server:
        await _schemathesis(server.url, tmp_path, "--phases=examples,coverage,fuzzing", "--max-examples=15")
    assert site.vms() == [], "no example of the document starts a failover of anybody's VM"


async def test_schemathesis_finds_no_fault_with_a_guarded_api(site: Site, tmp_path: Path) -> None:
    secret, token = new_token("schemathesis", Scope)
    async with serve_api(site, tokens=[token], settings=_UNLIMITED) as server:
        await _schemathesis(
            server.url,
            tmp_path,
            f"--header=Authorization: Bearer {secret}",
            "--phases=examples,fuzzing",
            "--max-examples=5",
        )


def _validator(path: str, method: str, status: int) -> jsonschema_rs.Validator:
    whole = json.loads(document(secured=False))
    answer = whole["paths"][path][method]["responses"][str(status)]
    schema = answer["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": _closed(whole["components"])})


def _closed(components: dict[str, Any]) -> dict[str, Any]:
    """No model of an answer has a field that the document does not list."""
    for schema in components["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
    return components


async def test_real_answers_are_as_the_document_says(site: Site, api: ApiServer) -> None:
    def check(answer: Answer, path: str, method: str, status: int) -> None:
        assert answer.status == status, answer.body
        _validator(path, method, status).validate(answer.body)

    started = await api.start(LIVE)
    check(started, START, "post", 200)
    job_id = started.body["job_id"]
    check(await api.start(LIVE), START, "post", 409)
    check(await api.status(job_id), "/api/v1/failover/{job_id}/status", "get", 200)
    await site.client.get_workflow_handle(job_id).result()
    check(await api.status(job_id), "/api/v1/failover/{job_id}/status", "get", 200)
    check(await api.status("none"), "/api/v1/failover/{job_id}/status", "get", 404)
    fallback = await api.start({"context_id": PGTEST2_CONTEXT, "failover_type": "live"})
    check(fallback, START, "post", 200)
    check(await api.start({}), START, "post", 400)
    check(await api.start(LIVE | {"context_id": "ctx-none"}), START, "post", 404)
    await site.sql("UPDATE network_mappings SET destination_network_id = 'one-and-the-same'")
    check(await api.start(TEST), START, "post", 422)
    check(await api.jobs(), JOBS, "get", 200)
    check(await api.call("GET", "/healthz"), "/healthz", "get", 200)
    check(await api.call("GET", "/readyz"), "/readyz", "get", 200)
    await site.stop_worker()
    async with serve_api(site, settings={"FAILOVER_API_ACCEPT_SECONDS": 0.5}) as server:
        check(await server.start(TEST), START, "post", 202)
    async with api.without_database():
        check(await api.jobs(), JOBS, "get", 503)


def test_the_document_has_every_field_of_a_request() -> None:
    shapes = request_schemas()["FailoverRequest"]["anyOf"]
    assert all(set(shape["properties"]) == set(UnifiedFailoverConfig.model_fields) for shape in shapes)


def test_a_guarded_document_asks_for_a_token_where_one_is_needed() -> None:
    open_one, guarded = (json.loads(document(secured=secured)) for secured in (False, True))
    for path, operations in guarded["paths"].items():
        for method, operation in operations.items():
            assert ("security" in operation) is path.startswith("/api/")
            assert ("401" in operation["responses"]) is path.startswith("/api/")
            assert "security" not in open_one["paths"][path][method]
    assert "securitySchemes" not in open_one["components"]


def _request_validator() -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/FailoverRequest", "components": {"schemas": request_schemas()}}
    )


_VALIDATOR = _request_validator()
_VALUES: dict[str, st.SearchStrategy[object]] = {
    "context_id": st.sampled_from(["ctx", " ", "", None, 1, "c" * 64, "c" * 65]),
    "failover_type": st.sampled_from(["live", "test", "drill", None, True]),
    "vm_name": st.sampled_from(["db01", "", None]),
    "vm_id": st.sampled_from(["uuid", " ", None]),
    "network_strategy": st.sampled_from(["live", "production", "test", "isolated", "custom", None, "x"]),
    "network_mappings": st.sampled_from([{}, None, {"LAN": "id"}, {"": "id"}, {"LAN": ""}, {"LAN": 1}, []]),
    "vm_naming": st.sampled_from(["exact", "suffixed", None, "x"]),
    "allow_production_network": st.sampled_from([True, False, None, 1]),
    "reason": st.sampled_from(["a drill", " ", "", None, 1]),
    "disks": st.sampled_from(["replicated", "none", None, "clones"]),
    "power_off_source": st.sampled_from([True, False, None, 0]),
    "perform_final_sync": st.sampled_from([True, False, None, 0]),
    "source_lost": st.sampled_from([True, False, None, 1]),
    "accept_recovery_point": st.sampled_from([True, False, None, 1]),
    "waive_snapshots": st.sampled_from([True, False, None, 1]),
    "boot_disk": st.sampled_from(["disk-2000", "", None]),
    "firmware": st.sampled_from(["bios", "uefi", None, "unknown"]),
    "skip_virtio": st.sampled_from([True, False, None, 0]),
    "auto_cleanup": st.sampled_from([True, False, None, 0]),
    "test_duration": st.sampled_from([None, "2h", "010s", "0m", "000000001d", "0000000001d", "2w", ""]),
    "custom_config": st.sampled_from([None, {}, {"a": 1}, []]),
    "unknown": st.none(),
}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=_VALUES))
def test_the_schema_takes_what_the_parser_takes_and_nothing_else(request: dict[str, object]) -> None:
    """The one exception: a request without a context is the API's own, which looks the VM up by name."""
    asked = request
    if request.get("context_id") is None and request.get("vm_name") is not None:
        asked = {**request, "context_id": "looked-up"}
    try:
        parse_request(asked)
        taken = True
    except InvalidRequest:
        taken = False
    assert _VALIDATOR.is_valid(request) is taken
