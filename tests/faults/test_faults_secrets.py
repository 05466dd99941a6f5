"""What is secret stays where it belongs: a guest's password, API keys, the vCenter's password."""

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from simulators.cloudstack import Fault, FaultKind, sample
from simulators.vma import sample as vcenter
from tests.faults.stories import CALM, OPENING, site_for
from tests.support.site import LIVE, Site, as_json, failed
from workflows.surface import SEARCH_ATTRIBUTES

_WRONG_AFTER_THE_START = Fault(
    "listVirtualMachines", FaultKind.WRONG_MAC, skip=2, match=lambda params: "id" in params
)


@dataclass(frozen=True)
class _Said:
    """Everything that a run has written somewhere: history with its payloads, end, record, logs, database."""

    history: str
    rest: str
    database: str
    password: str


async def _said(site: Site, workflow_id: str, *, end: str, logs: str, folder: Path) -> _Said:
    history = await site.client.get_workflow_handle(workflow_id).fetch_history()
    record = await site.record(workflow_id)
    assert record is not None
    return _Said(
        history="\n".join(_texts(json.loads(history.to_json()))),
        rest=end + logs + record.model_dump_json(),
        database=_database_text(folder),
        password=_password_of_the_guest(site),
    )


def _texts(node: object, key: str = "") -> Iterator[str]:
    """Every text in a history; payloads are in base64."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _texts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield base64.b64decode(node).decode() if key == "data" else node


def _database_text(folder: Path) -> str:
    return (folder / "site.db").read_text("latin-1")


def _password_of_the_guest(site: Site) -> str:
    """CloudStack gives it away in the result of the first start (observed, section 20)."""
    found = [
        str(vm["password"])
        for job in site.cloud.world.jobs.values()
        if job.result and isinstance(vm := job.result.get("virtualmachine"), dict) and "password" in vm
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("fault", (None, _WRONG_AFTER_THE_START), ids=("completed", "failed after the start"))
async def test_no_secret_is_in_any_history_log_result_or_table(
    temporal_client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault | None
) -> None:
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    caplog.set_level(logging.INFO)  # the worker itself logs its libraries from WARNING on
    async with site_for(temporal_client, tmp_path) as site:
        await site.sql(f"UPDATE ossea_configs SET template_id = '{sample.PASSWORD_TEMPLATE_ID}'")
        async with OPENING:
            await site.start_worker(**CALM)
        with capture_logs() as logs:
            if fault is None:
                handle = await site.start(dict(LIVE))
                end = as_json(await handle.result())
            else:
                site.cloud.faults.add(fault)
                handle = await site.start(dict(LIVE))
                end = as_json(await failed(handle))
        said = await _said(site, handle.id, end=end, logs=as_json(logs) + caplog.text, folder=tmp_path)
    for text in (said.history, said.rest):
        assert vcenter.PGTEST1_MACS[0] in text, "it is not looked for where nothing is said"
        for secret in (said.password, sample.ADMIN.secret, sample.ADMIN.key, vcenter.VCENTER_PASSWORD):
            assert secret not in text
    assert vcenter.PGTEST1_MACS[0] in said.database
    assert said.password not in said.database
