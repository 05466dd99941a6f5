"""Sections 10 and 18: networks."""

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, new_id, outcome
from tests.contract.raw_api import Json
from tests.contract.target import KeyPair

ADMINS_ONLY = {"vlan", "broadcasturi", "details", "displaynetwork"}


async def shown(cloud: Cloud, network: str, who: KeyPair | None = None) -> Json:
    [found] = (await cloud.call("listNetworks", id=network, who=who)).items("network")
    return found


@pytest.mark.observed(18, "L2: createNetwork is sync; Allocated, canusefordeploy true, type L2, service []")
async def test_a_new_l2_network_can_be_used_at_once(cloud: Cloud) -> None:
    network = await shown(cloud, await cloud.network())
    assert (network["type"], network["state"], network["service"]) == ("L2", "Allocated", [])
    assert (network["canusefordeploy"], network["zoneid"]) == (True, cloud.site.zone)
    assert network["acltype"] == "Account"


@pytest.mark.observed(18, "physicalnetworkid, type, acltype, account, state, service[]: root admin and plain")
async def test_an_isolated_network_names_its_services(cloud: Cloud, isolated: str) -> None:
    network = await shown(cloud, isolated)
    assert (network["type"], network["canusefordeploy"]) == ("Isolated", True)
    assert {"Dhcp", "UserData"} <= {service["name"] for service in network["service"]}
    assert {"cidr", "gateway", "netmask"} <= set(network)


@pytest.mark.observed(18, "after a deploy startvm=false still Allocated; first start: Implemented with vlan")
async def test_the_first_start_implements_a_network(cloud: Cloud) -> None:
    network = await cloud.network()
    vm_id = await cloud.deployed(network)
    assert (await shown(cloud, network))["state"] == "Allocated"
    await cloud.done("startVirtualMachine", id=vm_id)
    after = await shown(cloud, network)
    assert (after["state"], "vlan" in after) == ("Implemented", True)


@pytest.mark.observed(18, "offerings: networkofferingid is required (431 missing parameter)")
async def test_a_network_needs_an_offering(cloud: Cloud) -> None:
    reply = await cloud.call("createNetwork", name=cloud.name("net"), zoneid=cloud.site.zone)
    assert reply.code == (431, 9999)


@pytest.mark.observed(10, "createNetwork twice with one name: accepted (two networks)")
async def test_networks_may_share_a_name(cloud: Cloud) -> None:
    request = {
        "name": cloud.name("net"),
        "zoneid": cloud.site.zone,
        "networkofferingid": cloud.site.l2_offering,
    }
    for _ in range(2):
        assert (await cloud.call("createNetwork", request)).status == 200
    assert (await cloud.call("listNetworks", name=request["name"])).body["count"] == 2


@pytest.mark.parametrize("state", ("Stopped", "Running", "Destroyed"))
@pytest.mark.observed(10, "deleteNetwork with a VM on it: 200 and jobid, job 530; after expunge: success")
async def test_a_network_with_a_vm_on_it_stays(cloud: Cloud, state: str) -> None:
    network = await cloud.network()
    vm_id = await (cloud.running if state == "Running" else cloud.deployed)(network)
    if state == "Destroyed":
        await cloud.done("destroyVirtualMachine", id=vm_id)
    assert (await cloud.vm(vm_id))["state"] == state
    assert outcome(await cloud.run("deleteNetwork", id=network)) == failed(530)
    await cloud.done("destroyVirtualMachine", id=vm_id, expunge="true")
    assert outcome(await cloud.run("deleteNetwork", id=network)) == SUCCESS


@pytest.mark.observed(10, "deleteNetwork repeated: HTTP 431; listNetworks id= deleted: empty, unknown: 431")
async def test_a_deleted_network_is_told_from_one_that_never_was(cloud: Cloud) -> None:
    network = await cloud.network()
    assert outcome(await cloud.run("deleteNetwork", id=network)) == SUCCESS
    assert (await cloud.call("deleteNetwork", id=network)).status == 431
    gone = await cloud.call("listNetworks", id=network)
    assert (gone.status, gone.body) == (200, {})
    assert (await cloud.call("listNetworks", id=new_id())).code == (431, 9999)


@pytest.mark.observed(18, "vlan, broadcasturi, details, displaynetwork: absent for plain")
async def test_an_ordinary_user_makes_networks_and_sees_no_vlan(cloud: Cloud, plain: KeyPair) -> None:
    network = await cloud.network(who=plain)
    assert not ADMINS_ONLY & set(await shown(cloud, network, who=plain))
    assert {"details", "displaynetwork"} <= set(await shown(cloud, network))


@pytest.mark.observed(15, "listNetworks as root admin without listall returns other accounts' networks too")
async def test_a_root_admin_sees_everybodys_networks(cloud: Cloud, plain: KeyPair) -> None:
    network = await cloud.network(who=plain)
    name = (await shown(cloud, network))["name"]
    assert (await cloud.call("listNetworks", name=name)).body["count"] == 1


@pytest.mark.observed(18, "listNetworks filters seen working: type=L2, canusefordeploy=true, name, id")
async def test_networks_are_filtered(cloud: Cloud, lan: str, isolated: str) -> None:
    reply = await cloud.call("listNetworks", keyword=cloud.ledger.prefix, type="L2", canusefordeploy="true")
    ids = {network["id"] for network in reply.items("network")}
    assert (lan in ids, isolated in ids) == (True, False)
