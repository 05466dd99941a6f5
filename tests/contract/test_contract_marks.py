"""Section 15: marks by which we find what we made."""

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, new_id, outcome
from tests.contract.raw_api import Json
from tests.contract.target import KeyPair


def tag(key: str, value: str, place: int = 0) -> dict[str, str]:
    return {f"tags[{place}].key": key, f"tags[{place}].value": value}


async def details_of(cloud: Cloud, vm_id: str, **params: str) -> Json:
    [vm] = (await cloud.call("listVirtualMachines", params, id=vm_id)).items("virtualmachine")
    return dict(vm["details"])


@pytest.mark.observed(
    15, "deploy details[0].failoverid=fo-x: in listVirtualMachines details, with every details="
)
async def test_a_mark_comes_with_the_deploy(cloud: Cloud, lan: str) -> None:
    marks = {"details[0].failoverid": "fo-~* x", "details[0].failover.generation": "7"}
    vm_id = await cloud.deployed(lan, **marks)
    for what in ("all", "nics", "min"):
        shown = await details_of(cloud, vm_id, details=what)
        assert (shown["failoverid"], shown["failover.generation"]) == ("fo-~* x", "7")


@pytest.mark.observed(15, "survives start, stop, destroy")
async def test_a_mark_survives_what_happens_to_its_vm(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.running(lan, **{"details[0].failoverid": "fo-1"})
    for command in ("stopVirtualMachine", "destroyVirtualMachine"):
        await cloud.done(command, id=vm_id)
        assert (await details_of(cloud, vm_id))["failoverid"] == "fo-1"


@pytest.mark.observed(15, "updateVirtualMachine details[0].new=v replaces the whole map: the mark is gone")
async def test_an_update_of_details_wipes_the_mark(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan, **{"details[0].failoverid": "fo-1"})
    renamed = await cloud.call("updateVirtualMachine", id=vm_id, displayname=cloud.name("display"))
    assert renamed.status == 200
    assert (await details_of(cloud, vm_id))["failoverid"] == "fo-1"
    await cloud.call("updateVirtualMachine", {"details[0].new": "v"}, id=vm_id)
    after = await details_of(cloud, vm_id)
    assert ("failoverid" in after, after["new"]) == (False, "v")


@pytest.mark.observed(15, "details of a deploy are shown to plain too")
async def test_an_ordinary_users_mark_works_as_well(cloud: Cloud, plain: KeyPair) -> None:
    network = await cloud.network(who=plain)
    request = cloud.deploy_params(
        {"iptonetworklist[0].networkid": network}, {"details[0].failoverid": "fo-p"}
    )
    submitted = await cloud.call("deployVirtualMachine", request, who=plain)
    assert outcome(await cloud.job(submitted, who=plain)) == SUCCESS
    assert (await cloud.vm(submitted.body["id"], who=plain))["details"]["failoverid"] == "fo-p"


@pytest.mark.observed(15, "details[0].failoverid= is no filter of listVirtualMachines: 431 4350")
async def test_vms_are_not_filtered_by_details(cloud: Cloud) -> None:
    reply = await cloud.call("listVirtualMachines", {"details[0].failoverid": "fo-1"})
    assert reply.code == (431, 4350)


@pytest.mark.observed(
    15, "listResourceDetails resourcetype=UserVm key= value=: exact, case-insensitive, Destroyed too"
)
async def test_a_root_admin_finds_vms_by_their_mark(cloud: Cloud, lan: str) -> None:
    mark = new_id()
    vm_id = await cloud.deployed(lan, **{"details[0].failoverid": mark})
    await cloud.done("destroyVirtualMachine", id=vm_id)
    query = {"resourcetype": "UserVm", "key": "failoverid"}
    for value, expected in ((mark, [vm_id]), (mark.upper(), [vm_id]), (mark[:-1], [])):
        reply = await cloud.call("listResourceDetails", query, value=value)
        assert [item["resourceid"] for item in reply.items("resourcedetail")] == expected


@pytest.mark.observed(15, "listResourceDetails as plain by key and value: 431")
async def test_an_ordinary_user_does_not(cloud: Cloud, plain: KeyPair) -> None:
    query = {"resourcetype": "UserVm", "key": "failoverid", "value": "fo-1"}
    assert (await cloud.call("listResourceDetails", query, who=plain)).status == 431


@pytest.mark.observed(
    15, "createTags: 200 and jobid, job {success:true}; key exists already: job 530; unknown: job 431"
)
async def test_tags_are_put_by_a_job(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    request = {"resourcetype": "UserVm", **tag("failoverid", "fo-1")}
    job = await cloud.run("createTags", request, resourceids=vm_id)
    assert (outcome(job), job["jobresult"]) == (SUCCESS, {"success": True})
    assert outcome(await cloud.run("createTags", request, resourceids=vm_id)) == failed(530)
    assert outcome(await cloud.run("createTags", request, resourceids=new_id())) == failed(431)
    assert (await cloud.vm(vm_id))["tags"][0]["value"] == "fo-1"


@pytest.mark.observed(
    15, "Filter tags[0].key/value: exact, case-insensitive; key without value 431; two pairs are OR"
)
async def test_vms_are_found_by_their_tags(cloud: Cloud, lan: str) -> None:
    vm_id, value = await cloud.deployed(lan), new_id()
    await cloud.done("createTags", resourcetype="UserVm", resourceids=vm_id, **tag("failoverid", value))
    for filters, expected in (
        (tag("failoverid", value), [vm_id]),
        (tag("FAILOVERID", value.upper()), [vm_id]),
        (tag("failoverid", value[:-1]), []),
        ({**tag("failoverid", value), **tag("other", "wrong", 1)}, [vm_id]),
    ):
        reply = await cloud.call("listVirtualMachines", filters)
        assert [vm["id"] for vm in reply.items("virtualmachine")] == expected
    assert (await cloud.call("listVirtualMachines", {"tags[0].key": "failoverid"})).status == 431


@pytest.mark.observed(15, "network: tags[], customid in the create call silently ignored")
async def test_a_network_takes_no_mark_at_its_making(cloud: Cloud) -> None:
    custom_id, name = new_id(), cloud.name("net")
    request = {"name": name, "zoneid": cloud.site.zone, "networkofferingid": cloud.site.l2_offering}
    made = await cloud.call("createNetwork", {**request, **tag("k", "v"), "customid": custom_id})
    assert made.status == 200
    network = made.body["network"]
    assert (network["id"] == custom_id, network["tags"], network["name"]) == (False, [], name)
