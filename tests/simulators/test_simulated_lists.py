"""Sections 2, 11, 15, 18 and 19 of cloudstack-observed.md: lists, tags, details, networks."""

from collections.abc import AsyncIterator

import pytest

from simulators.cloudstack import CloudStackSimulator, Credentials, sample
from tests.simulators.simulator_cloud import Cloud, new_uuid, running_cloud

LAN, DMZ, ISOLATED = sample.PROD_LAN_ID, sample.PROD_DMZ_ID, sample.TEST_LAN_ID


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


def named(cloud: Cloud, *names: str) -> dict[str, str]:
    lan = cloud.world.networks[LAN]
    return {name: cloud.world.add_vm(name, [lan]).id for name in names}


async def names_of(cloud: Cloud, **params: str) -> list[str]:
    reply = await cloud.call("listVirtualMachines", params)
    assert reply.status == 200, reply
    assert reply.body.get("count", 0) == len(reply.body.get("virtualmachine", []))
    return [vm["name"] for vm in reply.body.get("virtualmachine", [])]


@pytest.mark.parametrize(
    ("params", "found"),
    (
        ({"name": "abc"}, ["abc"]),
        ({"name": "ABC"}, ["abc"]),
        ({"name": "ab"}, []),
        ({"name": "abc%"}, []),
        ({"keyword": "ABC"}, ["abc", "abc-2", "xabc"]),
        ({"displayname": "abc"}, ["abc", "abc-2", "xabc", "other"]),
        ({"state": "running"}, []),
        ({"state": "Present", "networkid": LAN}, ["abc", "abc-2", "xabc", "other"]),
        ({"networkid": DMZ}, []),
    ),
)
async def test_name_is_exact_and_keyword_a_part(
    cloud: Cloud, params: dict[str, str], found: list[str]
) -> None:  # sections 6, 11
    named(cloud, "abc", "abc-2", "xabc", "other")
    assert await names_of(cloud, **params) == found


async def test_ids(cloud: Cloud) -> None:  # section 11
    ids = named(cloud, "one", "two", "three")
    assert await names_of(cloud, ids=f"{ids['one']},{ids['three']}") == ["one", "three"]
    unknown = await cloud.call("listVirtualMachines", ids=f"{ids['one']},{new_uuid()}")
    assert unknown.code == (431, 9999)
    both = await cloud.call("listVirtualMachines", id=ids["one"], ids=ids["two"])
    assert both.code == (431, 4350)
    assert both.body["errortext"] == "Specify either id or ids but not both parameters"


async def test_an_expunged_id_is_an_empty_list_and_an_unknown_one_431(cloud: Cloud) -> None:  # section 2
    [vm_id] = named(cloud, "gone").values()
    await cloud.run("destroyVirtualMachine", id=vm_id, expunge="true")
    assert (await cloud.call("listVirtualMachines", id=vm_id)).body == {}
    unknown = await cloud.call("listVirtualMachines", id=new_uuid())
    assert unknown.code == (431, 9999)
    assert unknown.body["errortext"].startswith(
        "Unable to execute API command listvirtualmachines due to invalid value. Invalid parameter id value="
    )


async def test_pages_show_the_total_count(cloud: Cloud) -> None:  # section 11
    named(cloud, *(f"vm{number}" for number in range(7)))
    reply = await cloud.call("listVirtualMachines", page="2", pagesize="5")
    assert (reply.body["count"], len(reply.body["virtualmachine"])) == (7, 2)


async def test_an_administrator_may_allow_smaller_pages() -> None:  # sections 11, 22
    async with running_cloud(CloudStackSimulator(page_size=5)) as cloud:
        named(cloud, *(f"vm{number}" for number in range(7)))
        refused = await cloud.call("listVirtualMachines", page="1", pagesize="6")
        assert refused.code == (431, 4350)
        for params in ({"page": "1", "pagesize": "5"}, {}):
            reply = await cloud.call("listVirtualMachines", params)
            assert (reply.body["count"], len(reply.body["virtualmachine"])) == (7, 5)


async def test_an_admin_without_listall_sees_its_own_vms_only(cloud: Cloud) -> None:  # section 11
    named(cloud, "own")
    theirs = cloud.world.add_vm("theirs", [cloud.world.networks[LAN]], account=cloud.world.plain)
    assert await names_of(cloud) == ["own"]
    assert await names_of(cloud, listall="true") == ["own", "theirs"]
    assert await names_of(cloud, id=theirs.id) == ["theirs"]
    account = {"account": "plain", "domainid": sample.DOMAIN_ID}
    assert await names_of(cloud, **account) == ["theirs"]
    foreign = await cloud.call("listVirtualMachines", account="admin", who=sample.PLAIN)
    assert foreign.status == 531


