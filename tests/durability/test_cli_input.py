"""Whatever the ``temporal`` command line sends, the run ends at once, typed, without quoting a value."""

import json

import pytest

from embedded.seed import PGTEST1_CONTEXT
from rules.errors import FailoverErrorType
from tests.support.site import Failed, Site, failed
from tests.support.temporal_command import TemporalCommand

_SECRET = "a-value-that-must-not-be-quoted"
_NO_OBJECT: dict[str, tuple[str, ...]] = {
    "no input": (),
    "a scalar": ("--input", "5"),
    "a string": ("--input", f'"{_SECRET}"'),
    "null": ("--input", "null"),
    "a list": ("--input", f'["{_SECRET}"]'),
    "two inputs": ("--input", f'{{"context_id": "{_SECRET}"}}', "--input", f'{{"context_id": "{_SECRET}"}}'),
    "plain bytes": ("--input", _SECRET, "--input-meta", "encoding=binary/plain"),
}


async def _start(site: Site, temporal: TemporalCommand, *inputs: str) -> tuple[str, Failed]:
    workflow_id = f"{site.task_queue}-from-the-command-line"
    started = await temporal(
        "workflow",
        "start",
        *("--type", "FailoverWorkflow"),
        *("--task-queue", site.task_queue),
        *("--workflow-id", workflow_id),
        *inputs,
    )
    assert started.code == 0, started.errors
    return workflow_id, await failed(site.client.get_workflow_handle(workflow_id))


async def _of(site: Site, temporal: TemporalCommand, **fields: object) -> tuple[str, Failed]:
    request = {"context_id": PGTEST1_CONTEXT, "failover_type": "live"} | fields
    return await _start(site, temporal, "--input", json.dumps(request))


@pytest.mark.parametrize("inputs", _NO_OBJECT.values(), ids=_NO_OBJECT)
async def test_what_is_no_json_object_ends_the_run_at_once(
    site: Site, temporal: TemporalCommand, inputs: tuple[str, ...]
) -> None:
    _, end = await _start(site, temporal, *inputs)
    assert end.type == FailoverErrorType.INVALID_REQUEST
    assert "request" in end.message
    assert _SECRET not in end.message
    assert site.vms() == []


@pytest.mark.parametrize(
    ("fields", "named"),
    (
        ({"surprise": _SECRET}, ["surprise"]),
        ({"failover_type": _SECRET}, ["failover_type"]),
        ({"context_id": 7}, ["context_id"]),
        ({"vm_name": _SECRET}, ["vm_name"]),
        ({"vmware_vm_id": _SECRET, "vm_name": _SECRET}, ["vmware_vm_id", "vm_name"]),
        ({"network_strategy": "test"}, ["network_strategy"]),
        ({"network_strategy": "custom"}, ["network_mappings"]),
        ({"network_strategy": "live", "network_mappings": {_SECRET: _SECRET}}, ["network_mappings"]),
        ({"failover_type": "test", "network_strategy": "production"}, ["network_strategy"]),
        ({"allow_production_network": True, "reason": _SECRET}, ["allow_production_network"]),
        ({"failover_type": "test", "allow_production_network": True}, ["reason"]),
        ({"failover_type": "test", "vm_naming": "exact"}, ["vm_naming"]),
        ({"auto_cleanup": True, "test_duration": "2h"}, ["auto_cleanup", "test_duration"]),
        ({"custom_config": {"password": _SECRET}}, ["custom_config"]),
    ),
    ids="-".join,
)
async def test_a_wrong_field_is_named_and_its_value_is_not_quoted(
    site: Site, temporal: TemporalCommand, fields: dict[str, object], named: list[str]
) -> None:
    workflow_id, end = await _of(site, temporal, **fields)
    assert end.type == FailoverErrorType.INVALID_REQUEST
    shown = await temporal("workflow", "describe", "--workflow-id", workflow_id)
    for field in named:
        assert field in end.message
        assert field in shown.output
    assert _SECRET not in end.message + shown.output
    assert site.vms() == []


async def test_every_wrong_field_is_named_at_once(site: Site, temporal: TemporalCommand) -> None:
    _, end = await _start(site, temporal, "--input", '{"vm_nme": "x", "failover_type": "drill"}')
    assert end.type == FailoverErrorType.INVALID_REQUEST
    for field in ("vm_nme", "failover_type", "context_id"):
        assert field in end.message


async def test_an_unknown_context_ends_the_run_and_is_not_quoted(
    site: Site, temporal: TemporalCommand
) -> None:
    workflow_id, end = await _of(site, temporal, context_id=_SECRET)
    assert end.type == FailoverErrorType.UNKNOWN_CONTEXT
    assert "context_id" in end.message
    assert _SECRET not in end.message
    scheduled = await site.event_types(site.client.get_workflow_handle(workflow_id))
    assert scheduled == ["LoadContextActivity"]


async def test_the_two_required_fields_are_enough(site: Site, temporal: TemporalCommand) -> None:
    done = await temporal(
        "workflow",
        "execute",
        *("--type", "FailoverWorkflow"),
        *("--task-queue", site.task_queue),
        *("--workflow-id", f"{site.task_queue}-executed"),
        *("--input", json.dumps({"context_id": PGTEST1_CONTEXT, "failover_type": "test"})),
        *("--output", "json"),
    )
    assert done.code == 0, done.errors
    result = done.json()["result"]
    assert result["outcome"] == "completed"
    (vm,) = site.running()
    assert result["vm"]["id"] == vm.id
