"""Sections 9, 12, 15 and 16: volumes, where they are attached, and what is refused."""

import asyncio

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, new_id, nics, outcome
from tests.contract.target import KeyPair


@pytest.mark.observed(
    16, "blank volumes stay Allocated without storage; section 15: any characters ok in names"
)
async def test_a_blank_volume_has_no_storage(cloud: Cloud) -> None:
    name = f'{cloud.name("disk")} a/b c"d <é>'
    volume_id = await cloud.blank(name=name)
    volume = await cloud.volume(volume_id)
    assert (volume["name"], volume["type"], volume["state"]) == (name, "DATADISK", "Allocated")
    assert not {"storageid", "virtualmachineid", "deviceid"} & set(volume)


@pytest.mark.observed(15, "volume: customid (root admin only, else 531)")
async def test_a_volume_has_the_id_that_was_chosen(cloud: Cloud) -> None:
    volume_id = new_id()
    assert await cloud.blank(customid=volume_id) == volume_id
    assert (await cloud.volume(volume_id))["id"] == volume_id


@pytest.mark.observed(
    15, "createVolume customid: 4 parallel: one 200, three 431; after deleteVolume: 530 9999"
)
async def test_a_volumes_customid_is_taken_and_then_lost(cloud: Cloud) -> None:
    volume_id = new_id()
    request = {**cloud.site.blank, "customid": volume_id}
    submits = await asyncio.gather(
        *(cloud.call("createVolume", request, name=cloud.name("disk")) for _ in range(4))
    )
    assert sorted(submit.status for submit in submits) == [200, 431, 431, 431]
    await cloud.job(next(submit for submit in submits if submit.status == 200))
    assert (await cloud.call("deleteVolume", id=volume_id)).status == 200
    lost = await cloud.call("createVolume", request, name=cloud.name("disk"))
    assert lost.code == (530, 9999)


@pytest.mark.observed(15, "volume customid as plain: 531")
async def test_an_ordinary_user_may_not_choose_a_volumes_id(cloud: Cloud, plain: KeyPair) -> None:
    request = {**cloud.site.blank, "name": cloud.name("disk"), "customid": new_id()}
    assert (await cloud.call("createVolume", request, who=plain)).code == (531, 4365)


@pytest.mark.observed(15, "volume: tags[] and details[] in the create call silently dropped")
async def test_a_volume_takes_no_tags_at_its_making(cloud: Cloud) -> None:
    volume_id = await cloud.blank(**{"tags[0].key": "k", "tags[0].value": "v"})
    assert (await cloud.volume(volume_id))["tags"] == []
    tags = {"tags[0].key": "k", "tags[0].value": "v"}
    await cloud.done("createTags", resourcetype="Volume", resourceids=volume_id, **tags)
    assert (await cloud.volume(volume_id))["tags"][0]["value"] == "v"


@pytest.mark.observed(15, "Duplicates: volume names may repeat; name= is exact, case-insensitive")
async def test_volumes_may_share_a_name(cloud: Cloud) -> None:
    name = cloud.name("same")
    ids = {await cloud.blank(name=name) for _ in range(2)}
    found = (await cloud.call("listVolumes", name=name.upper())).items("volume")
    assert {volume["id"] for volume in found} == ids
    assert (await cloud.call("listVolumes", name=name[:-1])).body == {}


@pytest.mark.observed(15, "Names: volume 255; longer: 431 9999")
async def test_a_volumes_name_may_have_255_characters(cloud: Cloud) -> None:
    name = cloud.name("long").ljust(255, "x")
    assert (await cloud.volume(await cloud.blank(name=name)))["name"] == name
    refusal = await cloud.call("createVolume", {**cloud.site.blank, "name": f"{name}x"})
    assert refusal.code == (431, 9999)


@pytest.mark.observed(9, "deleteVolume: 200 success; repeat 431 4350; listVolumes id= deleted: empty")
async def test_a_volume_is_deleted_once(cloud: Cloud) -> None:
    volume_id = await cloud.blank()
    deleted = await cloud.call("deleteVolume", id=volume_id)
    assert (deleted.key, str(deleted.body["success"]).lower()) == ("deletevolumeresponse", "true")
    assert (await cloud.call("deleteVolume", id=volume_id)).code == (431, 4350)
    gone = await cloud.call("listVolumes", id=volume_id)
    assert (gone.status, gone.body) == (200, {})


