"""Sections 2, 6, 11 and 21: how answers look, and which code stands for what."""

import pytest

from tests.contract.cloud import Cloud, new_id, nics
from tests.contract.raw_api import Reply
from tests.contract.target import KeyPair


def require_error(reply: Reply, status: int, cs_code: int) -> None:
    assert reply.code == (status, cs_code), reply.body
    assert set(reply.body) == {"uuidList", "errorcode", "cserrorcode", "errortext"}
    assert (reply.body["errorcode"], reply.content_type) == (status, "application/json")


@pytest.mark.parametrize(
    "command", ("listVirtualMachines", "listNetworks", "listVolumes", "listSnapshots", "listServiceOfferings")
)
@pytest.mark.observed(2, "lookup id= never existed: 431 9999; shapes: error (unknown id)")
async def test_an_id_that_never_existed_is_431(cloud: Cloud, command: str) -> None:
    reply = await cloud.call(command, id=new_id())
    require_error(reply, 431, 9999)
    assert reply.key == f"{command.lower()}response"


@pytest.mark.parametrize("field", ("zoneid", "templateid", "serviceofferingid"))
@pytest.mark.observed(6, "zoneid, templateid, serviceofferingid unknown: 431 9999")
async def test_a_deploy_from_something_unknown_is_431(cloud: Cloud, lan: str, field: str) -> None:
    request = cloud.deploy_params(nics(lan), {field: new_id()})
    require_error(await cloud.call("deployVirtualMachine", request), 431, 9999)


@pytest.mark.parametrize("network", ("", "not-a-uuid"), ids=("unknown", "not a uuid"))
@pytest.mark.observed(6, "iptonetworklist networkid unknown or not a uuid: 431 4350")
async def test_a_deploy_to_an_unknown_network_is_431(cloud: Cloud, network: str) -> None:
    require_error(await cloud.deploy(nics(network or new_id())), 431, 4350)


@pytest.mark.parametrize("field", ("zoneid", "serviceofferingid"))
@pytest.mark.observed(6, "parameter missing: 431 9999")
async def test_a_missing_parameter_is_431(cloud: Cloud, lan: str, field: str) -> None:
    request = cloud.deploy_params(nics(lan), {field: None})
    require_error(await cloud.call("deployVirtualMachine", request), 431, 9999)


@pytest.mark.observed(6, "templateid missing: 530 4250")
async def test_a_missing_template_is_530(cloud: Cloud, lan: str) -> None:
    require_error(await cloud.deploy(nics(lan), templateid=None), 530, 4250)


@pytest.mark.observed(6, "unknown command, as admin: 401, same text as a bad signature")
async def test_an_unknown_command_is_401_for_an_admin(cloud: Cloud) -> None:
    reply = await cloud.call("commandThatNobodyHas")
    assert reply.code == (401, None)


@pytest.mark.parametrize("command", ("listHosts", "listStoragePools"))
@pytest.mark.observed(6, "admin command as a plain user: 432; section 19, first line")
async def test_an_admins_command_is_432_for_others(cloud: Cloud, plain: KeyPair, command: str) -> None:
    assert (await cloud.call(command, who=plain)).status == 432


@pytest.mark.observed(6, "foreign VM: 531")
async def test_somebody_elses_vm_is_531(cloud: Cloud, plain: KeyPair, stopped_vm: str) -> None:
    for command in ("startVirtualMachine", "destroyVirtualMachine"):
        assert (await cloud.call(command, id=stopped_vm, who=plain)).status == 531


@pytest.mark.observed(6, "unknown parameter: silently ignored")
async def test_an_unknown_parameter_is_ignored(cloud: Cloud, stopped_vm: str) -> None:
    reply = await cloud.call("listVirtualMachines", id=stopped_vm, displayname="nobody's", nonsense="1")
    assert [vm["id"] for vm in reply.items("virtualmachine")] == [stopped_vm]


@pytest.mark.parametrize(
    "command", ("listVirtualMachines", "listNetworks", "listVolumes", "listSnapshots", "listZones")
)
@pytest.mark.observed(11, "Empty: {}")
async def test_an_empty_list_is_an_empty_object(cloud: Cloud, command: str) -> None:
    reply = await cloud.call(command, name=cloud.name("nobody"))
    assert (reply.status, reply.body) == (200, {})


@pytest.mark.parametrize("params", ({"pagesize": "5"}, {"page": "1", "pagesize": "100000"}), ids=str)
@pytest.mark.observed(11, "pagesize without page: 431; a page size above the allowed one: 431")
async def test_a_page_that_cannot_be_given_is_431(cloud: Cloud, params: dict[str, str]) -> None:
    assert (await cloud.call("listVirtualMachines", params)).status == 431


@pytest.mark.observed(11, "count = total, not page size")
async def test_count_is_the_total_of_all_pages(cloud: Cloud, stopped_vm: str, running_vm: str) -> None:
    request = {"ids": f"{stopped_vm},{running_vm}", "pagesize": "1"}
    pages = [await cloud.call("listVirtualMachines", request, page=str(page)) for page in (1, 2)]
    assert [page.body["count"] for page in pages] == [2, 2]
    seen = [vm["id"] for page in pages for vm in page.items("virtualmachine")]
    assert sorted(seen) == sorted([stopped_vm, running_vm])


@pytest.mark.observed(11, "one unknown id makes the whole call 431; id+ids: 431")
async def test_ids_are_all_known_or_the_call_is_431(cloud: Cloud, stopped_vm: str) -> None:
    reply = await cloud.call("listVirtualMachines", ids=f"{stopped_vm},{new_id()}")
    assert reply.code == (431, 9999)
    both = await cloud.call("listVirtualMachines", id=stopped_vm, ids=stopped_vm)
    assert both.status == 431
