"""Volumes and snapshots at a simulated CloudStack: whatever is sent is read back, since the server ignores
silently what it does not know."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from cloudstack import (
    CloudStackClient,
    InvalidParameter,
    JobOutcome,
    JobState,
    JobWatcher,
    NotPermitted,
    OutcomeUnknown,
    Owner,
    StorageClient,
    Submitted,
    Transport,
)
from simulators.cloudstack import CloudStackSimulator, Credentials, Fault, FaultKind, sample
from simulators.cloudstack.storage import SnapshotState, VolumeState
from tests.cloudstack.cloudstack_server import FakeCloudStack, fault, reply

NOBODY = "8c1f0f4e-0000-4000-8000-000000000001"
CHOSEN = "8c1f0f4e-0000-4000-8000-000000000002"
TAGS = {"failoverworkflow": "wf~1 a/b", "failovervolume": "v*1"}
DR = Owner(account=sample.PLAIN_ACCOUNT, domain_id=sample.DOMAIN_ID)


@dataclass
class Site:
    """A simulated CloudStack, and the product's clients of it."""

    sim: CloudStackSimulator
    transport: Transport
    storage: StorageClient
    jobs: JobWatcher

    async def ended(self, submitted: Submitted) -> JobOutcome:
        return await self.jobs.wait(submitted.jobid)

    async def done(self, submitted: Submitted) -> str:
        outcome = await self.ended(submitted)
        assert outcome.state is JobState.SUCCEEDED, outcome
        return submitted.id or ""

    async def snapshot(self, volume_id: str, name: str = "s1", **tags: str) -> str:
        return await self.done(
            await self.storage.create_snapshot(volume_id, name=name, tags=tags or TAGS, expires_in=60)
        )


async def _site(
    sim: CloudStackSimulator, who: Credentials, owner: Owner | None = None
) -> AsyncIterator[Site]:
    async with Transport(sim.endpoint, who.key, who.secret, retry_seconds=0.001) as transport:
        watcher = JobWatcher(CloudStackClient(transport), interval_seconds=0.01)
        yield Site(sim, transport, StorageClient(transport, owner, page_size=2), watcher)
        await watcher.close()


@pytest.fixture
async def sim() -> AsyncIterator[CloudStackSimulator]:
    simulator = CloudStackSimulator()
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def site(sim: CloudStackSimulator) -> AsyncIterator[Site]:
    async for one in _site(sim, sample.ADMIN):
        yield one


@pytest.fixture
async def plain(sim: CloudStackSimulator) -> AsyncIterator[Site]:
    async for one in _site(sim, sample.PLAIN):
        yield one


@pytest.fixture
async def for_dr(sim: CloudStackSimulator) -> AsyncIterator[Site]:
    async for one in _site(sim, sample.ADMIN, DR):
        yield one


# Volumes


async def test_a_volume_says_where_it_is(site: Site) -> None:
    world = site.sim.world
    vm = world.add_vm("appliance", [])
    disk = world.add_disk("replica", vm=vm, device_id=4, size=7)
    found = await site.storage.find_volume(disk.id.upper())
    assert found is not None
    assert disk.pool is not None
    assert (found.id, found.name, found.state, found.size) == (disk.id, "replica", "Ready", 7)
    assert (found.virtualmachineid, found.vmname, found.deviceid) == (vm.id, "appliance", 4)
    assert (found.storageid, found.storage, found.is_root) == (disk.pool.id, disk.pool.name, False)
    root = world.root_of(vm)
    assert root is not None
    found = await site.storage.find_volume(root.id)
    assert found is not None
    assert (found.is_root, found.deviceid, found.state, found.storageid) == (True, 0, "Allocated", None)


async def test_a_volume_that_is_gone_or_never_was_is_none(site: Site) -> None:
    disk = site.sim.world.add_disk("gone")
    site.sim.world.remove_volume(disk)
    assert await site.storage.find_volume(disk.id) is None
    assert await site.storage.find_volume(NOBODY) is None


async def test_a_volume_of_another_owner_is_found_by_its_id(for_dr: Site, plain: Site) -> None:
    ours, others = (
        for_dr.sim.world.add_disk("ours", account=for_dr.sim.world.plain),
        for_dr.sim.world.add_disk("others"),
    )
    for volume in (ours, others):
        found = await for_dr.storage.find_volume(volume.id)
        assert found is not None
        assert found.storageid is not None
    found = await plain.storage.find_volume(ours.id)
    assert found is not None
    assert found.storageid is None, "an ordinary user does not see the pool"
    with pytest.raises(NotPermitted):
        await plain.storage.find_volume(others.id)


