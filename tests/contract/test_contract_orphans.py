"""Sections 1 and 2: what a deploy leaves behind that failed after its VM was recorded."""

import pytest

from tests.contract.cloud import Cloud, new_id, nics
from tests.contract.raw_api import Json, Reply


async def failed_deploy(cloud: Cloud, isolated: str, vm_id: str, name: str) -> Reply:
    """Ask for an address that another VM has."""
    holder = await cloud.vm(await cloud.deployed(isolated))
    taken = {"networkid": isolated, "ip": holder["nic"][0]["ipaddress"]}
    return await cloud.deploy(nics(taken), customid=vm_id, name=name)


async def named(cloud: Cloud, name: str) -> list[Json]:
    return (await cloud.call("listVirtualMachines", name=name)).items("virtualmachine")


@pytest.mark.observed(1, "ip taken: HTTP 530 (not 533), cserrorcode 0; uuidList does not name what it leaves")
async def test_an_address_that_is_taken_is_530(cloud: Cloud, isolated: str) -> None:
    reply = await failed_deploy(cloud, isolated, new_id(), cloud.name())
    assert reply.code == (530, 0)
    assert reply.body["uuidList"] == []


@pytest.mark.observed(1, "- and it leaves: an orphan VM in state Error with no NIC and no volume")
async def test_it_leaves_a_vm_in_error_under_the_customid(cloud: Cloud, isolated: str) -> None:
    vm_id = new_id()
    await failed_deploy(cloud, isolated, vm_id, cloud.name())
    orphan = await cloud.vm(vm_id)
    assert (orphan["state"], orphan["nic"]) == ("Error", [])
    assert (await cloud.call("listVolumes", virtualmachineid=vm_id)).body == {}


@pytest.mark.observed(1, "- it holds the customid (repeat: 431)")
async def test_the_orphan_holds_the_customid(cloud: Cloud, isolated: str, lan: str) -> None:
    vm_id = new_id()
    await failed_deploy(cloud, isolated, vm_id, cloud.name())
    assert (await cloud.deploy(nics(lan), customid=vm_id)).code == (431, 4350)


@pytest.mark.observed(1, "- but not the name: a second deploy of the same name succeeds, name= finds both")
async def test_the_orphan_does_not_hold_the_name(cloud: Cloud, isolated: str) -> None:
    name = cloud.name()
    await failed_deploy(cloud, isolated, new_id(), name)
    await cloud.deployed(isolated, name=name)
    assert sorted(vm["state"] for vm in await named(cloud, name)) == ["Error", "Stopped"]


@pytest.mark.observed(10, "destroy expunge=true works from every state; section 2: after expunge 530")
async def test_the_orphan_can_be_expunged_and_its_customid_is_lost(
    cloud: Cloud, isolated: str, lan: str
) -> None:
    vm_id = new_id()
    await failed_deploy(cloud, isolated, vm_id, cloud.name())
    await cloud.done("destroyVirtualMachine", id=vm_id, expunge="true")
    assert (await cloud.call("listVirtualMachines", id=vm_id)).body == {}
    assert (await cloud.deploy(nics(lan), customid=vm_id)).status == 530


@pytest.mark.observed(6, "a deploy that is refused while its parameters are read leaves nothing")
async def test_an_unknown_network_leaves_nothing(cloud: Cloud, lan: str) -> None:
    name = cloud.name()
    assert (await cloud.deploy(nics(lan, new_id()), name=name)).status == 431
    assert await named(cloud, name) == []
