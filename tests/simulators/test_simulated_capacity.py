"""Section 19 of cloudstack-observed.md: pools, capacity, settings, limits; KVM and VM snapshots."""

from collections.abc import AsyncIterator

import pytest

from simulators.cloudstack import VmState, sample
from simulators.cloudstack.storage import GIB
from tests.simulators.simulator_cloud import Cloud, running_cloud

ADMIN_ONLY = ("listCapacity", "listConfigurations", "listHypervisorCapabilities", "listStoragePools")


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


@pytest.mark.parametrize("command", ADMIN_ONLY)
async def test_an_ordinary_user_does_not_have_the_command(cloud: Cloud, command: str) -> None:
    assert (await cloud.call(command)).status == 200
    assert (await cloud.call(command, who=sample.PLAIN)).code == (432, 9999)


async def test_capacity_of_the_zone_and_of_a_cluster(cloud: Cloud) -> None:
    pool = cloud.world.pools[0]
    pool.used = 3 * GIB
    cloud.world.add_disk("disk", size=5 * GIB, pool=pool)
    cloud.running_vm("vm")
    rows = {row["name"]: row for row in (await cloud.call("listCapacity")).body["capacity"]}
    assert rows["STORAGE"]["capacityused"] == 3 * GIB
    assert rows["STORAGE_ALLOCATED"]["capacityused"] == 7 * GIB
    assert rows["MEMORY"]["capacityused"] == 512 * 1024**2
    assert isinstance(rows["CPU"]["percentused"], str)
    reply = await cloud.call("listCapacity", type="3", clusterid=pool.cluster_id)
    [row] = reply.body["capacity"]
    assert row["capacitytotal"] == rows["STORAGE_ALLOCATED"]["capacitytotal"] // 2


async def test_a_zone_wide_pool_names_no_cluster_and_nothing_is_moved_from_it(cloud: Cloud) -> None:
    pool = cloud.world.add_pool()
    vm = cloud.world.add_vm("vm", [cloud.world.networks[sample.PROD_LAN_ID]], state=VmState.RUNNING)
    disk = cloud.world.add_disk("disk", pool=pool)
    [shown] = (await cloud.call("listStoragePools", id=pool.id)).body["storagepool"]
    assert shown["scope"] == "ZONE"
    assert not {"clusterid", "clustername", "podid"} & set(shown)
    job = await cloud.run("attachVolume", id=disk.id, virtualmachineid=vm.id)
    assert job["jobresult"]["volume"]["storageid"] == pool.id
    assert "clusterid" not in job["jobresult"]["volume"]


async def test_settings_are_listed_by_name(cloud: Cloud) -> None:
    cloud.world.use_kvm(snapshots_while_running=False)
    [setting] = (await cloud.call("listConfigurations", name="kvm.snapshot.enabled")).body["configuration"]
    assert setting["value"] == "false"
    assert (await cloud.call("listConfigurations", name="made.up")).body == {}
    capability = (await cloud.call("listCapabilities", who=sample.PLAIN)).body["capability"]
    assert capability["kvmsnapshotenabled"] is False


async def test_the_hypervisor_says_how_many_data_disks_a_vm_may_have(cloud: Cloud) -> None:
    async def limit(hypervisor: str) -> list[int]:
        reply = await cloud.call("listHypervisorCapabilities", hypervisor=hypervisor)
        return [row["maxdatavolumeslimit"] for row in reply.body.get("hypervisorCapabilities", [])]

    assert (await limit("Simulator"), await limit("KVM")) == ([6], [])
    cloud.world.use_kvm(data_disks=1)
    assert await limit("kvm") == [1]
    vm = cloud.world.add_vm("vm", [])
    first, second = cloud.world.add_disk("first"), cloud.world.add_disk("second")
    assert (await cloud.run("attachVolume", id=first.id, virtualmachineid=vm.id))["jobstatus"] == 1
    assert (await cloud.run("attachVolume", id=second.id, virtualmachineid=vm.id))["jobresultcode"] == 431


