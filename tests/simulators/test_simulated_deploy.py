"""Sections 1 to 4, 6, 19 and 20 of cloudstack-observed.md: deployVirtualMachine."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

import pytest

from simulators.cloudstack import Credentials, Fault, FaultKind, NetworkType, VmState, sample
from tests.simulators.simulator_cloud import TWO_NETWORKS, Cloud, ip_to_network, new_uuid, running_cloud

LAN, DMZ, ISOLATED = sample.PROD_LAN_ID, sample.PROD_DMZ_ID, sample.TEST_LAN_ID
MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03")
SMALL_DETAILS = {"details[0].cpuNumber": "2", "details[0].cpuSpeed": "600", "details[0].memory": "512"}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


async def test_nics_come_in_list_order_with_their_macs(cloud: Cloud) -> None:  # section 1
    wanted = tuple(
        {"networkid": network, "mac": mac} for network, mac in zip((DMZ, LAN, ISOLATED), MACS, strict=True)
    )
    reply = await cloud.deploy(name="order", networks=wanted)
    assert set(reply.body) == {"id", "jobid"}
    nics = (await cloud.vm(reply.body["id"]))["nic"]
    assert [nic["networkid"] for nic in nics] == [DMZ, LAN, ISOLATED]
    assert [nic["deviceid"] for nic in nics] == ["0", "1", "2"]
    assert [nic["isdefault"] for nic in nics] == [True, False, False]
    assert [nic["macaddress"] for nic in nics] == list(MACS)
    assert "ipaddress" not in nics[0]
    assert nics[1]["ipaddress"].startswith("10.10.0.")
    assert "broadcasturi" not in nics[0]


async def test_list_order_follows_the_number_of_the_index_and_gaps_are_fine(cloud: Cloud) -> None:
    reply = await cloud.deploy(  # section 1
        {
            "iptonetworklist[10].networkid": ISOLATED,
            "iptonetworklist[9].networkid": LAN,
            "iptonetworklist[2].networkid": DMZ,
        },
        networks=(),
    )
    nics = (await cloud.vm(reply.body["id"]))["nic"]
    assert [nic["networkid"] for nic in nics] == [DMZ, LAN, ISOLATED]


@pytest.mark.parametrize(
    ("params", "order", "default", "mac"),
    (
        ({}, [LAN, DMZ, ISOLATED], LAN, None),
        ({"macaddress": MACS[0]}, [DMZ, ISOLATED, LAN], LAN, MACS[0]),
        ({"macaddress": MACS[0], "ipaddress": "10.10.0.77"}, [DMZ, ISOLATED, LAN], LAN, None),
    ),
)
async def test_networkids_keep_their_order_until_a_mac_is_given(
    cloud: Cloud, params: Mapping[str, str], order: list[str], default: str, mac: str | None
) -> None:  # section 1
    reply = await cloud.deploy(params, networks=(), networkids=f"{LAN},{DMZ},{ISOLATED}")
    nics = (await cloud.vm(reply.body["id"]))["nic"]
    assert [nic["networkid"] for nic in nics] == order
    [first] = [nic for nic in nics if nic["isdefault"]]
    assert first["networkid"] == default
    assert (first["macaddress"] == MACS[0]) is (mac is not None)


async def test_one_network_twice_makes_one_nic_without_a_word(cloud: Cloud) -> None:  # section 1
    reply = await cloud.deploy(networks=(LAN, LAN))
    assert reply.status == 200
    assert len((await cloud.vm(reply.body["id"]))["nic"]) == 1


async def test_macs_are_stored_in_lower_case_with_colons(cloud: Cloud) -> None:  # section 1
    reply = await cloud.deploy(networks=({"networkid": LAN, "mac": "02-00-00-00-AB-CD"},))
    [nic] = (await cloud.vm(reply.body["id"]))["nic"]
    assert nic["macaddress"] == "02:00:00:00:ab:cd"


async def test_a_mac_is_taken_in_its_network_until_the_holder_is_expunged(cloud: Cloud) -> None:
    wanted = ({"networkid": LAN, "mac": MACS[0]},)  # section 1
    holder = await cloud.deploy(networks=wanted)
    refused = await cloud.deploy(networks=wanted)
    assert refused.code == (431, 4350)
    assert refused.body["errortext"] == f"The requested Mac address is already taken! {MACS[0]}"
    elsewhere = await cloud.deploy(networks=({"networkid": DMZ, "mac": MACS[0]},))
    assert elsewhere.status == 200
    await cloud.run("destroyVirtualMachine", id=holder.body["id"])
    assert (await cloud.deploy(networks=wanted)).status == 431
    await cloud.run("expungeVirtualMachine", id=holder.body["id"])
    assert (await cloud.deploy(networks=wanted)).status == 200


@pytest.mark.parametrize(
    ("networks", "params", "code", "text"),
    (
        (({"networkid": LAN, "mac": "zz:00"},), {}, (431, 4350), "Mac address is not valid: zz:00"),
        (({"networkid": LAN, "mac": "01:00:5e:00:00:01"},), {}, (431, 4350), "Mac address is not unicast"),
        (({"networkid": LAN, "ip": "10.20.0"},), {}, (431, 4350), "Invalid specified IPv4 address 10.20.0"),
        ((LAN,), {"networkids": DMZ}, (431, 4350), "ipToNetworkMap can't be specified along with"),
        ((LAN,), {"ipaddress": "10.10.0.9"}, (431, 4350), "ipToNetworkMap can't be specified along with"),
        (("nonsense",), {}, (431, 4350), "Unable to translate and find entity with networkId: nonsense"),
        ((new_uuid(),), {}, (431, 4350), "Unable to translate and find entity with networkId"),
        ((), {"networkids": new_uuid()}, (431, 9999), "Invalid parameter networkids value="),
        ((LAN,), {"zoneid": new_uuid()}, (431, 9999), "Invalid parameter zoneid value="),
        ((LAN,), {"templateid": new_uuid()}, (431, 9999), "Invalid parameter templateid value="),
        ((LAN,), {"serviceofferingid": "x"}, (431, 9999), "Invalid parameter serviceofferingid value=x"),
        ((LAN,), {"hostid": new_uuid()}, (431, 9999), "Invalid parameter hostid value="),
        ((LAN,), {"zoneid": "-"}, (431, 9999), "due to missing parameter zoneid"),
        ((LAN,), {"serviceofferingid": "-"}, (431, 9999), "due to missing parameter serviceofferingid"),
        ((LAN,), {"templateid": "-"}, (530, 4250), "Please provide only one of the following parameters"),
        ((), {}, (431, 4350), "More than 1 default Isolated networks"),
        ((LAN,), {"account": "nobody"}, (431, 4350), "Unable to find account nobody"),
        ((LAN,), {"displayname": "x" * 256}, (431, 4350), "max allowed length 255 for param: displayName"),
        ((LAN,), {"displayname": "a\tb"}, (431, 4350), "illegal ASCII non-printable characters"),
        ((LAN,), {"customid": "D194A6B5-1111-4222-8333-444455556666"}, (431, 4350), "the UUID format"),
        ((LAN,), {"customid": "abc"}, (431, 4350), "UUID: abc doesn't follow the UUID format"),
        ((DMZ, LAN), {"templateid": sample.PASSWORD_TEMPLATE_ID}, (431, 4350), "is password enabled, but"),
        ((DMZ, LAN), {"userdata": "aGk="}, (431, 4350), "no support for UserData service in the default"),
        ((LAN,), {"details[0].memory": "512"}, (431, 4350), "should not be specified for static service"),
        ((LAN,), {"rootdisksize": "1"}, (431, 4350), "override (1 GB) is smaller than template size"),
        ((LAN,), {"rootdisksize": "0"}, (431, 4350), "Root disk size should be a positive number."),
    ),
)
async def test_refusals_that_leave_nothing_behind(
    cloud: Cloud,
    networks: tuple[str | Mapping[str, str], ...],
    params: Mapping[str, str],
    code: tuple[int, int],
    text: str,
) -> None:  # sections 1, 2, 3, 6, 20
    reply = await cloud.deploy(params, networks=networks)
    assert reply.key == "deployvirtualmachineresponse"
    assert reply.code == code
    assert text in reply.body["errortext"]
    assert reply.body["uuidList"] == []
    assert cloud.states() == []


@pytest.mark.parametrize("ip", ("10.10.0.10", "10.99.0.1"))
async def test_an_ip_that_cannot_be_had_is_530_and_leaves_an_error_vm_with_the_customid(
    cloud: Cloud, ip: str
) -> None:  # section 1
    cloud.world.add_vm("holder", [cloud.world.networks[LAN]])
    custom_id = new_uuid()
    wanted = ({"networkid": LAN, "ip": ip},)
    reply = await cloud.deploy(networks=wanted, name="orphan", customid=custom_id)
    assert reply.code == (530, 0)
    assert reply.body["errortext"] == "Insufficient address capacity"
    assert reply.body["uuidList"] == []
    orphan = await cloud.vm(custom_id)
    assert (orphan["state"], orphan["nic"]) == ("Error", [])
    assert (await cloud.call("listVolumes", virtualmachineid=custom_id)).body == {}
    assert (await cloud.deploy(customid=custom_id)).code == (431, 4350)
    assert (await cloud.deploy(networks=(LAN,), name="orphan")).status == 200
    found = await cloud.call("listVirtualMachines", name="orphan")
    assert found.body["count"] == 2


async def test_an_ip_in_an_isolated_network_has_another_text_and_on_l2_it_is_dropped(cloud: Cloud) -> None:
    gateway = await cloud.deploy(networks=({"networkid": ISOLATED, "ip": "10.20.0.1"},))  # section 1
    assert gateway.code == (530, 0)
    assert gateway.body["errortext"].startswith("Unable to acquire Guest IP address for network")
    on_l2 = await cloud.deploy(networks=({"networkid": DMZ, "ip": "10.99.0.1"},))
    assert on_l2.status == 200
    assert "ipaddress" not in (await cloud.vm(on_l2.body["id"]))["nic"][0]


async def test_a_plain_user_sees_a_general_text_for_530(cloud: Cloud) -> None:  # section 1
    reply = await cloud.deploy(networks=({"networkid": LAN, "ip": "10.99.0.1"},), who=sample.PLAIN)
    assert reply.status == 530
    assert reply.body["errortext"].startswith("Internal error executing command")


async def test_extraconfig_is_refused_and_leaves_a_stopped_vm(cloud: Cloud) -> None:  # section 1
    assert (await cloud.deploy(extraconfig="x")).status == 431
    assert cloud.states() == [VmState.STOPPED]


async def test_without_networks_the_only_isolated_network_is_used_or_made(cloud: Cloud) -> None:
    network = cloud.world.add_network("mine", NetworkType.ISOLATED, account=cloud.world.plain)  # section 1
    reply = await cloud.deploy(networks=(), who=sample.PLAIN)
    assert cloud.world.vms[reply.body["id"]].nics[0].network is network
    cloud.world.add_account("third", Credentials("third-key", "third-secret"))
    made = await cloud.deploy(networks=(), who=Credentials("third-key", "third-secret"))
    assert cloud.world.vms[made.body["id"]].nics[0].network.account is cloud.world.accounts["third"]


async def test_a_customid_is_taken_while_the_vm_exists_and_for_ever_after_expunge(cloud: Cloud) -> None:
    custom_id = new_uuid()  # section 2
    first = await cloud.deploy(customid=custom_id, name="mine")
    assert first.body["id"] == custom_id
    taken = f"UUID: {custom_id} already exists so can't create/update with custom id"
    for name in ("mine", "other"):
        repeat = await cloud.deploy(customid=custom_id, name=name)
        assert (repeat.code, repeat.body["errortext"]) == ((431, 4350), taken)
    await cloud.run("destroyVirtualMachine", id=custom_id)
    assert (await cloud.deploy(customid=custom_id)).code == (431, 4350)
    await cloud.run("expungeVirtualMachine", id=custom_id)
    gone = await cloud.deploy(customid=custom_id)
    assert (gone.code, gone.body["errortext"]) == ((530, 0), "Entity already exists ")
    assert cloud.states() == []


async def test_of_four_parallel_deploys_with_one_customid_one_makes_a_vm(cloud: Cloud) -> None:
    custom_id = new_uuid()  # section 2
    replies = await asyncio.gather(*(cloud.deploy(customid=custom_id) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 431, 431, 431]
    assert len(cloud.states()) == 1


async def test_a_plain_user_may_not_choose_an_id_but_a_root_admin_may_for_it(cloud: Cloud) -> None:
    refused = await cloud.deploy(networks=(LAN,), customid=new_uuid(), who=sample.PLAIN)  # section 2
    assert refused.code == (531, 4365)
    network = cloud.world.add_network("plain-l2", account=cloud.world.plain)
    for_plain = {"account": sample.PLAIN_ACCOUNT, "domainid": sample.DOMAIN_ID, "customid": new_uuid()}
    reply = await cloud.deploy(for_plain, networks=(network.id,))
    assert (await cloud.vm(reply.body["id"]))["account"] == sample.PLAIN_ACCOUNT


async def test_a_foreign_network_is_531(cloud: Cloud) -> None:  # section 2
    reply = await cloud.deploy(networks=(DMZ,), who=sample.PLAIN)
    assert reply.status == 531
    assert reply.body["errortext"] == f"Unable to use network with id= {DMZ}, permission denied"


async def test_a_network_of_another_zone_is_refused(cloud: Cloud) -> None:
    elsewhere = cloud.world.add_network("far", zone=cloud.world.add_zone("other"))
    assert (await cloud.deploy(networks=(elsewhere.id,))).status == 431


async def test_a_name_is_taken_on_any_of_its_networks_until_expunge(cloud: Cloud) -> None:  # section 3
    holder = await cloud.deployed("same")
    for networks in ((DMZ,), (ISOLATED, DMZ)):
        refused = await cloud.deploy(name="same", networks=networks)
        assert refused.code == (431, 4350)
        assert refused.body["errortext"] == (
            "The vm with hostName same already exists in the network domain: null; network=prod-dmz"
        )
    assert (await cloud.deploy(name="same", networks=(ISOLATED,))).status == 200
    assert (await cloud.deploy(name="SAME", networks=(DMZ,))).status == 200
    await cloud.run("destroyVirtualMachine", id=holder)
    assert (await cloud.deploy(name="same", networks=(DMZ,))).status == 431
    await cloud.run("expungeVirtualMachine", id=holder)
    assert (await cloud.deploy(name="same", networks=(DMZ,))).status == 200


async def test_a_name_on_a_shared_network_collides_with_another_accounts(cloud: Cloud) -> None:  # section 3
    cloud.world.add_vm("theirs", [cloud.world.networks[LAN]], account=cloud.world.plain)
    assert (await cloud.deploy(name="theirs", networks=(LAN,))).code == (431, 4350)


async def test_four_parallel_deploys_of_one_name_make_two_vms(cloud: Cloud) -> None:  # section 3
    replies = await asyncio.gather(*(cloud.deploy(name="twin") for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 200, 431, 431]
    assert [vm.name for vm in cloud.world.vms_existing()] == ["twin", "twin"]


@pytest.mark.parametrize(
    ("name", "status"),
    (
        ("x" * 63, 200), ("Upper-CASE", 200), ("i-2-3-VM", 200), ("x", 200),
        ("x" * 64, 431), ("a.b", 431), ("a_b", 431), ("a b", 431), ("ä", 431), ("", 431), ("1a", 431),
        ("-a", 431), ("a-", 431), ("a\n", 431),
    ),
)  # fmt: skip
async def test_names_are_labels_of_at_most_63_characters(cloud: Cloud, name: str, status: int) -> None:
    reply = await cloud.deploy(name=name)  # section 3
    assert reply.status == status, reply.body
    if status == 431:
        assert reply.body["cserrorcode"] == 9999
        assert "Invalid value provided for API arg: name" in reply.body["errortext"]


async def test_without_a_name_the_vm_is_called_by_its_id(cloud: Cloud) -> None:  # section 3
    reply = await cloud.deploy()
    vm = await cloud.vm(reply.body["id"])
    assert re.fullmatch(r"VM-[0-9a-f-]{36}", vm["name"])
    shown = await cloud.deploy(displayname="\U0001f600" + "x" * 254, networks=(LAN,))
    assert (await cloud.vm(shown.body["id"]))["displayname"].startswith("\U0001f600")


@pytest.mark.parametrize(("seconds", "code"), ((10, (431, 4350)), (0, (530, 9999))))
async def test_a_customjobid_sent_again_leaves_an_orphan_vm(
    cloud: Cloud, seconds: int, code: tuple[int, int]
) -> None:  # section 4
    if seconds:
        cloud.sim.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=seconds))
    job_id = new_uuid()
    first = await cloud.deploy(name="first", customjobid=job_id)
    assert first.body["jobid"] == job_id
    if not seconds:
        await cloud.job(first)
    again = await cloud.deploy(name="second", customjobid=job_id)
    assert again.code == code
    assert [(vm.name, vm.state) for vm in cloud.world.vms_existing()] == [
        ("first", VmState.STOPPED),
        ("second", VmState.STOPPED),
    ]
    same_name = await cloud.deploy(name="first", customjobid=job_id)
    assert same_name.code == (431, 4350)
    assert len(cloud.states()) == 2


async def test_a_customjobid_works_for_a_plain_user_and_has_to_be_a_uuid(cloud: Cloud) -> None:
    job_id = new_uuid()  # section 4
    reply = await cloud.deploy(networks=(LAN,), customjobid=job_id, who=sample.PLAIN)
    assert reply.body["jobid"] == job_id
    vm_id = reply.body["id"]
    await cloud.job(reply)
    bad = await cloud.call("startVirtualMachine", id=vm_id, customjobid="abc")
    assert bad.code == (431, 4350)
    assert bad.body["errortext"] == "UUID: abc doesn't follow the UUID format"
    resent = await cloud.call("startVirtualMachine", id=vm_id, customjobid=job_id)
    assert (resent.code, resent.body["errortext"]) == ((530, 9999), "Entity already exists ")
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


async def test_the_limit_of_vms_is_535_and_leaves_nothing(cloud: Cloud) -> None:  # section 19
    cloud.world.admin.limits["user_vm"] = 1
    assert (await cloud.deploy(name="one")).status == 200
    over = await cloud.deploy(name="two")
    assert over.code == (535, 9999)
    assert "Type = 'user_vm'" in over.body["errortext"]
    [vm] = cloud.world.vms_existing()
    await cloud.run("destroyVirtualMachine", id=vm.id)
    assert (await cloud.deploy(name="two")).status == 200


@pytest.mark.parametrize(
    ("offering", "details", "text"),
    (
        (sample.CUSTOM_OFFERING_ID, {}, "Need to specify custom parameter values cpu, cpu speed and memory"),
        (sample.CUSTOM_OFFERING_ID, SMALL_DETAILS, ""),
        (
            sample.CUSTOM_OFFERING_ID,
            {"details[0].cpunumber": "2", "details[1].cpuSpeed": "600", "details[2].memory": "512"},
            "Invalid cpu cores value, specify a value between 1 and 2147483647",
        ),
        (sample.CUSTOM_OFFERING_ID, SMALL_DETAILS | {"details[0].memory": "much"}, "Invalid memory value"),
        (sample.CONSTRAINED_OFFERING_ID, {"details[0].cpuNumber": "2", "details[1].memory": "512"}, ""),
        (sample.CONSTRAINED_OFFERING_ID, SMALL_DETAILS, "is not customizable. This is predefined"),
        (
            sample.CONSTRAINED_OFFERING_ID,
            {"details[0].cpuNumber": "5", "details[0].memory": "512"},
            "Invalid cpu cores value, specify a value between 1 and 4",
        ),
    ),
)
async def test_custom_offerings_take_their_size_from_details(
    cloud: Cloud, offering: str, details: Mapping[str, str], text: str
) -> None:  # section 20
    reply = await cloud.deploy(details, serviceofferingid=offering)
    if text:
        assert reply.code == (431, 4350)
        assert text in reply.body["errortext"]
        return
    vm = await cloud.vm(reply.body["id"])
    assert (vm["cpunumber"], vm["memory"]) == (2, 512)
    assert vm["details"]["cpuNumber"] == "2"


@pytest.mark.parametrize("where", ("rootdisksize", "details[0].rootdisksize"))
async def test_the_root_disk_may_be_larger_than_the_template(cloud: Cloud, where: str) -> None:
    reply = await cloud.deploy({where: "5"})  # section 20
    assert (await cloud.vm(reply.body["id"]))["details"]["rootdisksize"] == "5"
    volumes = await cloud.call("listVolumes", virtualmachineid=reply.body["id"])
    assert volumes.body["volume"][0]["size"] == 5 * 1024**3


async def test_details_and_group_are_there_with_the_vm(cloud: Cloud) -> None:  # section 15
    reply = await cloud.deploy({"details[0].failoverid": "fo-x", "group": "failover"}, networks=(LAN,))
    vm = await cloud.vm(reply.body["id"])
    assert vm["details"] == {"deployvm": "true", "failoverid": "fo-x"}
    second = await cloud.deploy(group="failover", networks=(DMZ,))
    assert (await cloud.vm(second.body["id"]))["groupid"] == vm["groupid"]
    found = await cloud.call("listVirtualMachines", groupid=vm["groupid"])
    assert found.body["count"] == 2


async def test_a_password_is_in_the_result_of_the_first_start_only(cloud: Cloud) -> None:  # section 20
    vm_id = await cloud.deployed("guarded", templateid=sample.PASSWORD_TEMPLATE_ID)
    first = await cloud.run("startVirtualMachine", id=vm_id)
    password = first["jobresult"]["virtualmachine"]["password"]
    assert len(password) > 8
    assert "password" not in await cloud.vm(vm_id)
    await cloud.run("stopVirtualMachine", id=vm_id)
    second = await cloud.run("startVirtualMachine", id=vm_id)
    assert "password" not in second["jobresult"]["virtualmachine"]
    deployed = await cloud.deploy(templateid=sample.PASSWORD_TEMPLATE_ID, networks=(LAN, DMZ), start=True)
    assert "password" in (await cloud.job(deployed))["jobresult"]["virtualmachine"]


async def test_fifty_parallel_deploys_get_addresses_of_their_own(cloud: Cloud) -> None:  # section 22
    ids = [new_uuid() for _ in range(50)]
    replies = await asyncio.gather(
        *(
            cloud.deploy(name=f"vm{place}", customid=custom_id, networks=TWO_NETWORKS)
            for place, custom_id in enumerate(ids)
        )
    )
    assert [reply.body["id"] for reply in replies] == ids
    await asyncio.gather(*(cloud.job(reply) for reply in replies))
    nics = [nic for vm in cloud.world.vms_existing() for nic in vm.nics]
    assert len({nic.mac for nic in nics}) == 100
    assert len({nic.ip for nic in nics if nic.network.type is NetworkType.SHARED}) == 50


async def test_a_project_owns_what_is_deployed_for_it(cloud: Cloud) -> None:
    project = cloud.world.add_project("dr", members=(sample.PLAIN_ACCOUNT,))
    network = cloud.world.add_network("dr-net", account=project)
    params = {"projectid": project.project, **ip_to_network(network.id)}
    reply = await cloud.deploy(params, networks=(), who=sample.PLAIN)
    assert reply.status == 200
    hidden = await cloud.call("listVirtualMachines", listall="true", who=sample.PLAIN)
    assert hidden.body == {}
    shown = await cloud.call("listVirtualMachines", projectid=project.project, who=sample.PLAIN)
    [vm] = shown.body["virtualmachine"]
    assert (vm["project"], vm["projectid"]) == ("dr", project.project)
    assert "account" not in vm


@pytest.mark.parametrize(
    ("params", "root", "member", "stranger"),
    (
        ({}, ["own"], ["plain"], ["third"]),
        ({"listall": "true"}, ["own", "plain", "third"], ["plain"], ["third"]),
        ({"projectid": "-1"}, ["dr"], ["dr"], ["third"]),
        ({"projectid": "-1", "listall": "true"}, ["dr", "own", "plain", "third"], ["dr", "plain"], ["third"]),
    ),
)
async def test_what_a_project_has_is_listed_with_its_id_or_with_minus_one_only(
    cloud: Cloud, params: dict[str, str], root: list[str], member: list[str], stranger: list[str]
) -> None:
    world = cloud.world
    third = Credentials("a-third-key", "a-third-secret")
    project = world.add_project("dr", members=(sample.PLAIN_ACCOUNT,))
    owners = {
        "own": world.admin,
        "plain": world.plain,
        "third": world.add_account("third", third),
        "dr": project,
    }
    for name, account in owners.items():
        world.add_vm(name, [world.networks[sample.PROD_LAN_ID]], account=account)
    for who, names in ((sample.ADMIN, root), (sample.PLAIN, member), (third, stranger)):
        shown = await cloud.call("listVirtualMachines", params, who=who)
        assert sorted(vm["name"] for vm in shown.body.get("virtualmachine", [])) == names
    refused = await cloud.call("listVirtualMachines", projectid=project.project, who=third)
    assert refused.status == 531


async def test_a_disabled_zone_is_shown_as_such_and_for_a_root_admin_only(cloud: Cloud) -> None:
    cloud.world.zone.enabled = False
    [zone] = (await cloud.call("listZones")).body["zone"]
    assert zone["allocationstate"] == "Disabled"
    refused = await cloud.deploy(networks=(sample.PROD_LAN_ID,), who=sample.PLAIN)
    assert refused.code == (531, 4365)
    assert (await cloud.deploy()).status == 200