async def test_details_say_how_much_is_shown(cloud: Cloud) -> None:  # sections 11, 15
    reply = await cloud.deploy({"details[0].mark": "m", "group": "g"})
    vm_id = reply.body["id"]
    for parts, nics, has_group in (
        ("min", 0, False),
        ("nics", 2, False),
        ("all", 2, True),
        ("none", 2, True),
    ):
        shown = await cloud.call("listVirtualMachines", id=vm_id, details=parts)
        [vm] = shown.body["virtualmachine"]
        assert vm["details"]["mark"] == "m"
        assert (len(vm["nic"]), "groupid" in vm) == (nics, has_group)
    for params in ({"details": "mine"}, {"details[0].mark": "m"}):
        bad = await cloud.call("listVirtualMachines", params)
        assert bad.code == (431, 4350)
        assert "contains a non permitted value" in bad.body["errortext"]


async def test_updating_details_replaces_all_of_them(cloud: Cloud) -> None:  # section 15
    reply = await cloud.deploy({"details[0].failoverid": "fo-x"})
    vm_id = reply.body["id"]
    renamed = await cloud.call("updateVirtualMachine", id=vm_id, displayname="shown")
    assert renamed.body["virtualmachine"]["details"]["failoverid"] == "fo-x"
    await cloud.call("updateVirtualMachine", {"details[0].new": "v"}, id=vm_id)
    assert (await cloud.vm(vm_id))["details"] == {"new": "v"}


async def test_the_mark_in_details_survives_start_stop_and_destroy(cloud: Cloud) -> None:  # section 15
    reply = await cloud.deploy({"details[0].failoverid": "fo-x"})
    vm_id = reply.body["id"]
    for command in ("startVirtualMachine", "stopVirtualMachine", "destroyVirtualMachine"):
        await cloud.run(command, id=vm_id)
        assert (await cloud.vm(vm_id))["details"]["failoverid"] == "fo-x"


async def test_resource_details_are_found_over_all_accounts_and_after_expunge(cloud: Cloud) -> None:
    network = cloud.world.networks[LAN]  # section 15
    marked = cloud.world.add_vm(
        "m", [network], account=cloud.world.plain, details={"failoverid": "fo-x", "other": "o"}
    )
    query = {"resourcetype": "UserVm", "key": "FailoverId", "value": "FO-X"}

    async def found() -> list[str]:
        reply = await cloud.call("listResourceDetails", query)
        return [item["resourceid"] for item in reply.body.get("resourcedetail", [])]

    assert await found() == [marked.id]
    by_resource = {"resourcetype": "UserVm", "resourceid": marked.id}
    assert (await cloud.call("listResourceDetails", by_resource)).body["count"] == 2
    await cloud.run("destroyVirtualMachine", id=marked.id, expunge="true")
    assert await found() == [marked.id]
    assert (await cloud.call("listResourceDetails", by_resource)).status == 431
    partial = await cloud.call("listResourceDetails", query | {"value": "fo"})
    assert partial.body == {}


async def test_a_plain_user_finds_resource_details_by_resource_only(cloud: Cloud) -> None:  # section 15
    foreign = cloud.world.add_vm("f", [cloud.world.networks[LAN]], details={"failoverid": "fo-x"})
    query = {"resourcetype": "UserVm", "key": "failoverid", "value": "fo-x"}
    assert (await cloud.call("listResourceDetails", query, who=sample.PLAIN)).status == 431
    shown = await cloud.call(
        "listResourceDetails", resourcetype="UserVm", resourceid=foreign.id, who=sample.PLAIN
    )
    assert shown.body["resourcedetail"][0]["value"] == "fo-x"


def tag_params(**pairs: str) -> dict[str, str]:
    return {
        f"tags[{place}].{part}": text
        for place, pair in enumerate(pairs.items())
        for part, text in zip(("key", "value"), pair, strict=True)
    }


async def test_tags_are_made_in_a_job_and_found_exactly(cloud: Cloud) -> None:  # section 15
    ids = named(cloud, "tagged", "bare")
    params = {"resourcetype": "UserVm", "resourceids": ids["tagged"], **tag_params(failoverid="fo-~*")}
    assert (await cloud.run("createTags", params))["jobresult"] == {"success": True}
    assert await names_of(cloud, **tag_params(failoverid="fo-~*")) == ["tagged"]
    assert await names_of(cloud, **tag_params(FAILOVERID="FO-~*")) == ["tagged"]
    assert await names_of(cloud, **tag_params(failoverid="fo")) == []
    assert await names_of(cloud, **tag_params(failoverid="fo-~*", other="wrong")) == ["tagged"]
    no_value = await cloud.call("listVirtualMachines", {"tags[0].key": "failoverid"})
    assert no_value.code == (431, 4350)
    again = await cloud.run("createTags", params)
    assert again["jobresult"] == {
        "errorcode": 530,
        "errortext": f"tag failoverid already on UserVm with id {ids['tagged']}",
    }
    listed = (await cloud.call("listTags", key="failoverid")).body
    assert (listed["count"], listed["tag"][0]["resourceid"]) == (1, ids["tagged"])
    await cloud.run("destroyVirtualMachine", id=ids["tagged"])
    assert await names_of(cloud, **tag_params(failoverid="fo-~*")) == ["tagged"]
    await cloud.run("expungeVirtualMachine", id=ids["tagged"])
    assert (await cloud.call("listTags")).body == {}


