"""Sections 2, 9, 10, 12, 15, 16 and 19 of cloudstack-observed.md: volumes, attach and detach."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from simulators.cloudstack import CloudStackSimulator, Fault, FaultKind, Latency, VmState, World, sample
from simulators.cloudstack.entities import Vm
from simulators.cloudstack.storage import Volume
from tests.simulators.simulator_cloud import Cloud, Json, new_uuid, running_cloud

LAN = sample.PROD_LAN_ID
BLANK = {"zoneid": sample.ZONE_ID, "diskofferingid": sample.SMALL_DISK_OFFERING_ID}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


def vm_of(world: World, name: str = "vm", state: VmState = VmState.STOPPED) -> Vm:
    return world.add_vm(name, [world.networks[LAN]], state=state)


def root_of(world: World, vm: Vm) -> Volume:
    root = world.root_of(vm)
    assert root is not None
    return root


def outcome(job: Json) -> tuple[int, int]:
    """The job's status and code; a failure names the code twice."""
    if job["jobstatus"] == 2:
        assert job["jobresult"]["errorcode"] == job["jobresultcode"]
    return job["jobstatus"], job["jobresultcode"]


async def attach(cloud: Cloud, volume: Volume, vm: Vm, **params: str) -> Json:
    return await cloud.run("attachVolume", params, id=volume.id, virtualmachineid=vm.id)


async def listed(cloud: Cloud, volume: Volume) -> Json:
    [found] = (await cloud.call("listVolumes", id=volume.id)).body["volume"]
    return dict(found)


async def swapped_vm(cloud: Cloud, replica: Volume) -> Vm:
    """A never-started VM whose template root was taken out and whose root is the replica."""
    vm = vm_of(cloud.world, f"swapped-{replica.number}")
    template_root = root_of(cloud.world, vm)
    assert outcome(await cloud.run("detachVolume", id=template_root.id)) == (1, 0)
    assert outcome(await attach(cloud, replica, vm, deviceid="0")) == (1, 0)
    return vm


async def test_a_detached_template_root_is_an_allocated_data_disk_with_its_old_name(cloud: Cloud) -> None:
    vm = vm_of(cloud.world)  # section 9
    root = root_of(cloud.world, vm)
    job = await cloud.run("detachVolume", id=root.id)
    assert job["jobresult"]["volume"]["id"] == root.id
    shown = await listed(cloud, root)
    assert (shown["type"], shown["state"], shown["name"]) == ("DATADISK", "Allocated", f"ROOT-{vm.number}")
    assert not {"virtualmachineid", "deviceid", "storageid"} & set(shown)


@pytest.mark.parametrize("pool", range(4))
async def test_a_vm_runs_on_a_swapped_in_root_where_that_is_stored(cloud: Cloud, pool: int) -> None:
    home = cloud.world.pools[pool]  # section 9
    replica = cloud.world.add_disk("replica", pool=home)
    vm = await swapped_vm(cloud, replica)
    assert (await listed(cloud, replica))["type"] == "ROOT"
    started = await cloud.run("startVirtualMachine", id=vm.id)
    assert outcome(started) == (1, 0)
    shown = await listed(cloud, replica)
    assert (shown["storageid"], shown["deviceid"], shown["vmstate"]) == (home.id, 0, "Running")
    assert vm.host is not None
    assert vm.host.cluster_id == home.cluster_id


async def test_a_vm_starts_on_an_allocated_root_that_was_taken_out_and_put_back(cloud: Cloud) -> None:
    vm = vm_of(cloud.world)  # section 9
    root = root_of(cloud.world, vm)
    await cloud.run("detachVolume", id=root.id)
    assert outcome(await attach(cloud, root, vm, deviceid="0")) == (1, 0)
    assert outcome(await cloud.run("startVirtualMachine", id=vm.id)) == (1, 0)


