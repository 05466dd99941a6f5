"""Sections 9 and 10: a VM that runs from another root volume than its template's."""

from dataclasses import dataclass

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, outcome


@dataclass(frozen=True)
class Swapped:
    """A stopped VM whose template root was taken out, and whose root is a clone.

    Attributes:
        template_root: Left over, at no VM.
        replica: In its place.
    """

    vm: str
    template_root: str
    replica: str


async def rootless(cloud: Cloud, lan: str) -> tuple[str, str]:
    """Return a never-started VM without its root volume, and that volume."""
    vm_id = await cloud.deployed(lan)
    root = await cloud.root_of(vm_id)
    await cloud.done("detachVolume", id=root["id"])
    return vm_id, root["id"]


@pytest.fixture
async def swapped(cloud: Cloud, lan: str, golden_snapshot: str) -> Swapped:
    """Swap the root of a new VM."""
    vm_id, template_root = await rootless(cloud, lan)
    replica = await cloud.clone(golden_snapshot)
    job = await cloud.attach(replica, vm_id, deviceid="0")
    assert outcome(job) == SUCCESS, job
    return Swapped(vm_id, template_root, replica)


@pytest.mark.observed(
    9, "never-started VM: ROOT Allocated, no storage, deviceid 0; detached: DATADISK, same name"
)
async def test_the_root_of_a_vm_that_never_ran_can_be_taken_out(cloud: Cloud, lan: str) -> None:
    vm_id = await cloud.deployed(lan)
    before = await cloud.root_of(vm_id)
    assert (before["type"], before["state"], before["deviceid"]) == ("ROOT", "Allocated", 0)
    await cloud.done("detachVolume", id=before["id"])
    after = await cloud.volume(before["id"])
    assert (after["type"], after["state"], after["name"]) == ("DATADISK", "Allocated", before["name"])
    assert not {"virtualmachineid", "deviceid", "storageid"} & set(after)
    assert (await cloud.call("listVolumes", virtualmachineid=vm_id)).body == {}


@pytest.mark.observed(9, "start without any volume: job 530, VM stays Stopped")
async def test_a_vm_without_any_volume_does_not_start(cloud: Cloud, lan: str) -> None:
    vm_id, _ = await rootless(cloud, lan)
    assert outcome(await cloud.run("startVirtualMachine", id=vm_id)) == failed(530)
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


@pytest.mark.observed(
    9, "attachVolume deviceid=0, volume Ready: type becomes ROOT; start: Running, same pool"
)
async def test_a_vm_runs_on_the_root_that_was_put_in(cloud: Cloud, swapped: Swapped) -> None:
    before = await cloud.volume(swapped.replica)
    assert (before["type"], before["deviceid"], before["virtualmachineid"]) == ("ROOT", 0, swapped.vm)
    await cloud.done("startVirtualMachine", id=swapped.vm)
    after = await cloud.volume(swapped.replica)
    assert (after["state"], after["storageid"]) == ("Ready", before["storageid"])
    assert (await cloud.vm(swapped.vm))["state"] == "Running"


@pytest.mark.observed(9, "attach it as root to a rootless never-started VM: not moved")
async def test_a_root_is_not_moved_when_it_is_put_in(cloud: Cloud, lan: str, golden_snapshot: str) -> None:
    vm_id, _ = await rootless(cloud, lan)
    replica = await cloud.clone(golden_snapshot)
    before = (await cloud.volume(replica))["storageid"]
    assert outcome(await cloud.attach(replica, vm_id, deviceid="0")) == SUCCESS
    assert (await cloud.volume(replica))["storageid"] == before


@pytest.mark.observed(9, "attachVolume deviceid=0, volume Allocated: success, start: Running")
async def test_the_templates_own_root_can_be_put_back(cloud: Cloud, lan: str) -> None:
    vm_id, root = await rootless(cloud, lan)
    assert outcome(await cloud.attach(root, vm_id, deviceid="0")) == SUCCESS
    await cloud.done("startVirtualMachine", id=vm_id)


@pytest.mark.observed(9, "attach deviceid=0 while a root is there: job 431")
async def test_a_vm_has_one_root(cloud: Cloud, lan: str) -> None:
    vm_id, disk = await cloud.deployed(lan), await cloud.blank()
    assert outcome(await cloud.attach(disk, vm_id, deviceid="0")) == failed(431)


