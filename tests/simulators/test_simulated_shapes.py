"""Replies have exactly the keys of cloudstack-shapes.json, copied into observed_keys.json."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulators.cloudstack import NetworkType, sample
from tests.simulators.simulator_cloud import Cloud, Json, running_cloud

OBSERVED: dict[str, list[str]] = json.loads(Path(__file__).with_name("observed_keys.json").read_bytes())
HIDDEN_FROM_PLAIN = {"vlan", "broadcasturi", "details", "displaynetwork"}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


def keys(thing: Json) -> list[str]:
    return sorted(thing)


@pytest.mark.parametrize(
    ("command", "key", "params"),
    (
        ("listZones", "zone", {}),
        ("listServiceOfferings", "serviceoffering", {"id": sample.SMALL_OFFERING_ID}),
        ("listTemplates", "template", {"templatefilter": "executable", "id": sample.TEMPLATE_ID}),
    ),
)
async def test_catalogue(cloud: Cloud, command: str, key: str, params: dict[str, str]) -> None:
    reply = await cloud.call(command, params)
    assert reply.key == f"{command.lower()}response"
    [thing] = reply.body[key]
    assert keys(thing) == OBSERVED[key]


async def test_network_offerings_and_capabilities(cloud: Cloud) -> None:
    offerings = await cloud.call("listNetworkOfferings", guestiptype="L2", specifyvlan="false")
    first = offerings.body["networkoffering"][0]
    assert first["name"] == "DefaultL2NetworkOffering"
    assert keys(first) == sorted(set(OBSERVED["networkoffering"]) - {"serviceofferingid"})
    capability = (await cloud.call("listCapabilities", who=sample.PLAIN)).body["capability"]
    assert keys(capability) == OBSERVED["capability"]


async def test_a_custom_offering_has_no_size(cloud: Cloud) -> None:  # section 20
    reply = await cloud.call("listServiceOfferings", id=sample.CUSTOM_OFFERING_ID)
    [offering] = reply.body["serviceoffering"]
    assert offering["iscustomized"] is True
    assert keys(offering) == sorted(set(OBSERVED["serviceoffering"]) - {"cpunumber", "cpuspeed", "memory"})


async def test_vm_network_and_volume_of_a_running_vm(cloud: Cloud) -> None:
    network = cloud.world.add_network("shape-l2")
    reply = await cloud.deploy(networks=(network.id,), name="shape-vm", start=True)
    job = await cloud.job(reply)
    vm = await cloud.vm(reply.body["id"])
    assert keys(vm) == OBSERVED["virtualmachine running"]
    assert keys(job["jobresult"]["virtualmachine"]) == sorted([*vm, "jobid", "jobstatus"])
    assert keys(vm["nic"][0]) == OBSERVED["nic of L2"]
    [shown] = (await cloud.call("listNetworks", id=network.id)).body["network"]
    assert keys(shown) == OBSERVED["network implemented"]
    [volume] = (await cloud.call("listVolumes", virtualmachineid=vm["id"])).body["volume"]
    assert keys(volume) == OBSERVED["volume root attached"]


async def test_a_snapshot_a_pool_and_a_disk_offering(cloud: Cloud) -> None:
    vm_id = await cloud.deployed("vm", start=True)
    [root] = (await cloud.call("listVolumes", virtualmachineid=vm_id)).body["volume"]
    job = await cloud.run("createSnapshot", volumeid=root["id"])
    [snapshot] = (await cloud.call("listSnapshots")).body["snapshot"]
    assert keys(snapshot) == OBSERVED["snapshot"]
    assert keys(job["jobresult"]["snapshot"]) == sorted([*OBSERVED["snapshot"], "jobid", "jobstatus"])
    pools = (await cloud.call("listStoragePools")).body["storagepool"]
    assert {tuple(keys(pool)) for pool in pools} == {tuple(OBSERVED["storagepool"])}
    [pool] = [pool for pool in pools if pool["id"] == root["storageid"]]
    assert pool["disksizeallocated"] == root["size"]
    [offering] = (await cloud.call("listDiskOfferings", name="small")).body["diskoffering"]
    assert keys(offering) == OBSERVED["diskoffering"]
    assert offering["disksize"] == 5


async def test_a_created_network(cloud: Cloud) -> None:
    [offering] = (await cloud.call("listNetworkOfferings", name="DefaultL2NetworkOffering")).body[
        "networkoffering"
    ]
    reply = await cloud.call(
        "createNetwork", name="new", zoneid=sample.ZONE_ID, networkofferingid=offering["id"]
    )
    assert keys(reply.body["network"]) == OBSERVED["network created"]


async def test_a_plain_user_does_not_see_where_things_are(cloud: Cloud) -> None:  # sections 16, 18
    network = cloud.world.add_network("own", NetworkType.L2, account=cloud.world.plain)
    reply = await cloud.deploy(networks=(network.id,), start=True, who=sample.PLAIN)
    await cloud.job(reply, who=sample.PLAIN)
    [shown] = (await cloud.call("listNetworks", id=network.id, who=sample.PLAIN)).body["network"]
    assert keys(shown) == sorted(set(OBSERVED["network implemented"]) - HIDDEN_FROM_PLAIN)
    [volume] = (await cloud.call("listVolumes", who=sample.PLAIN)).body["volume"]
    assert not {"storage", "storageid", "clusterid", "path"} & set(volume)
    assert volume["serviceofferingid"] == "1"
    [vm] = (await cloud.call("listVirtualMachines", who=sample.PLAIN)).body["virtualmachine"]
    assert "hostid" not in vm
    assert vm["nic"][0]["broadcasturi"].startswith("vlan://")