async def test_without_a_root_a_start_fails_with_530_and_two_texts(cloud: Cloud) -> None:  # section 9
    vm = vm_of(cloud.world)
    root = root_of(cloud.world, vm)
    await cloud.run("detachVolume", id=root.id)
    without_any = await cloud.run("startVirtualMachine", id=vm.id)
    assert outcome(without_any) == (2, 530)
    assert "no usable volumes found" in without_any["jobresult"]["errortext"]
    assert outcome(await attach(cloud, root, vm)) == (1, 0)
    assert (root.device_id, root.type) == (1, "DATADISK")
    without_root = await cloud.run("startVirtualMachine", id=vm.id)
    assert outcome(without_root) == (2, 530)
    assert without_root["jobresult"]["errortext"].endswith("because the ROOT volume is missing.")
    assert vm.state is VmState.STOPPED


async def test_device_ids_skip_three_and_end_after_six(cloud: Cloud) -> None:  # section 12
    vm = vm_of(cloud.world)
    disks = [cloud.world.add_disk(f"d{number}") for number in range(7)]
    jobs = [await attach(cloud, disk, vm) for disk in disks]
    assert [disk.device_id for disk in disks] == [1, 2, 4, 5, 6, 7, None]
    assert outcome(jobs[-1]) == (2, 431)


@pytest.mark.parametrize(
    ("device_id", "expected"),
    (("2", (1, 0)), ("7", (1, 0)), ("1", (2, 530)), ("3", (2, 530)), ("99", (2, 530)), ("0", (2, 431))),
)
async def test_a_place_is_taken_or_not(cloud: Cloud, device_id: str, expected: tuple[int, int]) -> None:
    vm = vm_of(cloud.world)  # sections 9 and 12
    cloud.world.add_disk("first", vm=vm)
    disk = cloud.world.add_disk("second")
    assert outcome(await attach(cloud, disk, vm, deviceid=device_id)) == expected
    assert disk.device_id == (int(device_id) if expected[0] == 1 else None)


async def test_an_attached_volume_cannot_be_attached_again_and_a_free_one_not_detached(cloud: Cloud) -> None:
    vm, other = vm_of(cloud.world), vm_of(cloud.world, "other")  # section 9
    disk = cloud.world.add_disk("disk", vm=vm)
    jobs = [await attach(cloud, disk, target) for target in (vm, other)]
    assert {outcome(job) for job in jobs} == {(2, 431)}
    assert len({job["jobresult"]["errortext"] for job in jobs}) == 1
    assert outcome(await cloud.run("detachVolume", id=disk.id)) == (1, 0)
    assert outcome(await cloud.run("detachVolume", id=disk.id)) == (2, 431)


@pytest.mark.parametrize("root", (True, False), ids=("root", "data"))
@pytest.mark.parametrize("state", ("Running", "Destroyed"))
async def test_a_root_leaves_a_stopped_vm_only(cloud: Cloud, state: str, *, root: bool) -> None:
    vm = vm_of(cloud.world, state=VmState.RUNNING)  # section 9
    disk = cloud.world.add_disk("data", vm=vm)
    vm.state = VmState(state)
    job = await cloud.run("detachVolume", id=root_of(cloud.world, vm).id if root else disk.id)
    assert outcome(job) == ((2, 431) if root else (1, 0))


async def test_a_recovered_vm_gives_its_root_away(cloud: Cloud) -> None:  # section 9
    vm = vm_of(cloud.world, state=VmState.RUNNING)
    root = root_of(cloud.world, vm)
    await cloud.run("destroyVirtualMachine", id=vm.id)
    assert outcome(await cloud.run("detachVolume", id=root.id)) == (2, 431)
    await cloud.call("recoverVirtualMachine", id=vm.id)
    assert outcome(await cloud.run("detachVolume", id=root.id)) == (1, 0)


@pytest.mark.parametrize("device_id", ("0", "1", "5"))
async def test_detach_by_vm_and_device_id_is_broken(cloud: Cloud, device_id: str) -> None:  # section 9
    vm = vm_of(cloud.world)
    cloud.world.add_disk("data", vm=vm)
    job = await cloud.run("detachVolume", virtualmachineid=vm.id, deviceid=device_id)
    assert outcome(job) == (2, 530)
    assert '"volumeId" is null' in job["jobresult"]["errortext"]
    assert len(cloud.world.volumes_of(vm)) == 2


