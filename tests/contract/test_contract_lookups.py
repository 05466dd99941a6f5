"""Section 11: how VMs are found."""

import pytest

from tests.contract.cloud import Cloud


async def found(cloud: Cloud, **params: str) -> list[str]:
    reply = await cloud.call("listVirtualMachines", params)
    assert reply.status == 200, reply
    return sorted(vm["id"] for vm in reply.items("virtualmachine"))


@pytest.mark.observed(11, "name=abc: only abc (exact), but case-insensitive; ab, abc% find nothing")
async def test_name_is_the_whole_name_in_any_letter_case(cloud: Cloud, lan: str) -> None:
    name = cloud.name("whole")
    vm_id = await cloud.deployed(lan, name=name)
    await cloud.deployed(lan, name=f"{name}-2")
    assert await found(cloud, name=name) == [vm_id]
    assert await found(cloud, name=name.upper()) == [vm_id]
    assert await found(cloud, name=name[:-1]) == []
    assert await found(cloud, name=f"{name}%") == []


@pytest.mark.observed(11, "keyword=abc: substring, case-insensitive")
async def test_keyword_is_a_part_of_the_name(cloud: Cloud, lan: str) -> None:
    name = cloud.name("part")
    ids = [await cloud.deployed(lan, name=text) for text in (name, f"{name}-2")]
    assert await found(cloud, keyword=name.upper()[2:]) == sorted(ids)


@pytest.mark.observed(11, "listVirtualMachines by networkid; details=nics gives nic[]")
async def test_vms_of_a_network_are_found_with_their_nics(cloud: Cloud) -> None:
    network = await cloud.network()
    vm_id = await cloud.deployed(network)
    reply = await cloud.call("listVirtualMachines", networkid=network, details="nics")
    [vm] = reply.items("virtualmachine")
    assert (vm["id"], vm["nic"][0]["networkid"]) == (vm_id, network)


@pytest.mark.observed(11, "ids=a,b: both")
async def test_several_vms_are_found_by_their_ids(cloud: Cloud, stopped_vm: str, running_vm: str) -> None:
    assert await found(cloud, ids=f"{stopped_vm},{running_vm}") == sorted([stopped_vm, running_vm])


@pytest.mark.observed(10, "a Destroyed VM is still listed to a root admin")
async def test_a_destroyed_vm_is_found_by_id_and_name(cloud: Cloud, lan: str) -> None:
    name = cloud.name()
    vm_id = await cloud.deployed(lan, name=name)
    await cloud.done("destroyVirtualMachine", id=vm_id)
    assert await found(cloud, id=vm_id) == [vm_id]
    assert await found(cloud, name=name) == [vm_id]


@pytest.mark.parametrize(
    ("command", "key", "field"),
    (
        ("listZones", "zone", "zone"),
        ("listServiceOfferings", "serviceoffering", "offering"),
        ("listTemplates", "template", "template"),
    ),
)
@pytest.mark.observed(
    6, "what is looked up by its id before a deploy; shapes: zone, serviceoffering, template"
)
async def test_what_a_vm_is_made_from_is_found_by_its_id(
    cloud: Cloud, command: str, key: str, field: str
) -> None:
    wanted = getattr(cloud.site, field)
    reply = await cloud.call(command, {"templatefilter": "executable"}, id=wanted)
    assert {item["id"] for item in reply.items(key)} == {wanted}


@pytest.mark.observed(
    20, "shapes: a fixed offering has cpunumber, cpuspeed and memory, a custom one has none"
)
async def test_an_offering_says_whether_it_wants_a_size(cloud: Cloud) -> None:
    [fixed] = (await cloud.call("listServiceOfferings", id=cloud.site.offering)).items("serviceoffering")
    assert (fixed["iscustomized"], {"cpunumber", "cpuspeed", "memory"} <= set(fixed)) == (False, True)
    if cloud.site.custom_offering:
        reply = await cloud.call("listServiceOfferings", id=cloud.site.custom_offering)
        [custom] = reply.items("serviceoffering")
        assert (custom["iscustomized"], {"cpunumber", "memory"} & set(custom)) == (True, set())
