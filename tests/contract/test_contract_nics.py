"""Section 1: NICs of a new VM."""

import ipaddress

import pytest

from tests.contract.cloud import Cloud, new_mac, nics
from tests.contract.raw_api import Json


async def free_address(cloud: Cloud, network: str) -> str:
    """An address of the isolated network that no VM has."""
    [shown] = (await cloud.call("listNetworks", id=network)).items("network")
    vms = (await cloud.call("listVirtualMachines", networkid=network)).items("virtualmachine")
    used = {nic.get("ipaddress") for vm in vms for nic in vm["nic"]}
    addresses = [str(address) for address in ipaddress.ip_network(shown["cidr"]).hosts()]
    return next(address for address in addresses[len(addresses) // 2 :] if address not in used)


def networks_of(vm: Json) -> list[str]:
    return [nic["networkid"] for nic in vm["nic"]]


@pytest.mark.observed(
    1, "row 1: nic[] in that order, deviceid as strings, isdefault on the first, MACs honoured"
)
async def test_nics_come_in_the_order_of_the_list_with_their_macs(
    cloud: Cloud, lan: str, dmz: str, isolated: str
) -> None:
    wanted = [(dmz, new_mac()), (isolated, new_mac()), (lan, new_mac())]
    vm_id = await cloud.deployed(*({"networkid": network, "mac": mac} for network, mac in wanted))
    vm = await cloud.vm(vm_id)
    assert [(nic["networkid"], nic["macaddress"]) for nic in vm["nic"]] == wanted
    assert [nic["deviceid"] for nic in vm["nic"]] == ["0", "1", "2"]
    assert [nic["isdefault"] for nic in vm["nic"]] == [True, False, False]


@pytest.mark.observed(1, "row 2: order follows the index number, gaps are fine")
async def test_the_index_decides_and_not_the_order_of_sending(cloud: Cloud, lan: str, dmz: str) -> None:
    request = {"iptonetworklist[5].networkid": lan, "iptonetworklist[2].networkid": dmz}
    submitted = await cloud.deploy(request)
    await cloud.job(submitted)
    assert networks_of(await cloud.vm(submitted.body["id"])) == [dmz, lan]


@pytest.mark.observed(1, "row 3: a never-started VM's nic[] is complete; an L2 NIC has no ipaddress key")
async def test_a_vm_that_never_ran_shows_its_nics(cloud: Cloud, lan: str, isolated: str) -> None:
    vm = await cloud.vm(await cloud.deployed(lan, isolated))
    on_l2, on_isolated = vm["nic"]
    assert vm["state"] == "Stopped"
    assert {"networkid", "networkname", "macaddress", "type"} <= set(on_l2)
    assert "ipaddress" not in on_l2
    assert {"networkid", "networkname", "macaddress", "type", "ipaddress"} <= set(on_isolated)
    assert (on_l2["type"], on_isolated["type"]) == ("L2", "Isolated")


@pytest.mark.observed(1, "row 10: the same network twice: 200, silently one NIC")
async def test_a_network_that_is_asked_for_twice_makes_one_nic(cloud: Cloud, lan: str, dmz: str) -> None:
    vm = await cloud.vm(await cloud.deployed(lan, dmz, lan))
    assert sorted(networks_of(vm)) == sorted([lan, dmz])


@pytest.mark.observed(1, "row 4: a MAC already in the network: 431 4350, while the holder is Destroyed too")
async def test_a_mac_is_taken_until_its_vm_is_expunged(cloud: Cloud, lan: str) -> None:
    nic = {"networkid": lan, "mac": new_mac()}
    holder = await cloud.deployed(nic)
    assert (await cloud.deploy(nics(nic))).code == (431, 4350)
    await cloud.done("destroyVirtualMachine", id=holder)
    assert (await cloud.deploy(nics(nic))).code == (431, 4350)
    await cloud.done("destroyVirtualMachine", id=holder, expunge="true")
    await cloud.deployed(nic)


@pytest.mark.observed(1, "row 5: the same MAC in another network is accepted")
async def test_a_mac_may_be_in_two_networks(cloud: Cloud, lan: str, dmz: str) -> None:
    mac = new_mac()
    await cloud.deployed({"networkid": lan, "mac": mac})
    vm = await cloud.vm(await cloud.deployed({"networkid": dmz, "mac": mac}))
    assert vm["nic"][0]["macaddress"] == mac


@pytest.mark.parametrize("spelling", ("upper", "dashes"))
@pytest.mark.observed(1, "row 6: upper case or dashes are accepted, stored lower case with colons")
async def test_a_mac_is_stored_in_lower_case_with_colons(cloud: Cloud, lan: str, spelling: str) -> None:
    mac = new_mac()
    sent = mac.upper() if spelling == "upper" else mac.replace(":", "-")
    vm = await cloud.vm(await cloud.deployed({"networkid": lan, "mac": sent}))
    assert vm["nic"][0]["macaddress"] == mac


@pytest.mark.parametrize("mac", ("zz:00", "01:00:5e:00:00:01"), ids=("invalid", "multicast"))
@pytest.mark.observed(1, "row 7: MAC invalid or multicast: 431")
async def test_a_mac_that_no_nic_can_have_is_431(cloud: Cloud, lan: str, mac: str) -> None:
    assert (await cloud.deploy(nics({"networkid": lan, "mac": mac}))).status == 431


@pytest.mark.observed(1, "row 11: ip on an L2 network: 200, ip silently dropped")
async def test_an_address_on_an_l2_network_is_dropped(cloud: Cloud, lan: str) -> None:
    vm = await cloud.vm(await cloud.deployed({"networkid": lan, "ip": "10.1.1.77"}))
    assert "ipaddress" not in vm["nic"][0]


@pytest.mark.observed(1, "row 12: networkids with iptonetworklist: 431")
async def test_two_ways_to_name_networks_exclude_each_other(cloud: Cloud, lan: str, dmz: str) -> None:
    assert (await cloud.deploy({**nics(lan), "networkids": dmz})).status == 431


@pytest.mark.observed(1, "row 1: an address that is asked for on a network that hands them out is given")
async def test_a_free_address_is_given(cloud: Cloud, isolated: str) -> None:
    address = await free_address(cloud, isolated)
    vm = await cloud.vm(await cloud.deployed({"networkid": isolated, "ip": address}))
    assert vm["nic"][0]["ipaddress"] == address


@pytest.mark.observed(1, "row 'ip malformed': 431, nothing left behind")
async def test_a_malformed_address_is_431(cloud: Cloud, isolated: str) -> None:
    name = cloud.name()
    reply = await cloud.deploy(nics({"networkid": isolated, "ip": "10.20.0"}), name=name)
    assert reply.status == 431
    assert (await cloud.call("listVirtualMachines", name=name)).body == {}