@pytest.mark.parametrize(
    ("kind", "resource", "code"),
    (
        ("VirtualMachine", "", 431),
        ("UserVm", "11111111-1111-4111-8111-111111111111", 431),
        ("UserVm", "", 530),
    ),
)
async def test_bad_tags_fail_inside_the_job(cloud: Cloud, kind: str, resource: str, code: int) -> None:
    [vm_id] = named(cloud, "admins").values()  # section 15: as plain, it is foreign
    params = {"resourcetype": kind, "resourceids": resource or vm_id, **tag_params(k="v")}
    job = await cloud.run("createTags", params, who=sample.PLAIN)
    assert (job["jobstatus"], job["jobresultcode"]) == (2, code)


async def offering_id(cloud: Cloud, name: str) -> str:
    reply = await cloud.call("listNetworkOfferings", name=name)
    [offering] = reply.body["networkoffering"]
    return str(offering["id"])


L2, L2_VLAN = "DefaultL2NetworkOffering", "DefaultL2NetworkOfferingVlan"


@pytest.mark.parametrize(
    ("offering", "params", "plain", "status"),
    (
        (L2, {}, False, 200),
        (L2, {}, True, 200),
        (L2, {"vlan": "700"}, False, 431),
        (L2_VLAN, {}, False, 431),
        (L2_VLAN, {"vlan": "700"}, False, 200),
        (L2_VLAN, {"vlan": "700"}, True, 431),
        (L2_VLAN, {"vlan": "600"}, False, 431),
        (L2_VLAN, {"vlan": "600", "bypassvlanoverlapcheck": "true"}, False, 200),
        (L2_VLAN, {"vlan": "150"}, False, 431),
        (L2_VLAN, {"vlan": "150", "bypassvlanoverlapcheck": "true"}, False, 431),
        (L2_VLAN, {"vlan": "9999"}, False, 200),
        (L2_VLAN, {"vlan": "untagged"}, False, 200),
        (L2, {"name": ""}, False, 431),
        (L2, {"name": "x" * 256}, False, 431),
        (L2, {"networkofferingid": ""}, False, 431),
        (L2, {"zoneid": new_uuid()}, False, 431),
    ),
)
async def test_creating_networks(
    cloud: Cloud, offering: str, params: dict[str, str], *, plain: bool, status: int
) -> None:  # section 18
    cloud.world.add_network("taken").vlan = 600
    request = {
        "name": "new",
        "zoneid": sample.ZONE_ID,
        "networkofferingid": await offering_id(cloud, offering),
    }
    who = sample.PLAIN if plain else sample.ADMIN
    reply = await cloud.call("createNetwork", {**request, **params}, who=who)
    assert reply.status == status, reply
    if status == 200:
        network = cloud.world.networks[reply.body["network"]["id"]]
        assert network.state == ("Setup" if params.get("vlan", "").isdecimal() else "Allocated")
        assert reply.body["network"]["canusefordeploy"] is True


async def test_two_networks_of_one_name_and_the_limit_of_isolated_ones(
    cloud: Cloud,
) -> None:  # sections 10, 19
    request = {"name": "twice", "zoneid": sample.ZONE_ID}
    l2 = await offering_id(cloud, L2)
    cloud.world.admin.limits["network"] = 2
    for _ in range(2):
        assert (await cloud.call("createNetwork", request, networkofferingid=l2)).status == 200
    assert (await cloud.call("listNetworks", name="TWICE")).body["count"] == 2
    isolated = await offering_id(cloud, "DefaultIsolatedNetworkOfferingWithSourceNatService")
    over = await cloud.call("createNetwork", request, networkofferingid=isolated)
    assert over.code == (535, 4370)


async def test_a_hidden_network_shows_only_when_asked_for(cloud: Cloud) -> None:  # section 18
    made = await cloud.call(
        "createNetwork",
        name="hidden",
        zoneid=sample.ZONE_ID,
        networkofferingid=await offering_id(cloud, L2),
        displaynetwork="false",
    )
    network_id = made.body["network"]["id"]
    assert (await cloud.call("listNetworks", id=network_id)).body == {}
    assert (await cloud.call("listNetworks", id=network_id, displaynetwork="false")).body["count"] == 1


