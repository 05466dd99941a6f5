"""A POST: accepted, refused with the status of its reason, or pending."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from embedded.ports import free_ports
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT
from rules.outcomes import DISKS_NONE
from simulators.cloudstack import Fault, FaultKind
from tests.api.api_server import JOBS, START, ApiServer, serve_api
from tests.support.site import LIVE, TEST, Site

_JOB_SHEET = {
    "live": """
curl -X POST http://localhost:8082/api/v1/failover/unified \\
  -H "Content-Type: application/json" \\
  -d '{"context_id":"ctx-pgtest1-20250922-210037","failover_type":"live"}'
""",
    "test": """
curl -X POST http://localhost:8082/api/v1/failover/unified \\
  -H "Content-Type: application/json" \\
  -d '{"context_id":"ctx-pgtest1-20250922-210037","failover_type":"test"}'
""",
    "jobs": "curl -s http://localhost:8082/api/v1/failover/jobs",
}
_NETWORKS = {"live": ["prod-lan", "prod-dmz"], "test": ["test-lan", "test-dmz"]}


async def _shell(line: str, api: ApiServer) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Run a line of the job sheet as it stands, but for the port, which belongs to the test."""
    process = await asyncio.create_subprocess_shell(
        line.strip().replace("localhost:8082", api.url.removeprefix("http://")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return json.loads(output)


async def _ended(site: Site, job_id: str) -> None:
    await asyncio.wait_for(site.client.get_workflow_handle(job_id).result(), 60)


@pytest.mark.parametrize("kind", ("live", "test"))
async def test_the_curl_lines_of_the_job_sheet_work(kind: str, site: Site, api: ApiServer) -> None:
    started = await _shell(_JOB_SHEET[kind], api)
    assert started["success"] is True
    assert started["data"]["disks"] == DISKS_NONE
    await _ended(site, started["job_id"])
    listed = await _shell(_JOB_SHEET["jobs"], api)
    assert listed["success"] is True
    assert listed["total"] == 1
    (job,) = listed["jobs"]
    assert (job["job_id"], job["status"], job["job_type"]) == (started["job_id"], "completed", kind)
    for decisions in (started["data"]["decisions"], job["decisions"]):
        assert [one["destination_network_name"] for one in decisions] == _NETWORKS[kind]
        assert {one["rule"] for one in decisions} == {"mapped"}
        assert all(one["mapping_id"] and one["destination_network_id"] for one in decisions)
    (vm,) = site.running()
    assert vm.id == job["vm"]["id"]


async def test_an_accepted_start_names_its_configuration_and_where_to_ask(site: Site, api: ApiServer) -> None:
    answer = await api.start(LIVE | {"reason": "the site is lost"})
    assert answer.status == 200
    data = answer.body["data"]
    assert data["status"] == "running"
    assert (data["context_id"], data["vm_name"], data["destination_name"]) == (
        PGTEST1_CONTEXT,
        "pgtest1",
        "pgtest1",
    )
    assert data["configuration"] == {
        "failover_type": "live",
        "vm_name": "pgtest1",
        "network_strategy": "production",
        "vm_naming": "exact",
        "moves_disks": False,
        "power_off_source": False,
        "perform_final_sync": False,
        "skip_validation": False,
        "skip_virtio": False,
    }
    await _ended(site, answer.body["job_id"])
    shown = await api.call("GET", data["status_url"])
    assert shown.status == 200
    assert (shown.body["status"], shown.body["progress"]) == ("completed", 100)
    assert shown.body["data"]["disks"] == DISKS_NONE
    assert shown.body["duration"] > 0
    assert shown.body["job_details"]["tracking_source"] == "failover_runs"


async def test_a_fallback_is_a_warning_in_the_answer_and_in_the_list(site: Site, api: ApiServer) -> None:
    answer = await api.start({"context_id": PGTEST2_CONTEXT, "failover_type": "live"})
    assert answer.status == 200
    (decision,) = answer.body["data"]["decisions"]
    assert (decision["rule"], decision["mapping_id"]) == ("default", None)
    assert decision["warnings"]
    await _ended(site, answer.body["job_id"])
    (job,) = (await api.jobs()).body["jobs"]
    assert job["decisions"] == [decision]
    assert any("no live mapping" in warning for warning in job["warnings"])


async def test_a_job_id_is_readable_and_unique(api: ApiServer) -> None:
    ids = {(await api.start(TEST | {"context_id": "ctx none/é"})).body["job_id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(one.startswith("failover-test-ctx-none---") for one in ids)


_REFUSED_AT_ONCE: Mapping[str, tuple[object, str]] = {
    "a missing field": ({"failover_type": "live"}, "context_id"),
    "an unknown field": (LIVE | {"conext": "x"}, "conext"),
    "a wrong type": (LIVE | {"failover_type": "drill"}, "failover_type"),
    "a field not honoured yet": (LIVE | {"skip_validation": True}, "skip_validation"),
    "a test's field in a live one": (LIVE | {"test_duration": "2h"}, "test_duration"),
    "a contradiction": (TEST | {"network_strategy": "production"}, "network_strategy"),
    "production without a reason": (TEST | {"allow_production_network": True}, "reason"),
    "a blank name": ({"vm_name": " ", "failover_type": "live"}, "vm_name"),
    "no object": ([LIVE], "request"),
    "no JSON": ("{", "request"),
    "a name twice": ('{"context_id":"a","context_id":"b","failover_type":"live"}', "request"),
    "NaN": ('{"context_id":NaN,"failover_type":"live"}', "request"),
    "no UTF-8": (b'{"context_id":"\xff"}', "request"),
    "half a character": ('{"context_id":"\\ud800","failover_type":"live"}', "context_id"),
    "a deep nest": ("[" * 50_000, "request"),
    "an endless number": ('{"context_id":' + "9" * 5000 + "}", "request"),
    "nothing": ("", "request"),
}


@pytest.mark.parametrize("name", _REFUSED_AT_ONCE)
async def test_a_wrong_request_is_a_400_that_names_the_field_and_starts_nothing(
    name: str, site: Site, api: ApiServer
) -> None:
    body, field = _REFUSED_AT_ONCE[name]
    answer = await api.start(body)
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert field in answer.body["data"]["fields"]
    assert field in answer.body["message"]
    assert answer.body["job_id"] == ""
    assert (await api.jobs()).body["jobs"] == []
    assert site.vms() == []


async def test_a_request_that_contradicts_its_context_is_a_400_that_names_the_field(api: ApiServer) -> None:
    answer = await api.start(LIVE | {"vm_name": "pgtest2"})
    assert (answer.status, answer.error) == (400, "InvalidRequest")
    assert "vm_name" in answer.body["message"]
    assert "pgtest2" not in answer.body["message"]


async def test_an_unknown_context_is_a_404_with_the_id_of_the_refused_run(api: ApiServer) -> None:
    answer = await api.start(LIVE | {"context_id": "ctx-none"})
    assert (answer.status, answer.error) == (404, "UnknownContext")
    job = await api.job(answer.body["job_id"])
    assert (job["status"], job["state"], job["error_type"]) == ("failed", "refused", "UnknownContext")
    assert job["context_id"] == "ctx-none"


async def test_a_running_failover_is_a_409_with_its_id(site: Site, api: ApiServer) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=3))
    first = await api.start(LIVE)
    second = await api.start(LIVE)
    assert (second.status, second.error) == (409, "FailoverInProgress")
    assert second.body["data"]["held_by"] == first.body["job_id"]
    assert second.body["job_id"] != first.body["job_id"]
    await _ended(site, first.body["job_id"])
    assert len(site.vms()) == 1


async def test_a_name_that_is_taken_is_a_409(site: Site, api: ApiServer) -> None:
    await _ended(site, (await api.start(LIVE)).body["job_id"])
    answer = await api.start(LIVE)
    assert (answer.status, answer.error) == (409, "VmNameTaken")
    (job,) = (await api.jobs("?status=failed")).body["jobs"]
    assert (job["job_id"], job["state"]) == (answer.body["job_id"], "refused")


async def test_networks_that_cannot_be_used_are_a_422(site: Site, api: ApiServer) -> None:
    await site.sql(
        "UPDATE network_mappings SET destination_network_id = 'one-and-the-same' WHERE is_test_network = 0"
    )
    answer = await api.start(LIVE)
    assert (answer.status, answer.error) == (422, "DuplicateNetwork")
    assert "VM Network" in answer.body["message"]
    assert site.vms() == []


async def test_a_name_of_one_context_stands_for_it(site: Site, api: ApiServer) -> None:
    answer = await api.start({"vm_name": "pgtest1", "failover_type": "test"})
    assert answer.status == 200
    assert answer.body["data"]["context_id"] == PGTEST1_CONTEXT
    await _ended(site, answer.body["job_id"])


async def test_a_name_of_no_context_is_a_404(api: ApiServer) -> None:
    answer = await api.start({"vm_name": "PGTEST1", "failover_type": "live"})
    assert (answer.status, answer.error) == (404, "UnknownContext")


async def test_a_name_of_several_contexts_is_a_409_with_the_candidates(site: Site, api: ApiServer) -> None:
    await site.sql(
        "INSERT INTO vm_replication_contexts (context_id, vm_name, vmware_vm_id, vcenter_host, datacenter)"
        " VALUES ('ctx-twin', 'pgtest1', 'another-uuid', 'vcenter-b.example', 'DC2')"
    )
    answer = await api.start({"vm_name": "pgtest1", "failover_type": "live"})
    assert (answer.status, answer.error) == (409, "AmbiguousVmName")
    assert {one["context_id"] for one in answer.body["data"]["candidates"]} == {"ctx-twin", PGTEST1_CONTEXT}
    assert "vcenter-b.example" in {one["vcenter_host"] for one in answer.body["data"]["candidates"]}
    assert site.vms() == []


async def test_without_a_worker_a_start_is_pending_and_runs_when_there_is_one(site: Site) -> None:
    await site.stop_worker()
    async with serve_api(site, settings={"FAILOVER_API_ACCEPT_SECONDS": 1}) as api:
        answer = await api.start(LIVE)
        assert answer.status == 202
        assert answer.body["data"]["status"] == "pending"
        job_id = answer.body["job_id"]
        shown = await api.status(job_id)
        assert (shown.body["status"], shown.body["progress"]) == ("pending", 0)
        assert shown.body["job_details"]["tracking_source"] == "temporal"
        (listed,) = await _eventually(api, "?status=pending&type=live", 1)
        assert (listed["job_id"], listed["context_id"]) == (job_id, PGTEST1_CONTEXT)
        assert (await api.jobs("?status=pending&type=test")).body["jobs"] == []
        assert (await api.jobs("?vm_id=another")).body["jobs"] == []
        await site.start_worker()
        await _ended(site, job_id)
        assert (await api.job(job_id))["status"] == "completed"
        assert (await api.jobs("?status=pending")).body["jobs"] == []


async def test_without_temporal_a_start_is_a_503_and_what_is_recorded_is_still_shown(
    site: Site, api: ApiServer
) -> None:
    job_id = (await api.start(LIVE)).body["job_id"]
    await _ended(site, job_id)
    nowhere = await Client.connect(
        f"127.0.0.1:{free_ports(1)[0]}", data_converter=pydantic_data_converter, lazy=True
    )
    async with serve_api(site, client=nowhere, settings={"FAILOVER_API_ACCEPT_SECONDS": 1}) as alone:
        answer = await alone.start(TEST)
        assert (answer.status, answer.error) == (503, "TemporalUnavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.body["job_id"].startswith("failover-test-"), "it may have been started all the same"
        assert (await alone.job(job_id))["status"] == "completed"
        unknown = await alone.status("no-such-job")
        assert (unknown.status, unknown.error) == (503, "TemporalUnavailable")
        listed = (await alone.jobs()).body
        assert listed["temporal"] == "unavailable"
        assert [job["job_id"] for job in listed["jobs"]] == [job_id]
        ready = await alone.call("GET", "/readyz")
        assert (ready.status, ready.error) == (503, "NotReady")
        assert ready.body["data"]["checks"] == {"database": "ok", "temporal": "unavailable"}
        assert (await alone.call("GET", "/healthz")).status == 200


async def test_without_the_database_reading_is_a_503_and_a_start_by_context_is_not(
    site: Site, api: ApiServer
) -> None:
    async with api.without_database():
        for answer in (
            await api.jobs(),
            await api.status("some-job"),
            await api.start({"vm_name": "pgtest1", "failover_type": "live"}),
            await api.start(LIVE, key="order-1"),
        ):
            assert (answer.status, answer.error) == (503, "DatabaseUnavailable")
            assert int(answer.headers["Retry-After"]) > 0
        ready = await api.call("GET", "/readyz")
        assert ready.body["data"]["checks"] == {"database": "unavailable", "temporal": "ok"}
        started = await api.start(LIVE)
        assert started.status == 200
    await _ended(site, started.body["job_id"])
    assert len(site.vms()) == 1


async def test_a_database_that_refuses_is_a_500_that_says_nothing_of_it(site: Site, api: ApiServer) -> None:
    await site.sql("DROP TABLE failover_run_networks", "DROP TABLE failover_runs")
    answer = await api.jobs()
    assert (answer.status, answer.error) == (500, "InternalError")
    assert "failover_runs" not in answer.body["message"]
    assert answer.headers["X-Request-ID"]


_ENVELOPES: Mapping[str, tuple[object, Mapping[str, str], int, str]] = {
    "GET /": (None, {}, 404, "NotFound"),
    "GET /api/v2/jobs": (None, {}, 404, "NotFound"),
    f"GET {START}": (None, {}, 405, "MethodNotAllowed"),
    f"DELETE {JOBS}": (None, {}, 405, "MethodNotAllowed"),
    f"POST {START} too large": ("x" * 70_000, {}, 413, "BodyTooLarge"),
    f"POST {START} text": ("{}", {"Content-Type": "text/plain"}, 415, "UnsupportedMediaType"),
    f"POST {START} bytes": ("", {"Content-Type": "application/octet-stream"}, 415, "UnsupportedMediaType"),
    f"POST {START} odd key": (LIVE, {"Idempotency-Key": "\u00e4"}, 400, "InvalidRequest"),
    f"POST {START} long key": (LIVE, {"Idempotency-Key": "k" * 256}, 400, "InvalidRequest"),
    f"POST {START} foreign host": (LIVE, {"Host": "failover.example"}, 421, "MisdirectedRequest"),
    f"POST {START} foreign host and port": (LIVE, {"Host": "evil.example:1"}, 421, "MisdirectedRequest"),
    f"GET {JOBS}?status=done": (None, {}, 400, "InvalidRequest"),
    f"GET {JOBS}?type=both": (None, {}, 400, "InvalidRequest"),
    f"GET {JOBS}?vmid=1": (None, {}, 400, "InvalidRequest"),
    f"GET {JOBS}?limit=0": (None, {}, 400, "InvalidRequest"),
    f"GET {JOBS}?limit=1001": (None, {}, 400, "InvalidRequest"),
    f"GET {JOBS}?type=live&type=test": (None, {}, 400, "InvalidRequest"),
    "GET /api/v1/failover/none/status": (None, {}, 404, "JobNotFound"),
    "GET /api/v1/failover/a%2Fb/status": (None, {}, 404, "JobNotFound"),
    f"GET /api/v1/failover/{'a' * 3000}/status": (None, {}, 404, "JobNotFound"),
}


@pytest.mark.parametrize("name", _ENVELOPES, ids=lambda name: name[:60])
async def test_every_error_is_an_envelope(name: str, api: ApiServer) -> None:
    method, path, *_ = name.split()
    body, headers, status, error = _ENVELOPES[name]
    answer = await api.call(method, path, body, headers=headers)
    assert (answer.status, answer.error) == (status, error)
    assert ("Allow" in answer.headers) is (status == 405)
    assert "aiohttp" not in answer.headers["Server"]


@pytest.mark.parametrize("host", ("localhost", "127.0.0.1:8082", "[::1]:8082", "LOCALHOST:1"))
async def test_an_open_api_answers_to_every_name_of_this_machine(host: str, api: ApiServer) -> None:
    assert (await api.call("GET", JOBS, headers={"Host": host})).status == 200


async def test_an_empty_filter_is_none_as_in_the_original(api: ApiServer) -> None:
    answer = await api.jobs("?type=&status=&vm_id=")
    assert answer.status == 200
    assert answer.body["filters"] == {}


async def _eventually(api: ApiServer, query: str, count: int) -> list[dict[str, Any]]:
    """Ask until Temporal's list, which lags behind by a moment, has so many."""
    async with asyncio.timeout(30):
        while True:
            jobs: list[dict[str, Any]] = (await api.jobs(query)).body["jobs"]
            if len(jobs) == count:
                return jobs
            await asyncio.sleep(0.1)