@pytest.mark.parametrize("state", (VmState.RUNNING, VmState.STOPPED))
async def test_a_data_disk_of_another_cluster_is_moved_without_a_word(cloud: Cloud, state: VmState) -> None:
    vm = vm_of(cloud.world, state=VmState.RUNNING)  # section 9
    vm.state = state
    home = root_of(cloud.world, vm).pool
    assert home is not None
    away = next(pool for pool in cloud.world.pools if pool.cluster_id != home.cluster_id)
    near, far = cloud.world.add_disk("near", pool=home), cloud.world.add_disk("far", pool=away)
    for disk in (near, far):
        assert outcome(await attach(cloud, disk, vm)) == (1, 0)
    assert near.pool is home
    assert far.pool is not None
    assert far.pool.cluster_id == home.cluster_id


async def test_a_blank_disk_gets_storage_at_a_running_vm_or_with_the_start(cloud: Cloud) -> None:
    vm = vm_of(cloud.world)
    made = await cloud.run("createVolume", BLANK, name="blank")
    volume = cloud.world.volumes[made["jobresult"]["volume"]["id"]]
    await attach(cloud, volume, vm)
    assert volume.pool is None
    await cloud.run("startVirtualMachine", id=vm.id)
    assert volume.state == "Ready"
    later = await cloud.run("createVolume", BLANK, name="later", virtualmachineid=vm.id)
    shown = later["jobresult"]["volume"]
    assert (shown["state"], shown["deviceid"], shown["virtualmachineid"]) == ("Ready", 2, vm.id)


async def test_expunge_deletes_a_swapped_in_root_and_keeps_data_disks(cloud: Cloud) -> None:  # section 10
    replica, data = cloud.world.add_disk("replica"), cloud.world.add_disk("data")
    vm = await swapped_vm(cloud, replica)
    template_root = next(item for item in cloud.world.volumes.values() if item.name == f"ROOT-{vm.number}")
    await attach(cloud, data, vm)
    await cloud.run("startVirtualMachine", id=vm.id)
    job = await cloud.run("destroyVirtualMachine", id=vm.id, expunge="true")
    assert outcome(job) == (1, 0)
    assert (await cloud.call("listVolumes", id=replica.id)).body == {}
    assert "virtualmachineid" not in await listed(cloud, data)
    assert (await listed(cloud, template_root))["name"] == f"ROOT-{vm.number}"


async def test_a_volume_is_deleted_once(cloud: Cloud) -> None:  # section 9
    disk = cloud.world.add_disk("left over")
    deleted = await cloud.call("deleteVolume", id=disk.id)
    assert (deleted.key, deleted.body) == ("deletevolumeresponse", {"success": True})
    again = await cloud.call("deleteVolume", id=disk.id)
    assert again.code == (431, 4350)
    assert again.body["errortext"] == f"Unable to find UUID for id [{disk.number}] of type [Volume]"
    assert (await cloud.call("listVolumes", id=disk.id)).body == {}
    for command in ("deleteVolume", "detachVolume"):
        assert (await cloud.call(command, id=new_uuid())).code == (431, 9999)
    attached = cloud.world.add_disk("attached", vm=vm_of(cloud.world))
    assert (await cloud.call("deleteVolume", id=attached.id)).status == 431


async def test_a_blank_volume_is_allocated_wherever_it_was_asked_for(cloud: Cloud) -> None:  # section 16
    params = {**BLANK, "storageid": cloud.world.pools[0].id, "tags[0].key": "k", "tags[0].value": "v"}
    job = await cloud.run("createVolume", params, name='a/b c"d <é>')
    shown = job["jobresult"]["volume"]
    assert (shown["name"], shown["state"], shown["size"]) == ('a/b c"d <é>', "Allocated", 5 * 1024**3)
    assert shown["diskofferingid"] == sample.SMALL_DISK_OFFERING_ID
    assert "storageid" not in shown
    assert shown["tags"] == []


