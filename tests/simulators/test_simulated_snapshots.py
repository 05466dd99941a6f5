"""Sections 13, 15, 16 and 19 of cloudstack-observed.md: snapshots, reverts, and volumes made from them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from simulators.cloudstack import Fault, FaultKind, VmState, sample
from simulators.cloudstack.entities import Vm
from simulators.cloudstack.storage import Snapshot, SnapshotState, Volume, VolumeState
from tests.simulators.simulator_cloud import Cloud, Json, Reply, new_uuid, running_cloud

LAN = sample.PROD_LAN_ID
TAG = {"tags[0].key": "failoverid", "tags[0].value": "fo-1"}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


def running_vm(cloud: Cloud, name: str = "vm") -> tuple[Vm, Volume]:
    vm = cloud.world.add_vm(name, [cloud.world.networks[LAN]], state=VmState.RUNNING)
    root = cloud.world.root_of(vm)
    assert root is not None
    return vm, root


def outcome(job: Json) -> tuple[int, int]:
    return job["jobstatus"], job["jobresultcode"]


async def snapshot_of(cloud: Cloud, volume: Volume, **params: str) -> Snapshot:
    job = await cloud.run("createSnapshot", params, volumeid=volume.id)
    assert outcome(job) == (1, 0), job
    return cloud.world.snapshots[job["jobresult"]["snapshot"]["id"]]


async def clone_of(cloud: Cloud, snapshot: Snapshot, **params: str) -> Json:
    job = await cloud.run("createVolume", params, snapshotid=snapshot.id)
    assert outcome(job) == (1, 0), job
    return dict(job["jobresult"]["volume"])


def slow(cloud: Cloud, command: str, seconds: float = 30) -> None:
    cloud.sim.faults.add(Fault(command, FaultKind.JOB_SLOW, seconds=seconds))


async def snapshotting(cloud: Cloud, volume: Volume) -> Reply:
    """Submit a snapshot that takes long, and return once it is under way."""
    slow(cloud, "createSnapshot")
    submitted = await cloud.call("createSnapshot", volumeid=volume.id)
    await cloud.until(lambda: volume.state is VolumeState.SNAPSHOTTING)
    return submitted


async def test_snapshots_of_a_running_root_and_of_a_detached_volume(cloud: Cloud) -> None:  # sections 13, 16
    vm, root = running_vm(cloud)
    for volume in (root, cloud.world.add_disk("detached")):
        submitted = await cloud.call("createSnapshot", volumeid=volume.id, customid=new_uuid(), name="")
        assert set(submitted.body) == {"id", "jobid"}
        assert outcome(await cloud.job(submitted)) == (1, 0)
        [shown] = (await cloud.call("listSnapshots", id=submitted.body["id"])).body["snapshot"]
        assert (shown["state"], shown["volumeid"], shown["volumestate"]) == ("BackedUp", volume.id, "Ready")
        assert volume.name in shown["name"]
    assert vm.state is VmState.RUNNING


async def test_a_volume_without_storage_has_no_snapshot(cloud: Cloud) -> None:  # section 13
    vm = cloud.world.add_vm("never started", [cloud.world.networks[LAN]])
    root = cloud.world.root_of(vm)
    assert root is not None
    refusal = await cloud.call("createSnapshot", volumeid=root.id)
    assert refusal.code == (431, 4350)
    assert refusal.body["errortext"].endswith("is not in Ready state but Allocated. Cannot take snapshot.")
    assert (await cloud.call("createSnapshot", volumeid=new_uuid())).code == (431, 9999)
    assert not cloud.world.snapshots


async def test_while_a_snapshot_is_made(cloud: Cloud) -> None:  # section 16
    volume, vm = cloud.world.add_disk("busy"), running_vm(cloud)[0]
    submitted = await snapshotting(cloud, volume)
    [shown] = (await cloud.call("listSnapshots")).body["snapshot"]
    assert (shown["state"], shown["jobid"]) == ("Creating", submitted.body["jobid"])
    second = await cloud.call("createSnapshot", volumeid=volume.id)
    assert second.code == (431, 4350)
    attached = await cloud.run("attachVolume", id=volume.id, virtualmachineid=vm.id)
    assert outcome(attached) == (2, 431)
    assert (await cloud.call("deleteVolume", id=volume.id)).code == (431, 4350)


async def test_snapshots_of_one_vm_are_made_one_after_the_other(cloud: Cloud) -> None:  # section 16
    vm, root = running_vm(cloud)
    data = cloud.world.add_disk("data", vm=vm)
    _, other = running_vm(cloud, "other")
    await snapshotting(cloud, root)
    queued = await cloud.call("createSnapshot", volumeid=data.id)
    stopping = await cloud.call("stopVirtualMachine", id=vm.id)
    assert outcome(await cloud.run("createSnapshot", volumeid=other.id)) == (1, 0)
    states = {item.volume: item.state for item in cloud.world.snapshots.values()}
    assert states == {
        root: SnapshotState.CREATING,
        data: SnapshotState.ALLOCATED,
        other: SnapshotState.BACKED_UP,
    }
    assert vm.state is VmState.RUNNING
    for job in (queued, stopping):
        pending = await cloud.call("queryAsyncJobResult", jobid=job.body["jobid"])
        assert pending.body["jobstatus"] == 0


async def test_a_failed_snapshot_stays_in_error_until_it_is_deleted(cloud: Cloud) -> None:  # section 16
    _, root = running_vm(cloud)
    cloud.sim.faults.add(Fault("createSnapshot", FaultKind.JOB_FAILS))
    submitted = await cloud.call("createSnapshot", volumeid=root.id, name="kept")
    assert outcome(await cloud.job(submitted)) == (2, 530)
    [shown] = (await cloud.call("listSnapshots", name="KEPT")).body["snapshot"]
    assert (shown["state"], root.state) == ("Error", "Ready")
    assert (await cloud.call("createVolume", snapshotid=shown["id"])).code == (431, 4350)
    assert outcome(await cloud.run("deleteSnapshot", id=shown["id"])) == (1, 0)
    assert (await cloud.call("listSnapshots")).body == {}


async def test_a_snapshot_is_deleted_once(cloud: Cloud) -> None:  # section 13
    snapshot = await snapshot_of(cloud, running_vm(cloud)[1])
    assert (await cloud.run("deleteSnapshot", id=snapshot.id))["jobresult"] == {"success": True}
    again = await cloud.run("deleteSnapshot", id=snapshot.id)
    assert outcome(again) == (2, 431)
    assert again["jobresult"]["errortext"].endswith("is already destroyed")
    assert (await cloud.call("listSnapshots", id=snapshot.id)).body == {}
    assert (await cloud.call("createVolume", snapshotid=snapshot.id)).status == 431
    assert (await cloud.call("revertSnapshot", id=snapshot.id)).status == 431
    for command in ("deleteSnapshot", "listSnapshots"):
        assert (await cloud.call(command, id=new_uuid())).code == (431, 9999)


async def test_a_snapshot_deleted_while_it_is_made_fails_and_is_gone(cloud: Cloud) -> None:  # section 16
    _, root = running_vm(cloud)
    slow(cloud, "createSnapshot", 0.3)
    submitted = await cloud.call("createSnapshot", volumeid=root.id)
    assert outcome(await cloud.run("deleteSnapshot", id=submitted.body["id"])) == (1, 0)
    assert outcome(await cloud.job(submitted)) == (2, 530)
    assert (await cloud.call("listSnapshots")).body == {}
    assert root.state is VolumeState.READY


async def test_snapshots_can_be_tagged_at_their_making(cloud: Cloud) -> None:  # section 15
    _, root = running_vm(cloud)
    snapshot = await snapshot_of(cloud, root, **TAG)
    await snapshot_of(cloud, root)
    [found] = (await cloud.call("listSnapshots", TAG)).body["snapshot"]
    assert (found["id"], found["tags"][0]["value"]) == (snapshot.id, "fo-1")
    await cloud.run("deleteSnapshot", id=snapshot.id)
    assert (await cloud.call("listSnapshots", TAG)).body == {}
    [left] = (await cloud.call("listTags", key="failoverid")).body["tag"]
    assert (left["resourceid"], left["resourcetype"]) == (snapshot.id, "Snapshot")


async def test_a_broken_tag_fails_the_job_of_a_snapshot_that_is_there(cloud: Cloud) -> None:  # section 15
    _, root = running_vm(cloud)
    job = await cloud.run("createSnapshot", {"tags[0].key": "failoverid"}, volumeid=root.id)
    assert outcome(job) == (2, 530)
    [shown] = (await cloud.call("listSnapshots")).body["snapshot"]
    assert shown["state"] == "BackedUp"


async def test_a_resent_customjobid_leaves_an_orphan_snapshot(cloud: Cloud) -> None:  # section 15
    _, root = running_vm(cloud)
    job_id = new_uuid()
    await snapshot_of(cloud, root, customjobid=job_id)
    again = await cloud.call("createSnapshot", volumeid=root.id, name="orphan", customjobid=job_id)
    assert again.code == (530, 9999)
    [orphan] = (await cloud.call("listSnapshots", name="orphan")).body["snapshot"]
    assert orphan["state"] == "Allocated"


async def test_a_volume_from_a_snapshot_is_ready_and_detached_on_any_pool(cloud: Cloud) -> None:
    _, root = running_vm(cloud)  # section 16
    root.content = "as of the sync"
    snapshot = await snapshot_of(cloud, root)
    asked = cloud.world.pools[1].id
    clones = [await clone_of(cloud, snapshot, name=f"c{number}", storageid=asked) for number in range(12)]
    assert len({clone["clusterid"] for clone in clones}) == 2
    clone = clones[0]
    assert (clone["state"], clone["type"], clone["size"]) == ("Ready", "DATADISK", root.size)
    assert (clone["snapshotid"], clone["templateid"]) == (snapshot.id, sample.TEMPLATE_ID)
    [shown] = (await cloud.call("listVolumes", id=clone["id"])).body["volume"]
    assert not {"snapshotid", "virtualmachineid"} & set(shown)
    assert cloud.world.volumes[clone["id"]].content == "as of the sync"


async def test_the_size_of_a_clone_follows_the_offering_and_not_size(cloud: Cloud) -> None:  # section 16
    snapshot = await snapshot_of(cloud, running_vm(cloud)[1])
    assert (await clone_of(cloud, snapshot, size="9"))["size"] == snapshot.size
    larger = await clone_of(cloud, snapshot, diskofferingid=sample.SMALL_DISK_OFFERING_ID)
    assert larger["size"] == 5 * 1024**3


async def test_a_clone_may_be_made_at_a_vm(cloud: Cloud) -> None:  # section 16
    vm, root = running_vm(cloud)
    assert root.pool is not None
    snapshot = await snapshot_of(cloud, root)
    for device_id in (1, 2, 4):
        clone = await clone_of(cloud, snapshot, virtualmachineid=vm.id, customid=new_uuid())
        assert (clone["deviceid"], clone["virtualmachineid"]) == (device_id, vm.id)
        assert clone["clusterid"] == root.pool.cluster_id


async def test_clones_and_snapshots_outlive_what_they_were_made_from(cloud: Cloud) -> None:  # section 16
    volume = cloud.world.add_disk("source", content="old")
    snapshot = await snapshot_of(cloud, volume)
    assert (await cloud.call("deleteVolume", id=volume.id)).status == 200
    clone = await clone_of(cloud, snapshot)
    assert outcome(await cloud.run("deleteSnapshot", id=snapshot.id)) == (1, 0)
    assert (await cloud.call("listVolumes", id=clone["id"])).body["count"] == 1


async def test_a_revert_needs_a_vm_that_is_off_and_a_hypervisor_that_can(cloud: Cloud) -> None:  # section 16
    vm, root = running_vm(cloud)
    root.content = "before"
    snapshot = await snapshot_of(cloud, root)
    root.content = "after"
    assert outcome(await cloud.run("revertSnapshot", id=snapshot.id)) == (2, 431)
    await cloud.run("stopVirtualMachine", id=vm.id)
    job = await cloud.run("revertSnapshot", id=snapshot.id)
    assert outcome(job) == (2, 530)
    assert "supported only for KVM" in job["jobresult"]["errortext"]
    assert root.content == "after"
    cloud.world.can_revert = True
    assert outcome(await cloud.run("revertSnapshot", id=snapshot.id)) == (1, 0)
    assert root.content == "before"


@pytest.mark.parametrize("resource", ("snapshot", "secondary_storage"))
async def test_limits_of_snapshots(cloud: Cloud, resource: str) -> None:  # section 19
    cloud.world.admin.limits[resource] = {"snapshot": 1, "secondary_storage": 3}[resource]
    _, root = running_vm(cloud)
    await snapshot_of(cloud, root)
    assert (await cloud.call("createSnapshot", volumeid=root.id)).code == (535, 4370)
    assert len(cloud.world.snapshots) == 1


async def test_a_restart_leaves_snapshots_in_error_and_no_half_made_clone(cloud: Cloud) -> None:
    _, root = running_vm(cloud)  # section 16
    source = await snapshot_of(cloud, cloud.world.add_disk("source"))
    snapshot = await snapshotting(cloud, root)
    slow(cloud, "createVolume")
    clone = await cloud.call("createVolume", snapshotid=source.id)
    await asyncio.sleep(0.05)
    await cloud.sim.restart()
    for submitted in (snapshot, clone):
        job = await cloud.job(submitted)
        assert outcome(job) == (2, 530)
        assert "jobresult" not in job
    assert cloud.world.snapshots[snapshot.body["id"]].state is SnapshotState.ERROR
    assert root.state is VolumeState.READY
    assert (await cloud.call("listVolumes", id=clone.body["id"])).body == {}


async def test_a_plain_user_sees_its_own_snapshots(cloud: Cloud) -> None:
    await snapshot_of(cloud, cloud.world.add_disk("admins"))
    own = await snapshot_of(cloud, cloud.world.add_disk("plains", account=cloud.world.plain))
    reply = await cloud.call("listSnapshots", who=sample.PLAIN)
    assert [item["id"] for item in reply.body["snapshot"]] == [own.id]
    assert (await cloud.call("listSnapshots", listall="true")).body["count"] == 2
    foreign = cloud.world.add_disk("foreign")
    assert (await cloud.call("createSnapshot", volumeid=foreign.id, who=sample.PLAIN)).status == 531
