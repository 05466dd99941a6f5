"""Sections 4, 5, 8, 10 and 21 of cloudstack-observed.md: jobs, start, stop, destroy, restart."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from simulators.cloudstack import CloudStackSimulator, Fault, FaultKind, Throttle, VmState, sample
from tests.simulators.simulator_cloud import Cloud, Json, new_uuid, running_cloud

ADMIN_JOB_KEYS = {
    "accountid", "account", "domainid", "domainpath", "userid", "cmd", "jobprocstatus", "jobresultcode",
    "jobinstancetype", "jobinstanceid", "created", "jobid", "jobstatus",
}  # fmt: skip
RUNS_ONLY = {"managementserverid", "managementservername"}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


def slow(cloud: Cloud, command: str, seconds: float = 30) -> None:
    cloud.sim.faults.add(Fault(command, FaultKind.JOB_SLOW, seconds=seconds))


def failure(job: Json) -> tuple[int, int, str]:
    """The job's status and code, and the text inside, which names the same code."""
    assert job["jobresult"]["errorcode"] == job["jobresultcode"]
    assert set(job["jobresult"]) == {"errorcode", "errortext"}
    return job["jobstatus"], job["jobresultcode"], job["jobresult"]["errortext"]


async def test_a_pending_job_has_no_result_and_a_finished_one_has(cloud: Cloud) -> None:  # section 8
    slow(cloud, "startVirtualMachine")
    vm_id = await cloud.deployed("job")
    submitted = await cloud.call("startVirtualMachine", id=vm_id)
    assert set(submitted.body) == {"jobid"}
    pending = await cloud.call("queryAsyncJobResult", jobid=submitted.body["jobid"])
    assert set(pending.body) == ADMIN_JOB_KEYS | RUNS_ONLY
    assert (pending.body["jobstatus"], pending.body["jobresultcode"]) == (0, 0)
    listed = await cloud.call("listAsyncJobs")
    assert listed.body == {"count": 1, "asyncjobs": [pending.body]}
    ready = await cloud.deploy(start=True)
    vm_id = ready.body["id"]
    done = await cloud.job(ready)
    assert set(done) == ADMIN_JOB_KEYS | {"jobresulttype", "jobresult", "completed"}
    inside = done["jobresult"]["virtualmachine"]
    assert (inside["id"], inside["jobid"], inside["jobstatus"]) == (vm_id, done["jobid"], 0)
    assert (done["jobstatus"], done["jobprocstatus"], done["jobinstanceid"]) == (1, 0, vm_id)
    assert (await cloud.call("listAsyncJobs")).body["count"] == 1


async def test_start_on_running_is_refused_inside_the_job(cloud: Cloud) -> None:  # section 5
    vm_id = await cloud.deployed("up", start=True)
    submitted = await cloud.call("startVirtualMachine", id=vm_id)
    assert submitted.status == 200
    job = await cloud.job(submitted)
    assert failure(job) == (2, 431, f"The virtual machine {vm_id} (up) is already running")
    assert job["jobresulttype"] == "object"


async def test_start_while_starting_waits_and_succeeds(cloud: Cloud) -> None:  # section 5
    slow(cloud, "deployVirtualMachine", 1)
    deploying = await cloud.deploy(start=True)
    await cloud.until(lambda: cloud.states() == ["Starting"])
    second = await cloud.run("startVirtualMachine", id=deploying.body["id"])
    assert second["jobstatus"] == 1
    assert second["jobresult"]["virtualmachine"]["state"] == "Running"


async def test_a_start_gives_host_storage_and_vlan(cloud: Cloud) -> None:  # sections 1, 9, 18
    vm_id = await cloud.deployed("grows")
    [root] = (await cloud.call("listVolumes", virtualmachineid=vm_id)).body["volume"]
    assert (root["state"], root["deviceid"]) == ("Allocated", 0)
    assert "storageid" not in root
    assert "hostid" not in await cloud.vm(vm_id)
    await cloud.run("startVirtualMachine", id=vm_id)
    [root] = (await cloud.call("listVolumes", virtualmachineid=vm_id)).body["volume"]
    assert root["state"] == "Ready"
    assert root["storageid"]
    vm = await cloud.vm(vm_id)
    assert vm["hostid"]
    assert "deployvm" not in vm["details"]
    assert vm["nic"][1]["broadcasturi"].startswith("vlan://")
    [network] = (await cloud.call("listNetworks", id=sample.PROD_DMZ_ID)).body["network"]
    assert network["state"] == "Implemented"
    assert f"vlan://{network['vlan']}" == vm["nic"][1]["broadcasturi"]


