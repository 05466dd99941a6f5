"""Section 3: names of VMs, and who else may have them."""

import pytest

from tests.contract.cloud import Cloud, nics

TAKEN = (431, 4350)


@pytest.mark.observed(3, "same name, same network: 431 4350, also when the holder is Destroyed")
async def test_a_name_is_taken_on_its_network_until_the_expunge(cloud: Cloud, lan: str) -> None:
    name = cloud.name()
    holder = await cloud.deployed(lan, name=name)
    assert (await cloud.deploy(nics(lan), name=name)).code == TAKEN
    await cloud.done("destroyVirtualMachine", id=holder)
    assert (await cloud.deploy(nics(lan), name=name)).code == TAKEN
    await cloud.done("destroyVirtualMachine", id=holder, expunge="true")
    await cloud.deployed(lan, name=name)


@pytest.mark.observed(3, "same name, other network only: accepted")
async def test_a_name_may_be_on_another_network_too(cloud: Cloud, lan: str, dmz: str) -> None:
    name = cloud.name()
    ids = {await cloud.deployed(network, name=name) for network in (lan, dmz)}
    found = (await cloud.call("listVirtualMachines", name=name)).items("virtualmachine")
    assert {vm["id"] for vm in found} == ids


@pytest.mark.observed(3, "If any one of several networks collides: 431")
async def test_one_network_of_several_is_enough_to_collide(cloud: Cloud, lan: str, dmz: str) -> None:
    name = cloud.name()
    await cloud.deployed(lan, name=name)
    assert (await cloud.deploy(nics(dmz, lan), name=name)).code == TAKEN


@pytest.mark.observed(3, "same name in other letter case: accepted, while name= matches both")
async def test_letter_case_makes_another_name_to_a_deploy_but_not_to_a_list(cloud: Cloud, lan: str) -> None:
    name = cloud.name()
    await cloud.deployed(lan, name=name)
    await cloud.deployed(lan, name=name.upper())
    assert (await cloud.call("listVirtualMachines", name=name)).body["count"] == 2


@pytest.mark.parametrize(
    "name",
    ("", "1a", "-a", "a-", "a.b", "a_b", "a b", "ä", "a" * 64),
    ids=("empty", "digit first", "hyphen first", "hyphen last", "dot", "_", "space", "non-ASCII", "64"),
)
@pytest.mark.observed(3, "64, dot, underscore, space, non-ASCII, empty, leading digit, hyphen: 431 9999")
async def test_a_name_that_no_host_can_have_is_431(cloud: Cloud, lan: str, name: str) -> None:
    assert (await cloud.deploy(nics(lan), name=name)).code == (431, 9999)


@pytest.mark.observed(3, "63 characters: ok")
async def test_a_name_may_have_63_characters(cloud: Cloud, lan: str) -> None:
    name = cloud.name().ljust(63, "x")
    assert (await cloud.vm(await cloud.deployed(lan, name=name)))["name"] == name


@pytest.mark.observed(3, "displayname 255 / 256: ok / 431")
async def test_a_displayname_may_have_255_characters(cloud: Cloud, lan: str) -> None:
    text = cloud.ledger.prefix.ljust(255, "é")
    vm_id = await cloud.deployed(lan, displayname=text)
    assert (await cloud.vm(vm_id))["displayname"] == text
    assert (await cloud.deploy(nics(lan), displayname=f"{text}x")).status == 431