@pytest.mark.parametrize(("resource", "prefix", "needed"), (("cpu", "cpu", 1), ("memory", "memory", 512)))
async def test_cpu_and_memory_are_limited(cloud: Cloud, resource: str, prefix: str, needed: int) -> None:
    cloud.world.admin.limits[resource] = 2 * needed - 1
    await cloud.deployed("fits")
    [account] = (await cloud.call("listAccounts")).body["account"]
    assert (account[f"{prefix}total"], account[f"{prefix}available"]) == (needed, str(needed - 1))
    assert (await cloud.deploy({"name": "too-much"})).code == (535, 9999)


async def test_kvm_reverts_and_snapshots_a_running_vms_disk_only_where_it_is_allowed(cloud: Cloud) -> None:
    cloud.world.use_kvm(snapshots_while_running=False)
    vm_id = cloud.running_vm("vm")
    disk = cloud.world.add_disk("disk", vm=cloud.world.vms[vm_id], content="before")
    assert (await cloud.call("createSnapshot", volumeid=disk.id)).code == (530, 4250)
    assert cloud.world.snapshots == {}
    cloud.world.settings["kvm.snapshot.enabled"] = "true"
    made = await cloud.run("createSnapshot", volumeid=disk.id)
    disk.content = "after"
    revert = {"id": made["jobresult"]["snapshot"]["id"]}
    assert (await cloud.run("revertSnapshot", revert))["jobresultcode"] == 431
    await cloud.run("detachVolume", id=disk.id)
    assert (await cloud.run("revertSnapshot", revert))["jobstatus"] == 1
    assert disk.content == "before"


async def test_a_vm_snapshot_keeps_the_disks_where_they_are(cloud: Cloud) -> None:
    cloud.world.use_kvm()
    vm_id = await cloud.deployed("vm")
    there, elsewhere = (
        cloud.world.add_disk("there", vm=cloud.world.vms[vm_id]),
        cloud.world.add_disk("elsewhere"),
    )
    made = await cloud.run("createSnapshot", volumeid=there.id)
    held = await cloud.run("createVMSnapshot", virtualmachineid=vm_id, name="held")
    assert held["jobstatus"] == 1
    reply = await cloud.call("listVMSnapshot", virtualmachineid=vm_id)
    assert [item["name"] for item in reply.body["vmSnapshot"]] == ["held"]
    for command, params in (
        ("attachVolume", {"id": elsewhere.id, "virtualmachineid": vm_id}),
        ("detachVolume", {"id": there.id}),
        ("revertSnapshot", {"id": made["jobresult"]["snapshot"]["id"]}),
    ):
        assert (await cloud.run(command, params))["jobresultcode"] == 431, command
    assert there.vm is cloud.world.vms[vm_id]
    snapshot_id = reply.body["vmSnapshot"][0]["id"]
    assert (await cloud.run("deleteVMSnapshot", vmsnapshotid=snapshot_id))["jobstatus"] == 1
    assert (await cloud.call("listVMSnapshot", virtualmachineid=vm_id)).body == {}
    assert (await cloud.call("deleteVMSnapshot", vmsnapshotid=snapshot_id)).status == 431
    assert (await cloud.run("detachVolume", id=there.id))["jobstatus"] == 1


async def test_vm_snapshots_are_their_owners_and_go_with_the_vm(cloud: Cloud) -> None:
    vm = cloud.world.add_vm("vm", [], state=VmState.DESTROYED)
    assert (await cloud.call("createVMSnapshot", virtualmachineid=vm.id)).status == 431
    snapshot = cloud.world.add_vm_snapshot("held", vm)
    for command, params in (
        ("listVMSnapshot", {"virtualmachineid": vm.id}),
        ("deleteVMSnapshot", {"vmsnapshotid": snapshot.id}),
    ):
        assert (await cloud.call(command, params, who=sample.PLAIN)).status == 531
    await cloud.run("destroyVirtualMachine", id=vm.id, expunge="true")
    assert cloud.world.vm_snapshots == []