async def test_stop_twice_succeeds(cloud: Cloud) -> None:  # section 5
    vm_id = await cloud.deployed("stops", start=True)
    for _ in range(2):
        job = await cloud.run("stopVirtualMachine", id=vm_id)
        assert job["jobresult"]["virtualmachine"]["state"] == "Stopped"
    assert "Message.ReservedCapacityFreed.Flag" in (await cloud.vm(vm_id))["details"]


async def test_a_failed_start_of_a_deploy_leaves_an_error_vm_that_cannot_start(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_FAILS, code=530))  # section 5
    reply = await cloud.deploy(start=True, name="broken")
    assert failure(await cloud.job(reply))[:2] == (2, 530)
    assert (await cloud.vm(reply.body["id"]))["state"] == "Error"
    [root] = (await cloud.call("listVolumes", virtualmachineid=reply.body["id"])).body["volume"]
    assert (root["state"], root["destroyed"]) == ("Destroy", True)
    later = failure(await cloud.run("startVirtualMachine", id=reply.body["id"]))
    assert later[1] == 530
    assert "no usable volumes found" in later[2]
    assert (await cloud.vm(reply.body["id"]))["state"] == "Error"
    assert (await cloud.deploy(name="broken")).code == (431, 4350)  # section 3: it holds its name


async def test_a_failed_start_leaves_a_stopped_vm_that_can_start_later(cloud: Cloud) -> None:  # section 5
    vm_id = await cloud.deployed("retries")
    cloud.sim.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=533, text="no room"))
    assert failure(await cloud.run("startVirtualMachine", id=vm_id)) == (2, 533, "no room")
    assert (await cloud.vm(vm_id))["state"] == "Stopped"
    assert (await cloud.run("startVirtualMachine", id=vm_id))["jobstatus"] == 1


@pytest.mark.parametrize(
    "params",
    (
        {"details[0].cpuNumber": "65", "details[0].cpuSpeed": "600", "details[0].memory": "512"},
        {"details[0].cpuNumber": "1", "details[0].cpuSpeed": "600", "details[0].memory": "900000"},
    ),
)
async def test_no_host_is_large_enough(cloud: Cloud, params: dict[str, str]) -> None:  # section 5
    offering = {"serviceofferingid": sample.CUSTOM_OFFERING_ID}
    reply = await cloud.deploy({**params, **offering}, name="large")
    vm_id = reply.body["id"]
    status, code, text = failure(await cloud.run("startVirtualMachine", id=vm_id))
    assert (status, code) == (2, 533)
    assert text.startswith("No destination found for a deployment for VM instance")
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


async def test_uefi_is_stored_and_no_host_takes_it(cloud: Cloud) -> None:  # section 1
    vm_id = await cloud.deployed("efi", boottype="UEFI", bootmode="LEGACY")
    assert (await cloud.vm(vm_id))["details"]["UEFI"] == "LEGACY"
    assert failure(await cloud.run("startVirtualMachine", id=vm_id))[1] == 533


async def test_a_resent_customjobid_runs_nothing_twice(cloud: Cloud) -> None:  # section 4
    vm_id, job_id = await cloud.deployed("once"), new_uuid()
    slow(cloud, "startVirtualMachine", 1)
    first = await cloud.call("startVirtualMachine", id=vm_id, customjobid=job_id)
    assert first.body == {"jobid": job_id}
    assert (await cloud.call("startVirtualMachine", id=vm_id, customjobid=job_id)).code == (431, 4350)
    assert (await cloud.job(first))["jobstatus"] == 1
    assert (await cloud.call("stopVirtualMachine", id=vm_id, customjobid=job_id)).code == (530, 9999)
    assert (await cloud.vm(vm_id))["state"] == "Running"


@pytest.mark.parametrize("job_id", ("nonsense", "00000000-0000-4000-8000-000000000000"))
async def test_an_unknown_job_is_431(cloud: Cloud, job_id: str) -> None:  # section 8
    reply = await cloud.call("queryAsyncJobResult", jobid=job_id)
    assert reply.code == (431, 9999)
    assert f"Invalid parameter jobid value={job_id}" in reply.body["errortext"]


async def test_another_accounts_job_is_531_and_not_listed(cloud: Cloud) -> None:  # section 8
    slow(cloud, "deployVirtualMachine")
    reply = await cloud.deploy()
    query = await cloud.call("queryAsyncJobResult", jobid=reply.body["jobid"], who=sample.PLAIN)
    assert query.status == 531
    assert (await cloud.call("listAsyncJobs", listall="true", who=sample.PLAIN)).body == {}