@pytest.mark.observed(12, "Without deviceid: 1, 2, 4 (3 skipped)")
async def test_data_disks_skip_device_three(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    disks = [await cloud.blank() for _ in range(3)]
    for disk in disks:
        assert outcome(await cloud.attach(disk, vm_id)) == SUCCESS
    assert [(await cloud.volume(disk))["deviceid"] for disk in disks] == [1, 2, 4]


@pytest.mark.observed(12, "deviceid=3 or 99: job 530. Clash: job 530")
async def test_a_place_that_cannot_be_had_is_530(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    first, second = await cloud.blank(), await cloud.blank()
    assert outcome(await cloud.attach(first, vm_id, deviceid="2")) == SUCCESS
    for device_id in ("3", "99", "2"):
        assert outcome(await cloud.attach(second, vm_id, deviceid=device_id)) == failed(530)
    assert "virtualmachineid" not in await cloud.volume(second)


@pytest.mark.observed(9, "attach a volume that is attached (same VM or other): job 431")
async def test_an_attached_volume_is_not_attached_again(cloud: Cloud, lan: str) -> None:
    vm_id, other = await cloud.deployed(lan), await cloud.deployed(lan)
    disk = await cloud.blank()
    assert outcome(await cloud.attach(disk, vm_id)) == SUCCESS
    for target in (vm_id, other):
        assert outcome(await cloud.attach(disk, target)) == failed(431)
    assert (await cloud.volume(disk))["virtualmachineid"] == vm_id


@pytest.mark.observed(9, "detach an unattached volume: job 431")
async def test_a_detach_succeeds_once(cloud: Cloud, lan: str) -> None:
    vm_id, disk = await cloud.deployed(lan), await cloud.blank()
    await cloud.attach(disk, vm_id)
    assert outcome(await cloud.run("detachVolume", id=disk)) == SUCCESS
    assert outcome(await cloud.run("detachVolume", id=disk)) == failed(431)
    assert not {"virtualmachineid", "deviceid"} & set(await cloud.volume(disk))


@pytest.mark.observed(
    8, "Validation of attach/detach happens inside the job; only unknown ids fail at submit"
)
async def test_unknown_ids_are_refused_at_submit(cloud: Cloud, stopped_vm: str) -> None:
    disk = await cloud.blank()
    for params in (
        {"id": new_id(), "virtualmachineid": stopped_vm},
        {"id": disk, "virtualmachineid": new_id()},
    ):
        assert (await cloud.call("attachVolume", params)).code == (431, 9999)
    assert (await cloud.call("detachVolume", id=new_id())).code == (431, 9999)


@pytest.mark.observed(10, "Data disk: detached and kept by destroy expunge=true")
async def test_expunge_keeps_data_disks(cloud: Cloud, lan: str) -> None:
    vm_id, disk = await cloud.deployed(lan), await cloud.blank()
    await cloud.attach(disk, vm_id)
    await cloud.done("destroyVirtualMachine", id=vm_id, expunge="true")
    assert "virtualmachineid" not in await cloud.volume(disk)


@pytest.mark.observed(16, "createVolume + virtualmachineid: made and attached at once (deviceid 1)")
async def test_a_clone_can_be_made_at_a_vm(cloud: Cloud, golden_snapshot: str, running_vm: str) -> None:
    clone = await cloud.volume(await cloud.clone(golden_snapshot, virtualmachineid=running_vm))
    assert (clone["virtualmachineid"], clone["deviceid"]) == (running_vm, 1)
    root = await cloud.root_of(running_vm)
    assert clone.get("clusterid") == root.get("clusterid")
    await cloud.done("detachVolume", id=clone["id"])


@pytest.mark.observed(16, "plain user's listVolumes has no storage, storageid, clusterid, path")
async def test_an_ordinary_user_does_not_see_where_disks_are(cloud: Cloud, plain: KeyPair) -> None:
    request = cloud.deploy_params(nics(await cloud.network(who=plain)), {"startvm": "true"})
    submitted = await cloud.call("deployVirtualMachine", request, who=plain)
    assert outcome(await cloud.job(submitted, who=plain)) == SUCCESS
    hidden = {"storage", "storageid", "clusterid", "path"}
    root = await cloud.root_of(submitted.body["id"])
    assert hidden <= set(root)
    [shown] = (await cloud.call("listVolumes", id=root["id"], who=plain)).items("volume")
    assert not hidden & set(shown)


@pytest.mark.observed(19, "shapes: storagepool (admin)")
async def test_pools_say_how_full_they_are_and_whether_they_are_managed(
    cloud: Cloud, running_vm: str
) -> None:
    root = await cloud.root_of(running_vm)
    [pool] = (await cloud.call("listStoragePools", id=root["storageid"])).items("storagepool")
    assert {"id", "name", "state", "scope", "managed", "disksizetotal", "disksizeallocated"} <= set(pool)
    assert (pool["id"], pool["managed"]) == (root["storageid"], False)