@pytest.mark.parametrize(
    ("params", "code"),
    (
        ({"name": "n" * 256}, (431, 9999)),
        ({"diskofferingid": ""}, (431, 4350)),
        ({"diskofferingid": new_uuid()}, (431, 9999)),
        ({"zoneid": new_uuid()}, (431, 9999)),
        ({"diskofferingid": sample.CUSTOM_DISK_OFFERING_ID}, (431, 4350)),
        ({"diskofferingid": sample.CUSTOM_DISK_OFFERING_ID, "size": "0"}, (431, 4350)),
        ({"customid": "not-a-uuid"}, (431, 4350)),
        ({"virtualmachineid": new_uuid()}, (431, 9999)),
        ({"snapshotid": new_uuid()}, (431, 9999)),
    ),
)
async def test_a_volume_that_cannot_be_made_leaves_nothing(
    cloud: Cloud, params: dict[str, str], code: tuple[int, int]
) -> None:  # section 15
    assert (await cloud.call("createVolume", {**BLANK, "name": "v", **params})).code == code
    assert not cloud.world.volumes


async def test_names_may_repeat_and_a_missing_one_is_made_up(cloud: Cloud) -> None:  # section 15
    submits = await asyncio.gather(*(cloud.call("createVolume", BLANK, name="Same") for _ in range(4)))
    assert [submit.status for submit in submits] == [200] * 4
    assert (await cloud.call("listVolumes", name="same")).body["count"] == 4
    assert (await cloud.call("listVolumes", name="sam")).body == {}
    assert (await cloud.call("listVolumes", keyword="AM")).body["count"] == 4
    unnamed = await cloud.run("createVolume", BLANK)
    assert len(unnamed["jobresult"]["volume"]["name"]) == 36


async def test_a_volumes_customid_is_like_a_vms(cloud: Cloud) -> None:  # sections 2 and 15
    volume_id = new_uuid()
    submits = await asyncio.gather(*(cloud.call("createVolume", BLANK, customid=volume_id) for _ in range(4)))
    assert sorted(submit.status for submit in submits) == [200, 431, 431, 431]
    assert {submit.body["id"] for submit in submits if submit.status == 200} == {volume_id}
    await cloud.until(lambda: all(job.completed is not None for job in cloud.world.jobs.values()))
    assert (await cloud.call("deleteVolume", id=volume_id)).status == 200
    assert (await cloud.call("createVolume", BLANK, customid=volume_id)).code == (530, 9999)
    plain = await cloud.call("createVolume", BLANK, customid=new_uuid(), who=sample.PLAIN)
    assert plain.code == (531, 4365)
    assert (await cloud.call("listVolumes")).body == {}


async def test_a_resent_customjobid_leaves_an_orphan_volume(cloud: Cloud) -> None:  # section 15
    job_id = new_uuid()
    await cloud.run("createVolume", BLANK, name="first", customjobid=job_id)
    again = await cloud.call("createVolume", BLANK, name="orphan", customjobid=job_id)
    assert again.code == (530, 9999)
    [orphan] = (await cloud.call("listVolumes", name="orphan")).body["volume"]
    assert orphan["state"] == "Allocated"


async def test_a_volume_whose_making_failed_stays_listed_and_holds_its_customid(cloud: Cloud) -> None:
    cloud.sim.faults.add(Fault("createVolume", FaultKind.JOB_FAILS))  # section 16
    volume_id = new_uuid()
    assert outcome(await cloud.run("createVolume", BLANK, customid=volume_id)) == (2, 530)
    [shown] = (await cloud.call("listVolumes", id=volume_id)).body["volume"]
    assert (shown["state"], shown["destroyed"]) == ("Destroy", True)
    assert (await cloud.call("createVolume", BLANK, customid=volume_id)).code == (431, 4350)
    vm = vm_of(cloud.world)
    assert outcome(await attach(cloud, cloud.world.volumes[volume_id], vm)) == (2, 431)
    assert (await cloud.call("deleteVolume", id=volume_id)).status == 200


