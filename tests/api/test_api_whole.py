"""A whole failover over HTTP: what its answer and its job tell of checks, disks, hold and end."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from temporalio.client import Client

from api.facts import facts_of, read_end
from embedded.seed import PGTEST1_CONTEXT
from rules.outcomes import ProofLevel
from simulators.cloudstack import Fault, FaultKind, VmState
from tests.api.api_server import ApiServer, serve_api
from tests.client.waiting import eventually
from tests.support.whole import LOST, ROLL_BACK, WHOLE_LIVE, WholeSite, ended
from tests.support.whole_sites import whole_site_with_worker


@pytest_asyncio.fixture(loop_scope="session")
async def whole(temporal_client: Client, tmp_path: Path) -> AsyncIterator[WholeSite]:
    async with whole_site_with_worker(temporal_client, tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def whole_api(whole: WholeSite) -> AsyncIterator[ApiServer]:
    async with serve_api(whole.site) as server:
        yield server


async def _job(api: ApiServer, job_id: str) -> dict[str, Any]:
    answer = await api.call("GET", f"/api/v1/failover/{job_id}/status")
    assert answer.status == 200, answer
    return dict(answer.body["data"])


async def test_a_job_tells_what_was_proven_and_reached_and_what_ended_it(
    whole: WholeSite, whole_api: ApiServer
) -> None:
    answer = await whole_api.start(WHOLE_LIVE)
    assert answer.status == 200, answer
    data = answer.body["data"]
    assert data["configuration"]["moves_disks"] is True
    assert data["configuration"]["power_off_source"] is True
    assert {check["status"] for check in data["checks"]} <= {"pass", "warning"}
    handle = whole.client.get_workflow_handle(answer.body["job_id"])
    await handle.result()
    job = await _job(whole_api, handle.id)
    assert (job["status"], job["proven"], job["held"]) == ("completed", "disks", False)
    assert job["disks"] == "2 replicated disks attached"
    assert [one["device_id"] for one in job["attached"]] == [0, 1]
    assert job["recovery_point"]["consistent"] is True
    assert job["objectives"]["rpo_seconds"] == 0
    assert job["source_end"]["powered_off"] is True
    assert len(job["snapshots"]) == 2
    assert job["continues_as"] == f"{handle.id}-commit"
    assert (job["ending"], job["end_report"]) == (None, None)
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    await ended(commit)
    over = await _job(whole_api, handle.id)
    assert (over["ending"], over["end_report"]["user_id"]) == ("rolled_back", "ops")
    assert "source VM: powered on" in over["end_report"]["restored"]


async def test_a_refusal_tells_every_check(whole_api: ApiServer) -> None:
    answer = await whole_api.start(LOST)
    assert (answer.status, answer.body["error"]) == (422, "SourceNotLost")
    failed = [one["name"] for one in answer.body["data"]["preflight"] if one["status"] == "failure"]
    assert failed[0] == "source_lost"


async def test_a_job_that_holds_says_so(whole: WholeSite, whole_api: ApiServer) -> None:
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
    handle = await whole.site.start(WHOLE_LIVE)

    async def starting() -> bool:
        return any(vm.state is VmState.STARTING for vm in whole.site.vms())

    await eventually(starting)
    await handle.cancel()

    async def held() -> bool:
        return bool((await _job(whole_api, handle.id))["held"])

    await eventually(held)
    shown = await whole_api.call("GET", f"/api/v1/failover/{handle.id}/status")
    assert shown.body["status"] == "running"
    assert shown.body["message"] == "The live failover of pgtest1 holds: order roll_back or resume"
    listed = await whole_api.call("GET", f"/api/v1/failover/jobs?vm_id={PGTEST1_CONTEXT}")
    assert listed.status == 200
    await handle.execute_update("roll_back", ROLL_BACK)
    await eventually(lambda: _is_over(whole_api, handle.id))
    over = await _job(whole_api, handle.id)
    assert (over["status"], over["rolled_back_by"]) == ("cancelled", "ops: the source is better")


async def _is_over(api: ApiServer, job_id: str) -> bool:
    return (await _job(api, job_id))["end_time"] is not None


def test_a_field_that_another_version_wrote_otherwise_hides_no_other() -> None:
    facts = facts_of({"proven": "disks", "recovery_point": "soon", "snapshots": [{}], "continues_as": ""})
    assert facts == {"proven": ProofLevel.DISKS, "continues_as": None}
    assert facts_of({"proven": "teleported", "unknown": 1}) == {}
    assert read_end(None) is None
    assert read_end({"removed": []}) is None
    assert read_end({"report": {"end": 7}}) is None
