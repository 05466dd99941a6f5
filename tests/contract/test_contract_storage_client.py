"""The product's storage client: each call, each look-up and each refusal that a failover relies on."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass

import pytest

from cloudstack import (
    CloudStackClient,
    InternalFault,
    InvalidParameter,
    JobOutcome,
    JobState,
    JobWatcher,
    NotPermitted,
    Snapshot,
    StorageClient,
    Submitted,
    Transport,
    Volume,
)
from tests.contract.cloud import Cloud, new_id
from tests.contract.target import KeyPair, Target

EXPIRES_IN = 60
PASSING = {"Snapshotting"}


@dataclass
class Storage:
    """The client, and the ends of its jobs."""

    client: StorageClient
    jobs: JobWatcher

    async def ended(self, call: Awaitable[Submitted]) -> JobOutcome:
        return await self.jobs.wait((await call).jobid)

    async def done(self, call: Awaitable[Submitted]) -> str:
        submitted = await call
        outcome = await self.jobs.wait(submitted.jobid)
        assert outcome.state is JobState.SUCCEEDED, outcome
        return submitted.id or ""

    async def volume(self, volume_id: str) -> Volume:
        found = await self.client.find_volume(volume_id)
        assert found is not None
        return found

    async def snapshot(self, volume_id: str, name: str, **tags: str) -> Snapshot:
        made = await self.done(
            self.client.create_snapshot(volume_id, name=name, tags=tags, expires_in=EXPIRES_IN)
        )
        found = await self.client.find_snapshot(made)
        assert found is not None
        return found

    async def clone(self, snapshot_id: str, name: str, custom_id: str | None = None) -> str:
        return await self.done(
            self.client.create_volume_from_snapshot(
                snapshot_id, name=name, custom_id=custom_id, expires_in=EXPIRES_IN
            )
        )


async def _storage(endpoint: str, keys: KeyPair) -> AsyncIterator[Storage]:
    async with Transport(endpoint, keys.key, keys.secret) as transport:
        watcher = JobWatcher(CloudStackClient(transport), interval_seconds=0.2)
        yield Storage(StorageClient(transport), watcher)
        await watcher.close()


@pytest.fixture(scope="module")
async def storage(target: Target) -> AsyncIterator[Storage]:
    async for one in _storage(target.endpoint, target.admin):
        yield one


@pytest.fixture
async def replica(storage: Storage, cloud: Cloud, golden_snapshot: str) -> str:
    """A detached volume with storage: what a replicated disk is."""
    return await storage.clone(golden_snapshot, cloud.name("replica"))


@pytest.mark.observed(16, "the volume as listed raw and as the client reads it are one")
async def test_the_client_reads_a_volume_as_it_is_listed(
    cloud: Cloud, storage: Storage, running_vm: str
) -> None:
    raw = await cloud.root_of(running_vm)
    found = await storage.volume(raw["id"])
    place = ("virtualmachineid", "deviceid", "storageid", "zoneid", "account", "domainid")
    for field in ("id", "name", "state", "type", "size", *place):
        assert getattr(found, field) == raw[field], field
    assert found.is_root


@pytest.mark.observed(9, "listVolumes id= deleted: empty; section 6: unknown id 431; by VM and by name")
async def test_the_client_finds_volumes(cloud: Cloud, storage: Storage, lan: str) -> None:
    vm_id, name = await cloud.deployed(lan), cloud.name("disk")
    disk = await cloud.blank(name=name)
    await cloud.attach(disk, vm_id)
    attached = {volume.id: volume.deviceid for volume in await storage.client.list_volumes(vm_id=vm_id)}
    assert attached == {(await cloud.root_of(vm_id))["id"]: 0, disk: 1}
    for found in (
        await storage.client.list_volumes(name=name),
        await storage.client.list_volumes(keyword=name[1:], all_owners=True),
    ):
        assert [volume.id for volume in found] == [disk]
    assert await storage.client.list_volumes(name=name[:-1]) == []
    assert await storage.client.list_volumes(vm_id=new_id()) == []
    await storage.done(storage.client.detach_volume(disk))
    assert await storage.client.delete_volume(disk) is True
    assert await storage.client.delete_volume(disk) is False
    assert await storage.client.find_volume(disk) is None
    assert await storage.client.find_volume(new_id()) is None


@pytest.mark.observed(9, "root swap by volume id, deviceid=0; and the way back")
async def test_the_client_swaps_a_root_and_puts_it_back(
    cloud: Cloud, storage: Storage, lan: str, replica: str
) -> None:
    vm_id, appliance = await cloud.deployed(lan), await cloud.deployed(lan)
    template_root = (await cloud.root_of(vm_id))["id"]
    before = (await storage.volume(replica)).storageid
    await storage.done(storage.client.detach_volume(template_root))
    await storage.done(storage.client.attach_volume(replica, vm_id, 0))
    there = await storage.volume(replica)
    assert (there.virtualmachineid, there.deviceid, there.is_root) == (vm_id, 0, True)
    assert there.storageid == before, "a root without a VM bound to a cluster is not moved"
    assert await storage.client.delete_volume(template_root) is True
    await storage.done(storage.client.detach_volume(replica))
    nowhere = await storage.volume(replica)
    assert (nowhere.virtualmachineid, nowhere.deviceid, nowhere.is_root) == (None, None, False)
    await storage.done(storage.client.attach_volume(replica, appliance))
    assert (await storage.volume(replica)).virtualmachineid == appliance


@pytest.mark.observed(9, "what is attached, taken or running is refused in the job; section 12: places")
async def test_the_client_meets_the_refusals_of_a_move(
    cloud: Cloud, storage: Storage, stopped_vm: str, running_vm: str, replica: str
) -> None:
    client = storage.client
    template_root, running_root = (
        (await cloud.root_of(stopped_vm))["id"],
        (await cloud.root_of(running_vm))["id"],
    )
    for call, code in (
        (client.attach_volume(replica, stopped_vm, 0), 431),  # a root is there
        (client.attach_volume(template_root, running_vm, 2), 431),  # it is attached
        (client.attach_volume(replica, stopped_vm, 3), 530),  # reserved
        (client.detach_volume(replica), 431),  # it is at no VM
        (client.detach_volume(running_root), 431),  # a root of a Running VM
    ):
        outcome = await storage.ended(call)
        assert (outcome.state, outcome.code) == (JobState.FAILED, code)
    for call in (client.attach_volume(replica, new_id(), 1), client.detach_volume(new_id())):
        with pytest.raises(InvalidParameter):
            await call
    with pytest.raises(InvalidParameter):
        await client.delete_volume(template_root)
    assert (await storage.volume(replica)).virtualmachineid is None


@pytest.mark.observed(15, "snapshot: name, tags[0].key/value (works); several pairs are OR for the server")
async def test_the_client_tags_snapshots_and_finds_them_by_all_tags(
    cloud: Cloud, storage: Storage, replica: str
) -> None:
    workflow, name = new_id(), cloud.name("snapshot")
    both = await storage.snapshot(replica, name, failoverworkflow=workflow, failoverpurpose="rollback")
    other = await storage.snapshot(
        replica, cloud.name("snapshot"), failoverworkflow=workflow, failoverpurpose="clone"
    )
    assert (both.name, both.state, both.volumeid) == (name, "BackedUp", replica)
    assert both.tag_values == {"failoverworkflow": workflow, "failoverpurpose": "rollback"}

    async def ids(**asked: object) -> set[str]:
        return {one.id for one in await storage.client.list_snapshots(**asked)}  # type: ignore[arg-type]

    assert await ids(tags={"failoverworkflow": workflow}) == {both.id, other.id}
    assert await ids(tags={"failoverworkflow": workflow, "failoverpurpose": "rollback"}) == {both.id}
    assert await ids(tags={"failoverpurpose": "rollback", "failoverworkflow": workflow}) == {both.id}
    assert await ids(volume_id=replica) == {both.id, other.id}
    assert await ids(volume_id=replica, name=name) == {both.id}
    assert await ids(volume_id=new_id()) == set()
    await storage.done(storage.client.delete_snapshot(both.id))
    assert await storage.client.find_snapshot(both.id) is None
    assert await ids(tags={"failoverworkflow": workflow}) == {other.id}
    again = await storage.ended(storage.client.delete_snapshot(both.id))
    assert (again.state, again.code) == (JobState.FAILED, 431)


@pytest.mark.observed(
    16, "during Snapshotting: second snapshot 431, attach job 431, deleteVolume 431; then all of it works"
)
async def test_a_volume_that_is_being_snapshotted_is_left_alone(
    cloud: Cloud, storage: Storage, stopped_vm: str, replica: str
) -> None:
    client = storage.client
    submitted = await client.create_snapshot(
        replica, name=cloud.name("snapshot"), tags={}, expires_in=EXPIRES_IN
    )
    if (await storage.volume(replica)).state not in PASSING:
        await storage.jobs.wait(submitted.jobid)
        pytest.skip("a snapshot is over here, or has not begun, when it can be asked for")
    attach = await client.attach_volume(replica, stopped_vm, 2)
    with pytest.raises(InvalidParameter):
        await client.create_snapshot(replica, name=cloud.name("snapshot"), tags={}, expires_in=EXPIRES_IN)
    with pytest.raises(InvalidParameter):
        await client.delete_volume(replica)
    assert (await storage.jobs.wait(attach.jobid)).code == 431
    assert (await storage.jobs.wait(submitted.jobid)).state is JobState.SUCCEEDED
    assert (await storage.volume(replica)).state == "Ready"


@pytest.mark.observed(13, "createSnapshot on an Allocated volume: HTTP 431; of an unknown one: 431")
async def test_the_client_meets_volumes_that_have_no_snapshot(
    cloud: Cloud, storage: Storage, stopped_vm: str
) -> None:
    for volume_id in ((await cloud.root_of(stopped_vm))["id"], new_id()):
        with pytest.raises(InvalidParameter):
            await storage.client.create_snapshot(
                volume_id, name=cloud.name("snapshot"), tags={}, expires_in=EXPIRES_IN
            )


@pytest.mark.observed(16, "createVolume snapshotid= customid=: Ready; repeat 431; after deleteVolume 530")
async def test_the_client_clones_under_an_id_of_its_own(
    cloud: Cloud, storage: Storage, golden_snapshot: str
) -> None:
    chosen, name = new_id(), cloud.name("clone")
    assert await storage.clone(golden_snapshot, name, chosen) == chosen
    found = await storage.volume(chosen)
    assert (found.name, found.state, found.virtualmachineid) == (name, "Ready", None)
    for error in (InvalidParameter, InternalFault):
        with pytest.raises(error):
            await storage.clone(golden_snapshot, name, chosen)
        await storage.client.delete_volume(chosen)
    with pytest.raises(InvalidParameter):
        await storage.clone(new_id(), name)


@pytest.mark.observed(16, "a volume from a snapshot that was deleted is refused with 431")
async def test_a_deleted_snapshot_makes_no_clone(cloud: Cloud, storage: Storage, replica: str) -> None:
    snapshot = await storage.snapshot(replica, cloud.name("snapshot"))
    await storage.done(storage.client.delete_snapshot(snapshot.id))
    with pytest.raises(InvalidParameter):
        await storage.clone(snapshot.id, cloud.name("clone"))


@pytest.mark.observed(16, "revertSnapshot: job 431 at a Running VM, job 530 where the hypervisor cannot")
async def test_the_client_reverts_where_the_hypervisor_can(
    cloud: Cloud, storage: Storage, replica: str
) -> None:
    snapshot = await storage.snapshot(replica, cloud.name("snapshot"))
    outcome = await storage.ended(storage.client.revert_snapshot(snapshot.id))
    if cloud.site.hypervisor == "KVM":
        assert outcome.state is JobState.SUCCEEDED
    else:
        assert (outcome.state, outcome.code) in {(JobState.SUCCEEDED, 0), (JobState.FAILED, 530)}
    with pytest.raises(InvalidParameter):
        await storage.client.revert_snapshot(new_id())


@pytest.mark.observed(15, "createTags resourcetype Volume: job success; key exists already: job 530")
async def test_the_client_tags_volumes(cloud: Cloud, storage: Storage) -> None:
    ids, value = [await cloud.blank() for _ in range(2)], new_id()
    await storage.done(storage.client.create_tags("Volume", ids, {"failoverworkflow": value}))
    for volume_id in ids:
        found = await storage.volume(volume_id)
        assert [(tag.key, tag.value) for tag in found.tags] == [("failoverworkflow", value)]
    again = await storage.ended(storage.client.create_tags("Volume", ids, {"failoverworkflow": value}))
    assert (again.state, again.code) == (JobState.FAILED, 530)


@pytest.mark.observed(15, "volume customid as plain: 531; listSnapshots and listVolumes of a foreign VM: 531")
async def test_an_ordinary_users_client_is_told_what_it_may_not(
    target: Target, plain: KeyPair, golden_snapshot: str, cloud: Cloud, stopped_vm: str
) -> None:
    root = await cloud.root_of(stopped_vm)
    async for storage in _storage(target.endpoint, plain):
        for call in (
            storage.client.find_volume(root["id"]),
            storage.client.attach_volume(root["id"], stopped_vm, 1),
            storage.client.create_volume_from_snapshot(
                golden_snapshot, name=cloud.name("clone"), custom_id=new_id(), expires_in=EXPIRES_IN
            ),
        ):
            with pytest.raises(NotPermitted):
                await call
