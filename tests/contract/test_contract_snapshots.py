"""Sections 13, 15 and 16: snapshots, and volumes made from them."""

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, new_id, outcome

TAG = {"tags[0].key": "failoverid", "tags[0].value": "fo-1"}


@pytest.fixture
async def clone(cloud: Cloud, golden_snapshot: str) -> str:
    """A detached volume with storage."""
    return await cloud.clone(golden_snapshot)


@pytest.mark.observed(13, "createSnapshot on a detached Ready volume: BackedUp; shapes: snapshot")
async def test_a_detached_volume_has_snapshots(cloud: Cloud, clone: str) -> None:
    name = cloud.name("snapshot")
    snapshot_id = await cloud.snapshot(clone, name=name)
    [shown] = (await cloud.call("listSnapshots", id=snapshot_id)).items("snapshot")
    assert (shown["name"], shown["state"], shown["volumeid"]) == (name, "BackedUp", clone)
    assert {"created", "virtualsize", "revertable", "volumetype", "tags"} <= set(shown)
    by_volume = (await cloud.call("listSnapshots", volumeid=clone)).items("snapshot")
    assert [item["id"] for item in by_volume] == [snapshot_id]


@pytest.mark.observed(16, "createSnapshot on a volume of a Running VM: BackedUp, VM stays Running")
async def test_a_running_vms_root_has_snapshots(cloud: Cloud, running_vm: str) -> None:
    if not cloud.site.snapshots_while_running:
        pytest.skip("this server does not snapshot volumes of Running VMs (kvm.snapshot.enabled)")
    await cloud.snapshot((await cloud.root_of(running_vm))["id"])
    assert (await cloud.vm(running_vm))["state"] == "Running"


@pytest.mark.observed(13, "createSnapshot on an Allocated volume: HTTP 431")
async def test_a_volume_without_storage_has_none(cloud: Cloud, stopped_vm: str) -> None:
    root = await cloud.root_of(stopped_vm)
    refusal = await cloud.call("createSnapshot", volumeid=root["id"], name=cloud.name("snapshot"))
    assert refusal.status == 431
    assert (await cloud.call("listSnapshots", volumeid=root["id"])).body == {}


@pytest.mark.observed(15, "snapshot: tags[0].key/value in the create call works; customid silently ignored")
async def test_a_snapshot_is_tagged_at_its_making(cloud: Cloud, clone: str) -> None:
    value, custom_id = new_id(), new_id()
    tags = {**TAG, "tags[0].value": value}
    snapshot_id = await cloud.snapshot(clone, customid=custom_id, **tags)
    assert snapshot_id != custom_id
    [found] = (await cloud.call("listSnapshots", tags)).items("snapshot")
    assert (found["id"], found["tags"][0]["value"]) == (snapshot_id, value)


@pytest.mark.observed(
    15, "Broken tag on createSnapshot (key without value): job 530 and yet it is there, BackedUp"
)
async def test_a_broken_tag_fails_the_job_and_not_the_snapshot(cloud: Cloud, clone: str) -> None:
    name = cloud.name("snapshot")
    job = await cloud.run("createSnapshot", {"tags[0].key": "failoverid"}, volumeid=clone, name=name)
    assert outcome(job) == failed(530)
    [found] = (await cloud.call("listSnapshots", name=name)).items("snapshot")
    assert found["state"] == "BackedUp"


@pytest.mark.observed(13, "deleteSnapshot: success; repeat: job 431")
async def test_a_snapshot_is_deleted_once(cloud: Cloud, clone: str) -> None:
    snapshot_id = await cloud.snapshot(clone)
    assert outcome(await cloud.run("deleteSnapshot", id=snapshot_id)) == SUCCESS
    assert outcome(await cloud.run("deleteSnapshot", id=snapshot_id)) == failed(431)
    assert (await cloud.call("listSnapshots", volumeid=clone)).body == {}