@pytest.mark.observed(9, "attach without deviceid, then start: gets deviceid 1; job 530")
async def test_a_root_without_device_id_zero_is_a_data_disk(cloud: Cloud, lan: str) -> None:
    vm_id, root = await rootless(cloud, lan)
    assert outcome(await cloud.attach(root, vm_id)) == SUCCESS
    shown = await cloud.volume(root)
    assert (shown["type"], shown["deviceid"]) == ("DATADISK", 1)
    assert outcome(await cloud.run("startVirtualMachine", id=vm_id)) == failed(530)
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


@pytest.mark.observed(9, "detach root of Running: job 431")
async def test_the_root_of_a_running_vm_stays(cloud: Cloud, running_vm: str) -> None:
    root = await cloud.root_of(running_vm)
    assert outcome(await cloud.run("detachVolume", id=root["id"])) == failed(431)
    assert (await cloud.volume(root["id"]))["virtualmachineid"] == running_vm


@pytest.mark.observed(9, "detach root of Destroyed: job 431; recoverVirtualMachine, then detach, works")
async def test_the_root_of_a_destroyed_vm_is_got_out_by_recovering_it(cloud: Cloud, swapped: Swapped) -> None:
    await cloud.done("destroyVirtualMachine", id=swapped.vm)
    assert outcome(await cloud.run("detachVolume", id=swapped.replica)) == failed(431)
    assert (await cloud.call("recoverVirtualMachine", id=swapped.vm)).status == 200
    await cloud.done("detachVolume", id=swapped.replica)
    assert (await cloud.volume(swapped.replica))["type"] == "DATADISK"


@pytest.mark.observed(9, "attach/detach of a volume that ran: the way back from a failover")
async def test_a_root_that_ran_can_be_taken_out_and_put_in_again(cloud: Cloud, swapped: Swapped) -> None:
    await cloud.done("startVirtualMachine", id=swapped.vm)
    await cloud.done("stopVirtualMachine", id=swapped.vm)
    await cloud.done("detachVolume", id=swapped.replica)
    out = await cloud.volume(swapped.replica)
    assert (out["type"], out["state"]) == ("DATADISK", "Ready")
    assert outcome(await cloud.attach(swapped.replica, swapped.vm, deviceid="0")) == SUCCESS
    await cloud.done("startVirtualMachine", id=swapped.vm)


@pytest.mark.observed(10, "A swapped-in root volume: gone with destroy expunge=true (confirmed twice)")
async def test_expunge_deletes_the_root_that_was_put_in(cloud: Cloud, swapped: Swapped) -> None:
    await cloud.done("startVirtualMachine", id=swapped.vm)
    await cloud.done("destroyVirtualMachine", id=swapped.vm, expunge="true")
    assert (await cloud.call("listVolumes", id=swapped.replica)).body == {}


@pytest.mark.observed(9, "deleteVolume of the left-over root: 200 success")
async def test_the_root_that_was_taken_out_stays_until_it_is_deleted(cloud: Cloud, swapped: Swapped) -> None:
    await cloud.done("destroyVirtualMachine", id=swapped.vm, expunge="true")
    assert "virtualmachineid" not in await cloud.volume(swapped.template_root)
    assert (await cloud.call("deleteVolume", id=swapped.template_root)).status == 200
    assert (await cloud.call("listVolumes", id=swapped.template_root)).body == {}


@pytest.mark.observed(10, "a root that is taken out before the expunge is kept")
async def test_a_root_is_saved_by_taking_it_out_first(cloud: Cloud, swapped: Swapped) -> None:
    await cloud.done("detachVolume", id=swapped.replica)
    await cloud.done("destroyVirtualMachine", id=swapped.vm, expunge="true")
    assert (await cloud.volume(swapped.replica))["state"] == "Ready"


@pytest.mark.observed(
    9, "attach a Ready data volume to a VM whose root is in the other cluster: migrated silently"
)
async def test_a_data_disk_ends_in_the_cluster_of_the_root(
    cloud: Cloud, swapped: Swapped, golden_snapshot: str
) -> None:
    disk = await cloud.clone(golden_snapshot)
    assert outcome(await cloud.attach(disk, swapped.vm)) == SUCCESS
    data, root = await cloud.volume(disk), await cloud.volume(swapped.replica)
    assert (data["deviceid"], data.get("clusterid")) == (1, root.get("clusterid"))