async def test_a_finished_job_is_forgotten_after_its_time() -> None:  # cloudstack-api.md 2.2
    async with running_cloud(CloudStackSimulator(job_expiry_seconds=0.05)) as cloud:
        reply = await cloud.deploy()
        await cloud.settled("Stopped")
        await asyncio.sleep(0.1)
        assert (await cloud.call("queryAsyncJobResult", jobid=reply.body["jobid"])).code == (431, 9999)
        assert cloud.states() == [VmState.STOPPED]


async def test_jobs_are_paged_by_rising_creation_time(cloud: Cloud) -> None:  # section 22
    for _ in range(12):
        slow(cloud, "deployVirtualMachine")
    submits = [(await cloud.deploy()).body["jobid"] for _ in range(12)]
    seen: list[str] = []
    for page in ("1", "2", "3"):
        reply = await cloud.call("listAsyncJobs", page=page, pagesize="5", keyword="ignored")
        assert reply.body["count"] == 12
        seen += [job["jobid"] for job in reply.body["asyncjobs"]]
    assert seen == submits
    zero = await cloud.call("listAsyncJobs", page="0", pagesize="5")
    assert [job["jobid"] for job in zero.body["asyncjobs"]] == submits[:5]
    assert "asyncjobs" not in (await cloud.call("listAsyncJobs", page="4", pagesize="5")).body
    assert (await cloud.call("listAsyncJobs", startdate="2999-01-01 00:00:00")).body == {}
    assert (await cloud.call("listAsyncJobs", startdate="2020-01-01T00:00:00+0000")).body["count"] == 12


@pytest.mark.parametrize("params", ({"page": "1"}, {"pagesize": "5"}, {"page": "1", "pagesize": "501"}))
async def test_half_a_page_or_a_large_one_is_431(cloud: Cloud, params: dict[str, str]) -> None:
    for command in ("listAsyncJobs", "listVirtualMachines"):  # sections 11, 22
        assert (await cloud.call(command, params)).code == (431, 4350)


async def test_destroy_with_expunge_returns_a_vm_without_an_id(cloud: Cloud) -> None:  # section 10
    vm_id = await cloud.deployed("goes", start=True)
    job = await cloud.run("destroyVirtualMachine", id=vm_id, expunge="true")
    assert job["jobresult"] == {
        "virtualmachine": {
            "securitygroup": [],
            "nic": [],
            "affinitygroup": [],
            "deleteprotection": False,
            "tags": [],
        }
    }
    assert cloud.states() == []
    for command in ("destroyVirtualMachine", "startVirtualMachine", "stopVirtualMachine"):
        again = await cloud.call(command, id=vm_id)
        assert again.code == (431, 4350)
        assert again.body["errortext"].endswith("of type [VirtualMachine]")
    never = await cloud.call("destroyVirtualMachine", id=new_uuid())
    assert never.code == (431, 9999)
    assert (await cloud.call("listVolumes", virtualmachineid=vm_id)).body == {}


async def test_destroy_recover_destroy_expunge(cloud: Cloud) -> None:  # section 10
    vm_id = await cloud.deployed("back", start=True)
    assert (await cloud.call("recoverVirtualMachine", id=vm_id)).status == 431
    assert failure(await cloud.run("expungeVirtualMachine", id=vm_id))[1] == 431
    for _ in range(2):
        job = await cloud.run("destroyVirtualMachine", id=vm_id)
        assert job["jobresult"]["virtualmachine"]["state"] == "Destroyed"
    assert failure(await cloud.run("startVirtualMachine", id=vm_id))[1] == 530
    recovered = await cloud.call("recoverVirtualMachine", id=vm_id)
    assert recovered.body["virtualmachine"]["state"] == "Stopped"
    await cloud.run("destroyVirtualMachine", id=vm_id)
    assert (await cloud.run("expungeVirtualMachine", id=vm_id))["jobresult"] == {"success": True}
    assert cloud.states() == []


async def test_a_plain_user_may_not_expunge_nor_see_its_destroyed_vm(cloud: Cloud) -> None:  # section 10
    reply = await cloud.deploy(networks=(sample.PROD_LAN_ID,), name="mine", who=sample.PLAIN)
    vm_id = reply.body["id"]
    await cloud.job(reply, who=sample.PLAIN)
    job = await cloud.run("destroyVirtualMachine", id=vm_id, expunge="true", who=sample.PLAIN)
    assert failure(job) == (2, 530, "Account does not have permission for expunging.")
    assert (await cloud.vm(vm_id))["state"] == "Stopped"
    await cloud.run("destroyVirtualMachine", id=vm_id, who=sample.PLAIN)
    assert (await cloud.call("listVirtualMachines", id=vm_id, who=sample.PLAIN)).body == {}
    repeat = await cloud.deploy(networks=(sample.PROD_LAN_ID,), name="mine", who=sample.PLAIN)
    assert repeat.status == 431