@pytest.mark.observed(
    16, "createVolume snapshotid=: Ready, DATADISK, detached; a root's clone has templateid"
)
async def test_a_volume_from_a_snapshot_is_ready_and_detached(cloud: Cloud, clone: str) -> None:
    shown = await cloud.volume(clone)
    assert (shown["type"], shown["state"]) == ("DATADISK", "Ready")
    assert shown["templateid"] == cloud.site.template
    assert "storageid" in shown
    assert not {"virtualmachineid", "deviceid"} & set(shown)


@pytest.mark.observed(16, "fields: job result has snapshotid; listVolumes has not")
async def test_only_the_job_says_where_a_clone_came_from(cloud: Cloud, golden_snapshot: str) -> None:
    name = cloud.name("clone")
    job = await cloud.run("createVolume", name=name, snapshotid=golden_snapshot)
    assert job["jobresult"]["volume"]["snapshotid"] == golden_snapshot
    [shown] = (await cloud.call("listVolumes", name=name)).items("volume")
    assert "snapshotid" not in shown


@pytest.mark.observed(15, "volume customid: also with snapshotid=; repeat 431; after deleteVolume 530 9999")
async def test_a_clone_has_the_id_that_was_chosen(cloud: Cloud, golden_snapshot: str) -> None:
    volume_id = new_id()
    assert await cloud.clone(golden_snapshot, customid=volume_id) == volume_id
    request = {"snapshotid": golden_snapshot, "customid": volume_id}
    assert (await cloud.call("createVolume", request, name=cloud.name("clone"))).code == (431, 4350)
    await cloud.call("deleteVolume", id=volume_id)
    assert (await cloud.call("createVolume", request, name=cloud.name("clone"))).code == (530, 9999)


@pytest.mark.observed(16, "deleteSnapshot with clones: ok, clones unaffected")
async def test_a_clone_outlives_its_snapshot(cloud: Cloud, clone: str) -> None:
    snapshot_id = await cloud.snapshot(clone)
    copy = await cloud.clone(snapshot_id)
    assert outcome(await cloud.run("deleteSnapshot", id=snapshot_id)) == SUCCESS
    assert (await cloud.volume(copy))["state"] == "Ready"


@pytest.mark.observed(16, "deleteVolume with snapshots: ok; snapshot stays BackedUp and can still be cloned")
async def test_a_snapshot_outlives_its_volume(cloud: Cloud, clone: str) -> None:
    snapshot_id = await cloud.snapshot(clone)
    assert (await cloud.call("deleteVolume", id=clone)).status == 200
    [shown] = (await cloud.call("listSnapshots", id=snapshot_id)).items("snapshot")
    assert shown["state"] == "BackedUp"
    await cloud.clone(snapshot_id)


@pytest.mark.observed(
    13, "createVolume from a snapshot that is gone or never was: refused at submit with 431"
)
async def test_a_volume_from_no_snapshot_is_431(cloud: Cloud) -> None:
    reply = await cloud.call("createVolume", snapshotid=new_id(), name=cloud.name("clone"))
    assert reply.code == (431, 9999)


@pytest.mark.observed(16, "revertSnapshot attached, Running: job 431")
async def test_a_volume_of_a_running_vm_is_not_reverted(cloud: Cloud, lan: str, golden_snapshot: str) -> None:
    vm_id, volume_id = await cloud.running(lan), await cloud.clone(golden_snapshot)
    snapshot_id = await cloud.snapshot(volume_id)
    assert outcome(await cloud.attach(volume_id, vm_id)) == SUCCESS
    assert outcome(await cloud.run("revertSnapshot", id=snapshot_id)) == failed(431)


@pytest.mark.observed(16, "revertSnapshot detached: job 530 where the hypervisor cannot; on KVM not observed")
async def test_a_revert_of_a_detached_volume_ends_and_leaves_it_ready(cloud: Cloud, clone: str) -> None:
    snapshot_id = await cloud.snapshot(clone)
    job = await cloud.run("revertSnapshot", id=snapshot_id)
    if cloud.site.hypervisor == "Simulator":
        assert outcome(job) == failed(530)
    if cloud.site.hypervisor == "KVM":
        assert outcome(job) == SUCCESS
    assert (await cloud.volume(clone))["state"] == "Ready"
