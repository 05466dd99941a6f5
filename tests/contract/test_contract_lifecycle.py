"""Sections 5, 10 and 20: start, stop, destroy, expunge; sizes."""

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, new_id, nics, outcome

SIZE = {"cpuNumber": "1", "cpuSpeed": "500", "memory": "512"}


@pytest.mark.observed(5, "start while Starting: the second job waits and succeeds")
async def test_two_starts_at_a_time_both_succeed(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    submits = [await cloud.call("startVirtualMachine", id=vm_id) for _ in range(2)]
    assert [outcome(await cloud.job(submit)) for submit in submits] == [SUCCESS, SUCCESS]
    assert (await cloud.vm(vm_id))["state"] == "Running"


@pytest.mark.observed(5, "stop on Stopped: job success")
async def test_stop_on_stopped_succeeds(cloud: Cloud, stopped_vm: str) -> None:
    assert outcome(await cloud.run("stopVirtualMachine", id=stopped_vm)) == SUCCESS
    assert (await cloud.vm(stopped_vm))["state"] == "Stopped"


@pytest.mark.observed(
    1, "broadcasturi only once the network is implemented; section 9: root Allocated before a start"
)
async def test_a_first_start_gives_storage_and_a_vlan(cloud: Cloud, running_vm: str, stopped_vm: str) -> None:
    before, after = [await cloud.root_of(vm_id) for vm_id in (stopped_vm, running_vm)]
    assert (before["state"], "storageid" in before) == ("Allocated", False)
    assert (after["state"], "storageid" in after) == ("Ready", True)
    [nic] = (await cloud.vm(running_vm))["nic"]
    assert "broadcasturi" in nic


@pytest.mark.observed(10, "destroy expunge=true: job success without an id, works from Running")
async def test_an_expunged_vm_has_no_id_in_the_jobs_result(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.running(lan)
    job = await cloud.done("destroyVirtualMachine", id=vm_id, expunge="true")
    assert "id" not in job["jobresult"]["virtualmachine"]
    assert job["jobinstanceid"] == vm_id


@pytest.mark.parametrize("command", ("destroyVirtualMachine", "startVirtualMachine", "stopVirtualMachine"))
@pytest.mark.observed(10, "repeated after expunge: HTTP 431 4350; never existed: 431 9999")
async def test_an_expunged_vm_and_one_that_never_was_are_told_apart(
    cloud: Cloud, expunged_vm: str, command: str
) -> None:
    assert (await cloud.call(command, id=expunged_vm)).code == (431, 4350)
    assert (await cloud.call(command, id=new_id())).code == (431, 9999)


@pytest.mark.observed(10, "destroy on Destroyed: job success; start on Destroyed: job 530")
async def test_a_destroyed_vm_can_be_destroyed_again_and_not_started(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    for _ in range(2):
        assert outcome(await cloud.run("destroyVirtualMachine", id=vm_id)) == SUCCESS
        assert (await cloud.vm(vm_id))["state"] == "Destroyed"
    assert outcome(await cloud.run("startVirtualMachine", id=vm_id)) == failed(530)


@pytest.mark.observed(9, "recoverVirtualMachine brings a Destroyed VM back")
async def test_a_destroyed_vm_can_be_recovered(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    await cloud.done("destroyVirtualMachine", id=vm_id)
    assert (await cloud.call("recoverVirtualMachine", id=vm_id)).status == 200
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


@pytest.mark.observed(20, "fixed + cpuNumber or memory: 431")
async def test_a_fixed_offering_takes_no_size(cloud: Cloud, lan: str) -> None:
    reply = await cloud.deploy({**nics(lan), "details[0].cpuNumber": "1", "details[0].memory": "512"})
    assert reply.status == 431


@pytest.mark.observed(20, "custom: details[0].cpuNumber, cpuSpeed, memory: 200; no details: 431 4350")
async def test_a_custom_offering_takes_its_size_from_details(cloud: Cloud, lan: str) -> None:
    if not cloud.site.custom_offering:
        pytest.skip("no custom offering without bounds here")
    offering = {"serviceofferingid": cloud.site.custom_offering}
    assert (await cloud.deploy({**nics(lan), **offering})).code == (431, 4350)
    details = {f"details[0].{key}": value for key, value in SIZE.items()}
    vm_id = await cloud.deployed(lan, **offering, **details)
    vm = await cloud.vm(vm_id)
    assert {key: str(vm[key.lower()]) for key in SIZE} == SIZE


@pytest.mark.observed(20, "details keys are case-sensitive (cpunumber: 431)")
async def test_a_size_in_the_wrong_letter_case_is_none(cloud: Cloud, lan: str) -> None:
    if not cloud.site.custom_offering:
        pytest.skip("no custom offering without bounds here")
    details = {f"details[0].{key.lower()}": value for key, value in SIZE.items()}
    request = {**nics(lan), **details, "serviceofferingid": cloud.site.custom_offering}
    assert (await cloud.deploy(request)).status == 431


@pytest.mark.observed(20, "rootdisksize below the template's size: 431; a larger one is taken")
async def test_a_root_disk_is_never_smaller_than_its_template(cloud: Cloud, lan: str) -> None:
    whole_gb = -(-cloud.site.template_size // 1024**3)
    if whole_gb > 1:
        assert (await cloud.deploy(nics(lan), rootdisksize=str(whole_gb - 1))).status == 431
    vm_id = await cloud.deployed(lan, rootdisksize=str(whole_gb + 1))
    assert (await cloud.root_of(vm_id))["size"] == (whole_gb + 1) * 1024**3