@pytest.mark.parametrize("resource", ("volume", "primary_storage"))
async def test_limits_of_disks(cloud: Cloud, resource: str) -> None:  # section 19
    cloud.world.admin.limits[resource] = {"volume": 2, "primary_storage": 7}[resource]
    vm_id = await cloud.deployed("vm")
    await cloud.run("createVolume", BLANK)
    assert (await cloud.call("createVolume", BLANK)).code == (535, 4370)
    assert (await cloud.deploy(name="second")).code == (535, 9999)
    await cloud.run("destroyVirtualMachine", id=vm_id)
    assert (await cloud.deploy(name="second")).code == (535, 9999)
    await cloud.run("expungeVirtualMachine", id=vm_id)
    assert (await cloud.deploy(name="second")).status == 200
    [account] = (await cloud.call("listAccounts")).body["account"]
    assert (account["volumetotal"], account["primarystoragetotal"]) == (2, 7)


async def test_a_data_disk_may_come_with_the_deploy(cloud: Cloud) -> None:  # section 20
    vm_id = await cloud.deployed("vm", diskofferingid=sample.SMALL_DISK_OFFERING_ID)
    disks = (await cloud.call("listVolumes", virtualmachineid=vm_id)).body["volume"]
    number = cloud.world.vms[vm_id].number
    assert [(disk["name"], disk["deviceid"], disk["state"]) for disk in disks] == [
        (f"ROOT-{number}", 0, "Allocated"),
        (f"DATA-{number}", 1, "Allocated"),
    ]


async def test_volumes_are_filtered(cloud: Cloud) -> None:
    vm, free = vm_of(cloud.world, state=VmState.RUNNING), cloud.world.add_disk("free")
    foreign = cloud.world.add_disk("foreign", account=cloud.world.plain)
    root = root_of(cloud.world, vm)
    assert root.pool is not None
    assert free.pool is not None
    for params, expected in (
        ({}, {root, free}),
        ({"listall": "true"}, {root, free, foreign}),
        ({"type": "ROOT"}, {root}),
        ({"virtualmachineid": vm.id}, {root}),
        ({"storageid": free.pool.id, "type": "DATADISK"}, {free}),
        ({"state": "Allocated"}, set()),
    ):
        found = (await cloud.call("listVolumes", params)).body.get("volume", [])
        assert {item["id"] for item in found} == {volume.id for volume in expected}, params
    plain = (await cloud.call("listVolumes", who=sample.PLAIN)).body["volume"]
    assert [item["id"] for item in plain] == [foreign.id]
    refusal = await cloud.call("attachVolume", id=free.id, virtualmachineid=vm.id, who=sample.PLAIN)
    assert refusal.status == 531
    assert (await cloud.call("listStoragePools", who=sample.PLAIN)).status == 432


async def test_managed_storage_takes_no_swapped_root(cloud: Cloud) -> None:  # cloudstack-api.md, section 3
    pool = cloud.world.add_pool(cloud.world.pools[0].cluster_id, "C0", managed=True)
    vm = vm_of(cloud.world)
    await cloud.run("detachVolume", id=root_of(cloud.world, vm).id)
    job = await attach(cloud, cloud.world.add_disk("lun", pool=pool), vm, deviceid="0")
    assert outcome(job) == (2, 431)


async def test_a_full_vm_takes_no_more_disks_from_a_test_either(cloud: Cloud) -> None:
    vm = vm_of(cloud.world)
    for number in range(6):
        cloud.world.add_disk(f"d{number}", vm=vm)
    with pytest.raises(ValueError, match="no place for one too many"):
        cloud.world.add_disk("one too many", vm=vm)


async def test_one_volume_goes_to_one_of_two_vms(cloud: Cloud) -> None:
    disk = cloud.world.add_disk("wanted")
    vms = [vm_of(cloud.world, name) for name in ("one", "two")]
    jobs = await asyncio.gather(*(attach(cloud, disk, vm) for vm in vms))
    assert sorted(outcome(job) for job in jobs) == [(1, 0), (2, 431)]


async def test_disk_jobs_take_the_time_of_their_latency() -> None:  # section 14
    assert (Latency.observed().attach, Latency.observed().detach) == (2.0, 1.5)
    async with running_cloud(CloudStackSimulator(latency=Latency(detach=0.2))) as cloud:
        vm = vm_of(cloud.world)
        await cloud.run("detachVolume", id=root_of(cloud.world, vm).id)
        [job] = cloud.world.jobs.values()
        assert job.completed is not None
        assert (job.completed - job.created).total_seconds() >= 0.2
