"""Section 2: a VM's id that the caller chooses."""

import asyncio

import pytest

from tests.contract.cloud import Cloud, new_id, nics
from tests.contract.target import KeyPair

TAKEN = (431, 4350)


@pytest.mark.observed(
    2, "repeat while the VM exists, other or same parameters: 431 4350; after destroy the same"
)
async def test_a_customid_is_taken_while_its_vm_is_not_expunged(cloud: Cloud, lan: str, dmz: str) -> None:
    request = cloud.deploy_params(nics(lan), {"customid": new_id()})
    submitted = await cloud.call("deployVirtualMachine", request)
    assert submitted.body["id"] == request["customid"]
    await cloud.job(submitted)
    assert (await cloud.call("deployVirtualMachine", request)).code == TAKEN
    other = await cloud.deploy(nics(dmz), customid=request["customid"])
    assert other.code == TAKEN
    await cloud.done("destroyVirtualMachine", id=request["customid"])
    assert (await cloud.deploy(nics(dmz), customid=request["customid"])).code == TAKEN


@pytest.mark.observed(2, "after expunge: HTTP 530, cserrorcode 0; nothing created")
async def test_a_customid_of_an_expunged_vm_is_530_for_ever(cloud: Cloud, lan: str, expunged_vm: str) -> None:
    name = cloud.name()
    assert (await cloud.deploy(nics(lan), customid=expunged_vm, name=name)).code == (530, 0)
    assert (await cloud.call("listVirtualMachines", name=name)).body == {}


@pytest.mark.observed(2, "4 parallel with one customid: one 200, three 431, exactly one VM")
async def test_of_parallel_deploys_with_one_customid_one_makes_a_vm(cloud: Cloud, lan: str) -> None:
    vm_id = new_id()
    submits = await asyncio.gather(*(cloud.deploy(nics(lan), customid=vm_id) for _ in range(4)))
    assert sorted(submit.status for submit in submits) == [200, 431, 431, 431]
    [accepted] = [submit for submit in submits if submit.status == 200]
    await cloud.job(accepted)
    assert (await cloud.call("listVirtualMachines", id=vm_id)).body["count"] == 1


@pytest.mark.parametrize("value", ("upper", "not-a-uuid"))
@pytest.mark.observed(2, "upper case / not a uuid: 431")
async def test_a_customid_is_a_lower_case_uuid(cloud: Cloud, lan: str, value: str) -> None:
    custom_id = new_id().upper() if value == "upper" else value
    assert (await cloud.deploy(nics(lan), customid=custom_id)).status == 431


@pytest.mark.observed(2, "lookup id= expunged: 200 with an empty list")
async def test_a_lookup_of_an_expunged_vm_is_empty_and_no_error(cloud: Cloud, expunged_vm: str) -> None:
    reply = await cloud.call("listVirtualMachines", id=expunged_vm)
    assert (reply.status, reply.body) == (200, {})


@pytest.mark.observed(2, "plain user: HTTP 531, 4365")
async def test_an_ordinary_user_may_not_choose_ids(cloud: Cloud, plain: KeyPair) -> None:
    network = await cloud.network(who=plain)
    vm_id = new_id()
    assert (await cloud.deploy(nics(network), customid=vm_id, who=plain)).code == (531, 4365)
    assert (await cloud.call("listVirtualMachines", id=vm_id)).code == (431, 9999)


@pytest.mark.observed(2, "plain user on a foreign network: 531")
async def test_an_ordinary_user_may_not_use_somebody_elses_network(
    cloud: Cloud, plain: KeyPair, lan: str
) -> None:
    assert (await cloud.deploy(nics(lan), who=plain)).status == 531


@pytest.mark.observed(2, "root admin for account=plain: 200, VM belongs to plain")
async def test_a_root_admin_deploys_for_somebody_else(cloud: Cloud, plain: KeyPair) -> None:
    [account] = (await cloud.call("listAccounts", who=plain)).items("account")
    owner = {"account": account["name"], "domainid": account["domainid"]}
    network = await cloud.network(who=plain)
    vm_id = await cloud.deployed(network, customid=new_id(), **owner)
    vm = await cloud.vm(vm_id, who=plain)
    assert {key: vm[key] for key in owner} == owner
    assert (await cloud.call("listVirtualMachines", owner, id=vm_id)).body["count"] == 1
