"""What is left of the simulators: latencies, a bug inside, ports, values that cannot be read."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime

import pytest

from simulators.cloudstack import CloudStackSimulator, Latency, NetworkType, sample
from simulators.cloudstack.world import World
from simulators.listener import PortTakenError
from simulators.vma import VmaSimulator, sample_vcenters
from tests.simulators.simulator_cloud import Cloud, new_uuid, running_cloud


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


async def test_two_clouds_of_one_seed_are_equal_and_of_another_are_not() -> None:
    def ids(world: World) -> list[str]:
        return [world.add_network("n").id, world.admin.id, world.hosts[0].name]

    assert ids(sample.sample_world(seed=7)) == ids(sample.sample_world(seed=7))
    assert ids(sample.sample_world(seed=7)) != ids(sample.sample_world(seed=8))


async def test_jobs_take_the_time_of_their_latency() -> None:  # section 14
    assert Latency.observed().scaled(0.5).start == pytest.approx(1.1)
    async with running_cloud(CloudStackSimulator(latency=Latency(start=0.2, router=0.2))) as cloud:
        for network, least in ((sample.PROD_DMZ_ID, 0.2), (sample.TEST_LAN_ID, 0.4)):
            vm = cloud.world.add_vm("vm", [cloud.world.networks[network]])
            await cloud.run("startVirtualMachine", id=vm.id)
            job = list(cloud.world.jobs.values())[-1]
            assert isinstance(job.completed, datetime)
            assert (job.completed - job.created).total_seconds() >= least


async def test_a_bug_in_the_simulator_shows_as_a_failed_job(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vm_id = await cloud.deployed("vm")
    monkeypatch.setattr(cloud.world, "place", lambda _vm: 1 / 0)
    with caplog.at_level(logging.CRITICAL + 1, logger="simulators.cloudstack.jobs"):
        job = await cloud.run("startVirtualMachine", id=vm_id)
    assert (job["jobstatus"], job["jobresultcode"]) == (2, 530)
    assert "simulator is broken" in job["jobresult"]["errortext"]


async def test_without_a_free_vlan_a_start_is_533_and_the_vm_stays_stopped(cloud: Cloud) -> None:
    cloud.world.zone.vlans = range(100, 100)
    vm_id = await cloud.deployed("vm")
    job = await cloud.run("startVirtualMachine", id=vm_id)
    assert (job["jobstatus"], job["jobresultcode"]) == (2, 533)
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


@pytest.mark.parametrize(
    ("command", "params", "code"),
    (
        ("listAsyncJobs", {"startdate": "yesterday"}, (431, 9999)),
        ("listVirtualMachines", {"page": "one", "pagesize": "5"}, (431, 9999)),
        ("createNetwork", {"vlan": "many"}, (431, 4350)),
        ("createNetwork", {"networkofferingid": "shared"}, (431, 4350)),
        ("updateVirtualMachine", {"id": "vm", "name": "not valid"}, (431, 9999)),
        ("listVirtualMachines", {"domainid": new_uuid(), "account": "admin"}, (431, 9999)),
        ("listVirtualMachines", {"projectid": new_uuid()}, (431, 9999)),
    ),
)
async def test_values_that_cannot_be_used(
    cloud: Cloud, command: str, params: dict[str, str], code: tuple[int, int]
) -> None:
    ids = {
        "shared": cloud.world.default_network_offering(NetworkType.SHARED).id,
        "vm": cloud.running_vm("vm"),
        "vlan": next(item.id for item in cloud.world.network_offerings.values() if item.specify_vlan),
    }
    base = {"name": "n", "zoneid": sample.ZONE_ID, "networkofferingid": ids["vlan"]}
    known = {name: ids.get(value, value) for name, value in params.items()}
    reply = await cloud.call(command, {**(base if command == "createNetwork" else {}), **known})
    assert reply.code == code, reply


async def test_a_rename_shows(cloud: Cloud) -> None:
    vm_id = cloud.running_vm("before")
    reply = await cloud.call("updateVirtualMachine", id=vm_id, name="after")
    assert reply.body["virtualmachine"]["name"] == "after"


async def test_a_plain_user_cannot_expunge_by_the_command_either(cloud: Cloud) -> None:  # section 10
    vm = cloud.world.add_vm("mine", [cloud.world.networks[sample.PROD_LAN_ID]], account=cloud.world.plain)
    await cloud.run("destroyVirtualMachine", id=vm.id, who=sample.PLAIN)
    job = await cloud.run("expungeVirtualMachine", id=vm.id, who=sample.PLAIN)
    assert job["jobresultcode"] == 530
    assert cloud.states() == ["Destroyed"]


async def test_two_expunges_of_one_vm_both_end_well(cloud: Cloud) -> None:
    vm_id = await cloud.deployed("vm")
    submits = [await cloud.call("destroyVirtualMachine", id=vm_id, expunge="true") for _ in range(2)]
    assert [(await cloud.job(submit))["jobstatus"] for submit in submits] == [1, 1]
    assert cloud.states() == []


async def test_a_data_volume_is_kept_by_destroy(cloud: Cloud) -> None:  # section 10
    vm = cloud.world.add_vm("vm", [cloud.world.networks[sample.PROD_LAN_ID]])
    data = cloud.world.add_disk("data", vm=vm)
    await cloud.run("destroyVirtualMachine", id=vm.id, expunge="true")
    listed = await cloud.call("listVolumes")
    assert [(item["name"], "virtualmachineid" in item) for item in listed.body["volume"]] == [("data", False)]
    assert (await cloud.call("listVolumes", id=data.id)).body["count"] == 1
    assert (await cloud.call("listVolumes", id=data.id, who=sample.PLAIN)).status == 531


async def test_a_port_that_is_taken_is_told_by_both() -> None:
    async with running_cloud() as cloud:
        port = int(cloud.sim.endpoint.split(":")[2].partition("/")[0])
        for second in (CloudStackSimulator(), VmaSimulator(sample_vcenters())):
            with pytest.raises(PortTakenError) as caught:
                await second.start(port)
            assert caught.value.port == port


async def test_the_port_is_kept_while_the_server_is_down() -> None:
    async with running_cloud() as cloud:
        port = int(cloud.sim.endpoint.split(":")[2].partition("/")[0])
        restart = asyncio.create_task(cloud.sim.restart(down_seconds=0.2))
        await asyncio.sleep(0.1)
        with closing(socket.socket()) as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        await restart
        assert (await cloud.call("listZones")).status == 200