async def test_volumes_are_listed_by_vm_name_and_keyword_over_all_pages(site: Site) -> None:
    world = site.sim.world
    vm = world.add_vm("appliance", [], account=world.plain)
    disks = [world.add_disk(f"replica-{number}", vm=vm) for number in range(5)]
    mine = world.add_disk("replica-of-mine")

    async def names(**asked: str) -> set[str]:
        return {volume.name for volume in await site.storage.list_volumes(**asked)}  # type: ignore[arg-type]

    assert {volume.id for volume in await site.storage.list_volumes(vm_id=vm.id)} == {
        volume.id for volume in world.volumes_of(vm)
    }
    assert await names(name="REPLICA-OF-MINE") == {mine.name}
    assert await names(name="replica") == set()
    assert await names(keyword="replica") == {mine.name}
    everybodys = await site.storage.list_volumes(keyword="replica", all_owners=True)
    assert {volume.id for volume in everybodys} == {mine.id, *(disk.id for disk in disks)}
    assert await names(vm_id=NOBODY) == set()
    with pytest.raises(InvalidParameter):
        await StorageClient(
            site.transport, Owner(account="nobody", domain_id=sample.DOMAIN_ID)
        ).list_volumes()


async def test_an_owner_that_is_gone_is_no_vm_without_disks(site: Site) -> None:
    vm = site.sim.world.add_vm("vm", [])
    gone = StorageClient(site.transport, Owner(project_id=NOBODY))
    for call in (
        gone.list_volumes(vm_id=vm.id),
        gone.list_snapshots(volume_id=site.sim.world.add_disk("d").id),
    ):
        with pytest.raises(InvalidParameter):
            await call
    assert await gone.list_volumes(vm_id=NOBODY) == []
    assert await gone.list_snapshots(volume_id=NOBODY) == []


async def test_a_disk_is_moved_and_put_at_its_place(site: Site) -> None:
    world = site.sim.world
    appliance, ours = world.add_vm("appliance", []), world.add_vm("ours", [])
    disk = world.add_disk("replica", vm=appliance)
    root = world.root_of(ours)
    assert root is not None
    for volume in (disk, root):
        await site.done(await site.storage.detach_volume(volume.id))
    await site.done(await site.storage.attach_volume(disk.id, ours.id, 0))
    assert (disk.vm, disk.device_id) == (ours, 0)
    await site.done(await site.storage.detach_volume(disk.id))
    await site.done(await site.storage.attach_volume(disk.id, appliance.id))
    assert (disk.vm, disk.device_id) == (appliance, 1)


async def test_what_is_refused_in_the_job_has_its_code(site: Site) -> None:
    vm = site.sim.world.add_vm("ours", [])
    disk, other = site.sim.world.add_disk("disk", vm=vm, device_id=1), site.sim.world.add_disk("other")
    for submitted, code in (
        (await site.storage.attach_volume(disk.id, vm.id, 2), 431),
        (await site.storage.attach_volume(other.id, vm.id, 0), 431),
        (await site.storage.attach_volume(other.id, vm.id, 1), 530),
        (await site.storage.attach_volume(other.id, vm.id, 3), 530),
        (await site.storage.detach_volume(other.id), 431),
    ):
        assert (await site.ended(submitted)).code == code
    for call in (site.storage.attach_volume(other.id, NOBODY, 1), site.storage.detach_volume(NOBODY)):
        with pytest.raises(InvalidParameter):
            await call


async def test_a_volume_is_deleted_once(site: Site) -> None:
    disk = site.sim.world.add_disk("left-over")
    assert await site.storage.delete_volume(disk.id) is True
    assert disk.removed
    assert await site.storage.delete_volume(disk.id) is False
    assert await site.storage.delete_volume(NOBODY) is False


async def test_a_volume_in_use_is_not_deleted(site: Site) -> None:
    disk = site.sim.world.add_disk("disk", vm=site.sim.world.add_vm("vm", []))
    with pytest.raises(InvalidParameter):
        await site.storage.delete_volume(disk.id)
    assert not disk.removed