@pytest.mark.parametrize("state", ("Stopped", "Running", "Destroyed"))
async def test_a_network_with_a_vm_on_it_cannot_be_deleted(cloud: Cloud, state: str) -> None:  # section 10
    network = cloud.world.add_network("busy")
    vm = cloud.world.add_vm("user", [network])
    if state != "Stopped":
        await cloud.run("startVirtualMachine", id=vm.id)
    if state == "Destroyed":
        await cloud.run("destroyVirtualMachine", id=vm.id)
    assert vm.state == state
    job = await cloud.run("deleteNetwork", id=network.id)
    assert job["jobresult"] == {"errorcode": 530, "errortext": "Failed to delete network"}
    await cloud.run("destroyVirtualMachine", id=vm.id, expunge="true")
    assert (await cloud.run("deleteNetwork", id=network.id))["jobresult"] == {"success": True}
    again = await cloud.call("deleteNetwork", id=network.id)
    assert again.status == 431
    assert again.body["errortext"] == f"Network ID={network.number} doesn't exist"
    assert (await cloud.call("listNetworks", id=network.id)).body == {}
    assert (await cloud.call("deleteNetwork", id=new_uuid())).code == (431, 9999)
    assert (await cloud.call("listNetworks", id=new_uuid())).code == (431, 9999)


@pytest.mark.parametrize(
    ("params", "names"),
    (
        ({"type": "L2"}, {"prod-dmz", "test-dmz", "plains"}),
        ({"name": "Prod-Lan"}, {"prod-lan"}),
        ({"keyword": "dmz"}, {"prod-dmz", "test-dmz"}),
        ({"displaytext": "prod-lan", "type": "Shared"}, {"prod-lan", "default-net"}),
        ({"canusefordeploy": "false"}, set()),
        ({"account": "plain", "type": "L2"}, {"plains"}),
    ),
)
async def test_networks_are_filtered_and_a_root_admin_sees_everybodys(
    cloud: Cloud, params: dict[str, str], names: set[str]
) -> None:  # sections 15, 18
    cloud.world.add_network("plains", account=cloud.world.plain)
    reply = await cloud.call("listNetworks", params)
    assert {network["name"] for network in reply.body.get("network", [])} == names


async def test_a_plain_user_sees_shared_networks_and_its_own(cloud: Cloud) -> None:
    cloud.world.add_network("plains", account=cloud.world.plain)
    reply = await cloud.call("listNetworks", who=sample.PLAIN)
    assert {item["name"] for item in reply.body["network"]} == {"prod-lan", "default-net", "plains"}
    assert (await cloud.call("listNetworks", id=DMZ, who=sample.PLAIN)).status == 531


async def test_a_shared_network_without_addresses_cannot_be_used(cloud: Cloud) -> None:
    network = cloud.world.networks[LAN]
    network.end_ip = network.start_ip
    assert (await cloud.deploy(networks=(LAN,))).status == 200
    [shown] = (await cloud.call("listNetworks", id=LAN)).body["network"]
    assert shown["canusefordeploy"] is False
    assert (await cloud.deploy(networks=(LAN,))).code == (530, 0)


async def test_accounts_show_limits_and_usage(cloud: Cloud) -> None:  # section 19
    cloud.world.plain.limits["user_vm"] = 20
    cloud.world.add_vm("counted", [cloud.world.networks[LAN]], account=cloud.world.plain)
    [plain] = (await cloud.call("listAccounts", listall="true", who=sample.PLAIN)).body["account"]
    assert (plain["vmlimit"], plain["vmtotal"], plain["vmavailable"]) == ("20", 1, "19")
    assert plain["user"][0]["apikey"] == sample.PLAIN.key
    cloud.world.add_account("third", Credentials("third-key", "third-secret"))
    everybody = await cloud.call("listAccounts", listall="true")
    assert [item["name"] for item in everybody.body["account"]] == ["admin", "plain", "third"]
    assert everybody.body["account"][0]["vmlimit"] == "Unlimited"


@pytest.mark.parametrize(
    "command", ("listZones", "listServiceOfferings", "listTemplates", "listNetworkOfferings", "listVolumes")
)
async def test_an_unknown_id_is_431_and_an_unknown_name_an_empty_list(cloud: Cloud, command: str) -> None:
    filters = {"templatefilter": "executable"}
    assert (await cloud.call(command, filters, id=new_uuid())).code == (431, 9999)
    assert (await cloud.call(command, filters, name="no such thing")).body == {}


async def test_templates_need_a_filter(cloud: Cloud) -> None:
    reply = await cloud.call("listTemplates")
    assert reply.code == (431, 9999)
    assert reply.body["errortext"].endswith("due to missing parameter templatefilter")