async def test_a_foreign_vm_is_531(cloud: Cloud) -> None:  # section 6
    vm_id = await cloud.deployed("admins")
    for command in ("startVirtualMachine", "destroyVirtualMachine", "listVirtualMachines"):
        reply = await cloud.call(command, id=vm_id, who=sample.PLAIN)
        assert reply.status == 531
        assert reply.body["errortext"] == "Caller does not have permission to operate with provided resource."


async def test_unknown_and_admin_commands(cloud: Cloud) -> None:  # section 6
    assert (await cloud.call("makeCoffee")).status == 401
    for command in ("listHosts", "makeCoffee"):
        reply = await cloud.call(command, who=sample.PLAIN)
        assert reply.code == (432, 9999)
        assert f"The API [{command}] does not exist or is not available" in reply.body["errortext"]
    hosts = (await cloud.call("listHosts")).body
    assert (hosts["count"], {host["state"] for host in hosts["host"]}) == (4, {"Up"})


async def test_maintenance_refuses_async_commands_and_nothing_else(cloud: Cloud) -> None:  # section 21
    slow(cloud, "startVirtualMachine", 0.1)
    vm_id = await cloud.deployed("during")
    running = await cloud.call("startVirtualMachine", id=vm_id)
    cloud.world.maintenance = True
    refused = await cloud.deploy(name="refused")
    assert refused.code == (503, 9999)
    assert refused.body["errortext"].endswith("Can not accept new jobs")
    assert (await cloud.call("updateVirtualMachine", id=vm_id, displayname="x")).status == 200
    assert (await cloud.call("listVirtualMachines")).body["count"] == 1
    assert (await cloud.job(running))["jobstatus"] == 1


async def test_a_restart_refuses_connections_fails_jobs_and_disconnects_hosts(cloud: Cloud) -> None:
    vm_id, stopped = await cloud.deployed("starting"), await cloud.deployed("later")  # sections 8, 21
    for command in ("startVirtualMachine", "deployVirtualMachine", "stopVirtualMachine"):
        slow(cloud, command)
    jobs = [
        await cloud.call("startVirtualMachine", id=vm_id),
        await cloud.deploy(name="deploying", start=True),
        await cloud.call("stopVirtualMachine", id=cloud.running_vm("stopping")),
    ]
    busy = ["Starting", "Starting", "Stopped", "Stopping"]
    await cloud.until(lambda: sorted(cloud.states()) == busy)
    endpoint = cloud.sim.endpoint
    restarting = asyncio.create_task(cloud.sim.restart(down_seconds=1, disconnected_seconds=3))
    await asyncio.sleep(0.2)
    with pytest.raises(aiohttp.ClientConnectorError):
        await cloud.call("listZones")
    await restarting
    assert cloud.sim.endpoint == endpoint
    for submitted in jobs:
        job = await cloud.job(submitted)
        assert set(job) == ADMIN_JOB_KEYS | {"completed"}
        assert (job["jobstatus"], job["jobresultcode"]) == (2, 530)
    assert sorted(cloud.states()) == ["Running", "Stopped", "Stopped", "Stopped"]
    hosts = (await cloud.call("listHosts")).body["host"]
    assert {host["state"] for host in hosts} == {"Disconnected"}
    assert failure(await cloud.run("startVirtualMachine", id=stopped))[1] == 533
    assert (await cloud.vm(stopped))["state"] == "Stopped"
    await cloud.until(lambda: cloud.world.hosts_connected)
    assert (await cloud.run("startVirtualMachine", id=stopped))["jobstatus"] == 1


async def test_a_request_under_way_during_a_restart_gets_no_answer(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault("deployVirtualMachine", FaultKind.HANG, seconds=30))
    request = asyncio.create_task(cloud.deploy())
    await cloud.until(lambda: bool(cloud.sim.calls))
    await cloud.sim.restart()
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await request
    assert cloud.states() == []
    assert (await cloud.call("listZones")).status == 200


async def test_throttling_lets_a_plain_user_send_so_many_calls_and_an_admin_all() -> None:  # section 8
    simulator = CloudStackSimulator(throttle=Throttle(calls=5, seconds=30))
    async with running_cloud(simulator) as cloud:
        replies = [await cloud.call("listZones", who=sample.PLAIN) for _ in range(8)]
        assert [reply.status for reply in replies] == [200] * 5 + [429] * 3
        assert replies[-1].body["cserrorcode"] == 9999
        throttled = await cloud.deploy(networks=(sample.PROD_LAN_ID,), who=sample.PLAIN)
        assert throttled.status == 429
        assert cloud.states() == []
        assert [(await cloud.call("listZones")).status for _ in range(8)] == [200] * 8