async def test_a_delete_without_an_answer_is_not_repeated(site: Site) -> None:
    site.sim.faults.add(Fault("deleteVolume", FaultKind.LOST_AFTER_EFFECT))
    disk = site.sim.world.add_disk("disk")
    with pytest.raises(OutcomeUnknown):
        await site.storage.delete_volume(disk.id)
    assert disk.removed
    assert len(site.sim.calls_of("deleteVolume")) == 1


# Snapshots


async def test_a_snapshot_has_the_name_and_the_tags_that_were_asked_for(site: Site) -> None:
    disk = site.sim.world.add_disk("disk", size=9)
    snapshot_id = await site.snapshot(disk.id, "fo-s1")
    found = await site.storage.find_snapshot(snapshot_id)
    assert found is not None
    assert (found.name, found.state, found.volumeid, found.virtualsize) == ("fo-s1", "BackedUp", disk.id, 9)
    assert found.tag_values == TAGS


async def test_snapshots_are_found_by_all_of_their_tags(site: Site) -> None:
    disk, other = site.sim.world.add_disk("disk"), site.sim.world.add_disk("other")
    both = await site.snapshot(disk.id, "s1", a="1", b="2")
    await site.snapshot(disk.id, "s2", a="1", b="3")
    elsewhere = await site.snapshot(other.id, "s1", a="1", b="2")

    async def ids(**asked: object) -> set[str]:
        return {one.id for one in await site.storage.list_snapshots(**asked)}  # type: ignore[arg-type]

    assert await ids(tags={"a": "1", "b": "2"}) == {both, elsewhere}
    assert await ids(tags=(("b", "2"), ("a", "1")), volume_id=disk.id) == {both}
    assert await ids(name="S1") == {both, elsewhere}
    assert await ids(name="S1", volume_id=other.id) == {elsewhere}
    assert await ids(tags={"a": "9"}) == set()
    assert await ids(volume_id=NOBODY) == set()
    assert len(await ids(volume_id=disk.id)) == 2
    site.sim.world.remove_volume(disk)
    assert len(await ids(volume_id=disk.id)) == 2, "a snapshot outlives its volume"


async def test_snapshots_of_other_accounts_are_listed_too(site: Site) -> None:
    disk = site.sim.world.add_disk("disk", account=site.sim.world.plain)
    snapshot_id = await site.snapshot(disk.id)
    [found] = await site.storage.list_snapshots(volume_id=disk.id, tags=TAGS)
    assert found.id == snapshot_id
    assert site.sim.world.snapshots[snapshot_id].account is site.sim.world.plain


async def test_a_failed_snapshot_is_listed_in_error_by_name_without_tags(site: Site) -> None:
    site.sim.faults.add(Fault("createSnapshot", FaultKind.JOB_FAILS))
    disk = site.sim.world.add_disk("disk")
    submitted = await site.storage.create_snapshot(disk.id, name="s1", tags=TAGS, expires_in=60)
    assert (await site.ended(submitted)).code == 530
    [found] = await site.storage.list_snapshots(volume_id=disk.id, name="s1")
    assert (found.id, found.state, found.tag_values) == (submitted.id, "Error", {})
    assert await site.storage.list_snapshots(tags=TAGS) == []
    await site.done(await site.storage.delete_snapshot(found.id))
    assert await site.storage.find_snapshot(found.id) is None
    assert (await site.ended(await site.storage.delete_snapshot(found.id))).code == 431
    assert await site.storage.find_snapshot(NOBODY) is None


async def test_a_revert_brings_back_what_was_there(site: Site) -> None:
    site.sim.world.use_kvm()
    disk = site.sim.world.add_disk("disk", content="before")
    snapshot_id = await site.snapshot(disk.id)
    disk.content = "after"
    await site.done(await site.storage.revert_snapshot(snapshot_id))
    assert disk.content == "before"


async def test_a_volume_without_storage_has_no_snapshot(site: Site) -> None:
    root = site.sim.world.root_of(site.sim.world.add_vm("vm", []))
    assert root is not None
    with pytest.raises(InvalidParameter):
        await site.storage.create_snapshot(root.id, name="s1", tags=TAGS, expires_in=60)


# Clones


