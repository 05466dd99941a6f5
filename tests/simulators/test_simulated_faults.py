"""Every kind of fault, and what is left afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from simulators.cloudstack import Fault, FaultKind, sample
from tests.simulators.simulator_cloud import TWO_NETWORKS, Cloud, new_uuid, running_cloud

DEPLOY = "deployVirtualMachine"
GONE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "vms"), ((FaultKind.LOST_BEFORE_EFFECT, []), (FaultKind.LOST_AFTER_EFFECT, ["Stopped"]))
)
async def test_a_lost_reply(cloud: Cloud, kind: FaultKind, vms: list[str]) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, kind))
    with pytest.raises(GONE):
        await cloud.deploy()
    assert cloud.states() == vms
    [call] = cloud.sim.calls_of(DEPLOY)
    assert (call.status, call.faults) == (0, (kind,))
    assert (await cloud.call("listZones")).status == 200


@pytest.mark.parametrize(
    ("kind", "code"),
    (
        (FaultKind.THROTTLED, (429, 9999)),
        (FaultKind.MAINTENANCE, (503, 9999)),
        (FaultKind.INTERNAL, (530, 0)),
        (FaultKind.NO_CAPACITY, (533, 0)),
        (FaultKind.QUOTA, (535, 9999)),
        (FaultKind.UNAUTHORIZED_ONCE, (401, None)),
    ),
)
async def test_a_refusal_leaves_nothing_and_the_next_call_works(
    cloud: Cloud, kind: FaultKind, code: tuple[int, int | None]
) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, kind))
    reply = await cloud.deploy()
    assert (reply.key, reply.code) == ("deployvirtualmachineresponse", code)
    assert cloud.states() == []
    assert (await cloud.deploy()).status == 200
    assert [call.status for call in cloud.sim.calls_of(DEPLOY)] == [code[0], 200]


async def test_internal_error_that_leaves_an_error_vm_with_the_customid(cloud: Cloud) -> None:  # section 1
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.INTERNAL_WITH_ERROR_VM))
    custom_id = new_uuid()
    assert (await cloud.deploy(name="half", customid=custom_id)).code == (530, 0)
    assert (await cloud.vm(custom_id))["state"] == "Error"
    assert (await cloud.deploy(name="half", customid=custom_id)).code == (431, 4350)
    job = await cloud.run("destroyVirtualMachine", id=custom_id, expunge="true")
    assert job["jobstatus"] == 1
    assert cloud.states() == []
    assert (await cloud.deploy(name="half", customid=custom_id)).code == (530, 0)


@pytest.mark.parametrize(("effect", "vms", "code"), ((False, [], 502), (True, ["Stopped"], 504)))
async def test_an_html_page_of_a_proxy(cloud: Cloud, *, effect: bool, vms: list[str], code: int) -> None:
    cloud.sim.faults.add(
        Fault(DEPLOY, FaultKind.PROXY_HTML, effect=effect, code=None if code == 502 else code)
    )
    with pytest.raises(aiohttp.ContentTypeError) as caught:
        await cloud.deploy()
    assert caught.value.status == code
    assert cloud.states() == vms


async def test_a_job_fails_with_the_code_asked_for(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=534, text="agent"))
    vm_id = await cloud.deployed("vm")
    job = await cloud.run("startVirtualMachine", id=vm_id)
    assert (job["jobstatus"], job["jobresultcode"]) == (2, 534)
    assert job["jobresult"] == {"errorcode": 534, "errortext": "agent"}


@pytest.mark.parametrize(("code", "shown"), ((None, 530), (0, 0)))
async def test_a_job_fails_without_a_result(cloud: Cloud, code: int | None, shown: int) -> None:  # section 8
    cloud.sim.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS_WITHOUT_RESULT, code=code))
    vm_id = await cloud.deployed("vm")
    job = await cloud.run("startVirtualMachine", id=vm_id)
    assert (job["jobstatus"], job["jobresultcode"]) == (2, shown)
    assert not {"jobresult", "jobresulttype"} & set(job)
    assert "completed" in job
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


async def test_a_slow_job_stays_pending(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.JOB_SLOW, seconds=30))
    reply = await cloud.deploy()
    await asyncio.sleep(0.1)
    job = await cloud.call("queryAsyncJobResult", jobid=reply.body["jobid"])
    assert job.body["jobstatus"] == 0


async def test_an_expired_job_has_done_its_work(cloud: Cloud) -> None:
    vm_id = await cloud.deployed("vm")
    cloud.sim.faults.add(Fault("startVirtualMachine", FaultKind.JOB_EXPIRED))
    reply = await cloud.call("startVirtualMachine", id=vm_id)
    await cloud.settled("Running")
    query = await cloud.call("queryAsyncJobResult", jobid=reply.body["jobid"])
    assert query.code == (431, 9999)
    assert (await cloud.call("listAsyncJobs")).body == {}


async def test_nics_are_read_back_wrongly_once(cloud: Cloud) -> None:
    vm_id = await cloud.deployed("vm")
    honest = (await cloud.vm(vm_id))["nic"]
    cloud.sim.faults.add(Fault("listVirtualMachines", FaultKind.WRONG_NIC_ORDER))
    assert [nic["networkid"] for nic in (await cloud.vm(vm_id))["nic"]] == list(TWO_NETWORKS)[::-1]
    cloud.sim.faults.add(Fault("listVirtualMachines", FaultKind.WRONG_MAC))
    lied = (await cloud.vm(vm_id))["nic"]
    assert [nic["networkid"] for nic in lied] == list(TWO_NETWORKS)
    assert not {nic["macaddress"] for nic in lied} & {nic["macaddress"] for nic in honest}
    assert (await cloud.vm(vm_id))["nic"] == honest


async def test_nics_are_made_wrongly(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.WRONG_NIC_ORDER))
    backwards = await cloud.vm(await cloud.deployed("backwards"))
    assert [nic["networkid"] for nic in backwards["nic"]] == list(TWO_NETWORKS)[::-1]
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.WRONG_MAC))
    mac = "02:00:00:00:00:01"
    reply = await cloud.deploy(networks=({"networkid": sample.PROD_LAN_ID, "mac": mac},))
    assert (await cloud.vm(reply.body["id"]))["nic"][0]["macaddress"] != mac


@pytest.mark.parametrize(("lifetime", "vms"), ((60.0, ["Stopped"]), (0.5, [])))
async def test_a_request_that_arrives_late_is_judged_by_its_expiry_then(
    cloud: Cloud, lifetime: float, vms: list[str]
) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.HANG, seconds=1.2))
    custom_id = new_uuid()
    params = {
        "zoneid": sample.ZONE_ID,
        "templateid": sample.TEMPLATE_ID,
        "serviceofferingid": sample.SMALL_OFFERING_ID,
        "iptonetworklist[0].networkid": sample.PROD_LAN_ID,
        "startvm": "false",
        "customid": custom_id,
    }
    impatient = asyncio.create_task(cloud.call(DEPLOY, params, lifetime=lifetime))
    await cloud.until(lambda: bool(cloud.sim.calls))
    [call] = cloud.sim.calls
    impatient.cancel()
    assert cloud.states() == []
    await cloud.until(lambda: call.status != 0)
    assert (call.status, cloud.states()) == (200 if vms else 401, vms)


async def test_a_reply_that_is_late_comes_after_the_effect(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.HANG, seconds=30, effect=True))
    waiting = asyncio.create_task(cloud.deploy())
    await cloud.settled("Stopped")
    assert not waiting.done()
    waiting.cancel()


async def test_a_fault_waits_for_its_request_and_is_used_up(cloud: Cloud) -> None:
    fault = cloud.sim.faults.add(
        Fault(DEPLOY, FaultKind.INTERNAL, times=2, skip=1, match=lambda params: params["name"] == "victim")
    )
    assert (await cloud.deploy(name="other")).status == 200
    assert (await cloud.deploy(name="victim", networks=(sample.PROD_LAN_ID,))).status == 200
    assert [(await cloud.deploy(name="victim")).status for _ in range(2)] == [530, 530]
    assert cloud.sim.faults.due == []
    assert fault.times == 0
    cloud.sim.faults.add(Fault("*", FaultKind.THROTTLED, times=None))
    assert [(await cloud.call("listZones")).status for _ in range(3)] == [429] * 3
    cloud.sim.faults.clear()
    assert (await cloud.call("listZones")).status == 200


async def test_a_transport_fault_and_a_job_fault_meet_in_one_request(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.JOB_FAILS))
    cloud.sim.faults.add(Fault(DEPLOY, FaultKind.LOST_AFTER_EFFECT))
    with pytest.raises(GONE):
        await cloud.deploy(start=True)
    await cloud.settled("Error")


async def test_stopping_ends_requests_that_hang() -> None:
    async with running_cloud() as cloud:
        cloud.sim.faults.add(Fault("listZones", FaultKind.HANG, seconds=3600))
        hanging = asyncio.create_task(cloud.call("listZones"))
        await cloud.until(lambda: bool(cloud.sim.calls))
        began = time.monotonic()
        await cloud.sim.stop()
        assert time.monotonic() - began < 60
        with pytest.raises(GONE):
            await hanging