async def test_a_clone_has_name_id_and_owner_that_were_asked_for(for_dr: Site) -> None:
    snapshot_id = await for_dr.snapshot(for_dr.sim.world.add_disk("disk", content="data").id)
    submitted = await for_dr.storage.create_volume_from_snapshot(
        snapshot_id, name="clone-1", custom_id=CHOSEN, expires_in=60
    )
    assert await for_dr.done(submitted) == CHOSEN
    found = await for_dr.storage.find_volume(CHOSEN)
    assert found is not None
    assert (found.name, found.state, found.account) == ("clone-1", "Ready", sample.PLAIN_ACCOUNT)
    assert for_dr.sim.world.volumes[CHOSEN].content == "data"
    with pytest.raises(InvalidParameter):
        await for_dr.storage.create_volume_from_snapshot(
            snapshot_id, name="clone-1", custom_id=CHOSEN, expires_in=60
        )


async def test_a_key_that_may_not_choose_ids_makes_a_clone_without(plain: Site) -> None:
    disk = plain.sim.world.add_disk("disk", account=plain.sim.world.plain)
    snapshot_id = await plain.snapshot(disk.id)
    with pytest.raises(NotPermitted):
        await plain.storage.create_volume_from_snapshot(
            snapshot_id, name="clone-1", custom_id=CHOSEN, expires_in=60
        )
    volume_id = await plain.done(
        await plain.storage.create_volume_from_snapshot(
            snapshot_id, name="clone-1", custom_id=None, expires_in=60
        )
    )
    assert [one.id for one in await plain.storage.list_volumes(name="clone-1")] == [volume_id]


async def test_a_failed_clone_is_listed_in_destroy(site: Site) -> None:
    snapshot_id = await site.snapshot(site.sim.world.add_disk("disk").id)
    site.sim.faults.add(Fault("createVolume", FaultKind.JOB_FAILS))
    submitted = await site.storage.create_volume_from_snapshot(
        snapshot_id, name="clone-1", custom_id=CHOSEN, expires_in=60
    )
    assert (await site.ended(submitted)).code == 530
    found = await site.storage.find_volume(CHOSEN)
    assert found is not None
    assert (found.state, site.sim.world.volumes[CHOSEN].state) == ("Destroy", VolumeState.DESTROY)


async def test_a_snapshot_that_is_not_done_makes_no_clone(site: Site) -> None:
    snapshot_id = await site.snapshot(site.sim.world.add_disk("disk").id)
    site.sim.world.snapshots[snapshot_id].state = SnapshotState.ERROR
    with pytest.raises(InvalidParameter):
        await site.storage.create_volume_from_snapshot(
            snapshot_id, name="clone-1", custom_id=None, expires_in=60
        )


# Tags, and replies that cannot be used


async def test_tags_are_put_on_what_is_there(site: Site) -> None:
    disks = [site.sim.world.add_disk(name) for name in ("one", "two")]
    ids = [disk.id for disk in disks]
    await site.done(await site.storage.create_tags("Volume", ids, TAGS))
    for volume_id in ids:
        found = await site.storage.find_volume(volume_id)
        assert found is not None
        assert {tag.key: tag.value for tag in found.tags} == TAGS
    again = await site.ended(await site.storage.create_tags("Volume", ids, TAGS))
    assert again.code == 530


async def test_a_create_that_names_nothing_is_an_unknown_outcome(
    server: FakeCloudStack, transport: Transport
) -> None:
    client = StorageClient(transport)
    server.behave(lambda params: reply(params["command"], {"jobid": "j-1"}))
    for call in (
        client.create_snapshot("v-1", name="s1", tags={}, expires_in=60),
        client.create_volume_from_snapshot("s-1", name="c1", custom_id=None, expires_in=60),
    ):
        with pytest.raises(OutcomeUnknown, match="no id"):
            await call


@pytest.mark.parametrize("code", (429, 530, 531))
async def test_a_list_that_fails_is_no_empty_list(
    server: FakeCloudStack, transport: Transport, code: int
) -> None:
    server.behave(lambda params: fault(params["command"], code))
    client = StorageClient(transport)
    for call in (client.list_volumes(vm_id="vm-1"), client.list_snapshots(volume_id="v-1")):
        with pytest.raises(Exception, match=str(code)):
            await call
    server.behave(lambda params: fault(params["command"], 431))
    with pytest.raises(InvalidParameter):
        await client.list_snapshots(tags=TAGS)


async def test_a_request_that_makes_something_expires_when_it_was_told_to(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.behave(lambda params: reply(params["command"], {"id": "x", "jobid": "j-1"}))
    client = StorageClient(transport)
    for seconds in (60, 600):
        await client.create_snapshot("v-1", name="s1", tags={}, expires_in=seconds)
    first, second = (request["expires"] for request in server.requests)
    assert first < second
