"""CreateClone and RemoveClones: one clone of each replica, and a replica is never removed."""

import contextlib

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.clones import CreateCloneActivities
from activities.messages.disks import CloneReply, CloneRequest, RemoveClonesRequest
from activities.our_volumes import MOST_GENERATIONS
from activities.remove_clones import RemoveClonesActivities
from rules.clones import clone_identity, clone_name
from simulators.cloudstack import Credentials, Fault, FaultKind, sample
from simulators.cloudstack.storage import GIB, Snapshot, SnapshotState, Volume, VolumeState
from tests.disks.conftest import QUICK, DiskSite, clouds_of, fails, run


@pytest_asyncio.fixture(loop_scope="session")
async def snapshots(disk_site: DiskSite) -> list[Snapshot]:
    made = []
    for index, volume in enumerate(disk_site.replicas):
        snapshot = disk_site.sim.world.add_snapshot(f"for clones {index}", volume)
        snapshot.state = SnapshotState.BACKED_UP
        made.append(snapshot)
    return made


def _request(site: DiskSite, snapshots: list[Snapshot], index: int = 0) -> CloneRequest:
    return CloneRequest(
        owner=site.owner, disk=site.plan(index, index), snapshot_id=snapshots[index].id, **QUICK
    )


def _clones(site: DiskSite) -> list[Volume]:
    ours = {clone_name(site.owner.workflow_id, volume.id) for volume in site.replicas}
    return [one for one in site.sim.world.volumes.values() if not one.removed and one.name in ours]


def _identity(site: DiskSite, generation: int = 1) -> str:
    return clone_identity(site.owner.workflow_id, site.owner.context_id, site.replicas[0].id, generation)


async def _made(site: DiskSite, request: CloneRequest) -> CloneReply:
    step = CreateCloneActivities(site.clouds).create_clone
    reply = await run(step, request)
    if reply.job_id:
        await site.wait(reply.job_id)
        reply = await run(step, request)
    assert not reply.job_id
    assert reply.volume.state == "Ready"
    return reply


async def test_it_is_made_found_again_and_tagged(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    request = _request(disk_site, snapshots)
    reply = await _made(disk_site, request)
    [clone] = _clones(disk_site)
    assert (clone.id, clone.content) == (_identity(disk_site), "replica 0")
    # The reply says where it landed, which nobody can choose.
    assert clone.pool is not None
    assert reply.volume.storage_id == clone.pool.id
    tags = {tag.key: tag.value for tag in disk_site.sim.world.tags if tag.resource_id == clone.id}
    assert tags == {
        "failoverworkflow": disk_site.owner.workflow_id,
        "failovercontext": disk_site.owner.context_id,
        "failovervolume": disk_site.replicas[0].id,
    }
    assert (await _made(disk_site, request)).volume.volume_id == clone.id
    assert disk_site.commands("createVolume", "createTags") == ["createVolume", "createTags"]


async def test_one_in_the_making_is_busy(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    disk_site.sim.faults.add(Fault("createVolume", FaultKind.JOB_SLOW, seconds=0.3))
    step = CreateCloneActivities(disk_site.clouds).create_clone
    job_id = (await run(step, _request(disk_site, snapshots))).job_id
    error = await fails(step, _request(disk_site, snapshots))
    assert (error.type, error.non_retryable) == ("DiskBusy", False)
    await disk_site.wait(job_id)
    await _made(disk_site, _request(disk_site, snapshots))
    assert len(_clones(disk_site)) == 1


@pytest.mark.parametrize("kind", (FaultKind.LOST_BEFORE_EFFECT, FaultKind.LOST_AFTER_EFFECT), ids=str)
@pytest.mark.parametrize("who", (sample.ADMIN, sample.PLAIN), ids=("own-id", "plain-key"))
async def test_a_lost_answer_never_makes_two(
    disk_site: DiskSite, snapshots: list[Snapshot], kind: FaultKind, who: Credentials
) -> None:
    plain = who is sample.PLAIN
    if plain:
        _give_to_plain(disk_site, snapshots)
    # A key that may not choose ids is refused once before it asks without one.
    disk_site.sim.faults.add(Fault("createVolume", kind, skip=1 if plain else 0))
    request = _request(disk_site, snapshots)
    clouds = clouds_of(disk_site.sim.endpoint, who)
    step = CreateCloneActivities(clouds).create_clone
    try:
        # However often it is told that it is busy or unknown, as Temporal would try.
        for attempt in range(1, 20):
            with contextlib.suppress(ApplicationError):
                reply = await run(step, request, attempt=attempt)
                if not reply.job_id:
                    break
            await disk_site.until(lambda: not disk_site.unfinished_jobs())
    finally:
        await clouds.close()
    assert [clone.id for clone in _clones(disk_site)] == [reply.volume.volume_id]


def _give_to_plain(site: DiskSite, snapshots: list[Snapshot]) -> None:
    for volume in site.replicas:
        volume.account = site.sim.world.plain
    for snapshot in snapshots:
        snapshot.account = site.sim.world.plain


async def test_a_key_that_may_not_choose_ids_finds_by_name(
    disk_site: DiskSite, snapshots: list[Snapshot]
) -> None:
    _give_to_plain(disk_site, snapshots)
    clouds = clouds_of(disk_site.sim.endpoint, sample.PLAIN)
    try:
        step = CreateCloneActivities(clouds).create_clone
        first = await run(step, _request(disk_site, snapshots))
        await disk_site.until(lambda: not disk_site.unfinished_jobs())
        second = await run(step, _request(disk_site, snapshots))
        removing = RemoveClonesActivities(clouds).remove_clones
        removed = await run(removing, _removal(disk_site))
    finally:
        await clouds.close()
    assert second.volume.volume_id == first.volume.volume_id
    assert second.volume.storage_id == ""  # such a key sees no pool
    assert len(removed.removed) == 1
    assert _clones(disk_site) == []


async def test_a_failed_one_is_deleted_and_the_generation_rises(
    disk_site: DiskSite, snapshots: list[Snapshot]
) -> None:
    disk_site.sim.faults.add(Fault("createVolume", FaultKind.JOB_FAILS))
    step = CreateCloneActivities(disk_site.clouds).create_clone
    failed = await run(step, _request(disk_site, snapshots))
    await disk_site.wait(failed.job_id)
    assert [clone.state for clone in _clones(disk_site)] == [VolumeState.DESTROY]
    reply = await run(step, _request(disk_site, snapshots))
    await disk_site.wait(reply.job_id)
    assert failed.volume.volume_id in reply.cleared[0]
    assert [clone.id for clone in _clones(disk_site)] == [_identity(disk_site, 2)]


async def test_the_id_of_a_deleted_one_is_spent(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    await _made(disk_site, _request(disk_site, snapshots))
    disk_site.sim.world.remove_volume(_clones(disk_site)[0])
    reply = await _made(disk_site, _request(disk_site, snapshots))
    assert reply.volume.volume_id == _identity(disk_site, 2)


async def test_of_two_one_is_removed(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    reply = await _made(disk_site, _request(disk_site, snapshots))
    world = disk_site.sim.world
    name = clone_name(disk_site.owner.workflow_id, disk_site.replicas[0].id)
    world.add_disk(name, volume_id="ffffffff-0000-4000-8000-000000000000")
    again = await run(CreateCloneActivities(disk_site.clouds).create_clone, _request(disk_site, snapshots))
    assert [clone.id for clone in _clones(disk_site)] == [reply.volume.volume_id]
    assert len(again.cleared) == 1


async def test_a_clone_in_use_is_adopted_wherever_it_is(
    disk_site: DiskSite, snapshots: list[Snapshot]
) -> None:
    await _made(disk_site, _request(disk_site, snapshots))
    [clone] = _clones(disk_site)
    clone.attach(disk_site.vm, 1)
    reply = await run(CreateCloneActivities(disk_site.clouds).create_clone, _request(disk_site, snapshots))
    assert (reply.volume.vm_id, reply.job_id) == (disk_site.vm.id, "")


async def test_a_snapshot_that_cannot_be_used(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    snapshots[0].state = SnapshotState.ERROR
    error = await fails(CreateCloneActivities(disk_site.clouds).create_clone, _request(disk_site, snapshots))
    assert (error.type, error.non_retryable) == ("CloneFailed", True)
    assert _clones(disk_site) == []


async def test_quota(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    disk_site.sim.faults.add(Fault("createVolume", FaultKind.QUOTA))
    error = await fails(CreateCloneActivities(disk_site.clouds).create_clone, _request(disk_site, snapshots))
    assert (error.type, error.non_retryable) == ("QuotaExceeded", True)


async def test_a_server_that_keeps_failing_does_not_end_the_run(
    disk_site: DiskSite, snapshots: list[Snapshot]
) -> None:
    disk_site.sim.faults.add(Fault("createVolume", FaultKind.INTERNAL, times=None))
    error = await fails(CreateCloneActivities(disk_site.clouds).create_clone, _request(disk_site, snapshots))
    assert (error.type, error.non_retryable) == ("CloudStackUnavailable", False)
    assert len(disk_site.commands("createVolume")) == MOST_GENERATIONS


async def test_a_key_that_may_not_tag_is_no_failure(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    disk_site.sim.faults.add(Fault("createTags", FaultKind.REFUSED, code=531))
    await _made(disk_site, _request(disk_site, snapshots))


def _removal(site: DiskSite) -> RemoveClonesRequest:
    return RemoveClonesRequest(owner=site.owner, volume_ids=site.replica_ids)


async def test_removal_takes_all_of_them_failed_ones_too(
    disk_site: DiskSite, snapshots: list[Snapshot]
) -> None:
    await _made(disk_site, _request(disk_site, snapshots))
    await _made(disk_site, _request(disk_site, snapshots, 1))
    disk_site.sim.faults.add(Fault("createVolume", FaultKind.JOB_FAILS))
    failed = await run(
        CreateCloneActivities(disk_site.clouds).create_clone, _request(disk_site, snapshots, 2)
    )
    await disk_site.wait(failed.job_id)
    # Somebody renamed one: its id still tells.
    _clones(disk_site)[0].name = "renamed"
    step = RemoveClonesActivities(disk_site.clouds).remove_clones
    removed = await run(step, _removal(disk_site))
    assert (len(removed.removed), removed.left_behind) == (3, ())
    left = [one for one in disk_site.sim.world.volumes.values() if not one.removed]
    assert {one.id for one in left} >= set(disk_site.replica_ids)
    assert all(one.name.startswith(("ROOT-", "pgtest1-")) for one in left)
    assert (await run(step, _removal(disk_site))).removed == ()


async def test_removal_names_what_a_vm_has(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    await _made(disk_site, _request(disk_site, snapshots))
    [clone] = _clones(disk_site)
    clone.attach(disk_site.vm, 1)
    removed = await run(RemoveClonesActivities(disk_site.clouds).remove_clones, _removal(disk_site))
    assert removed.removed == ()
    assert clone.id in removed.left_behind[0]
    assert disk_site.vm.id in removed.left_behind[0]
    assert _clones(disk_site) == [clone]


async def test_removal_looks_after_a_lost_answer(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    await _made(disk_site, _request(disk_site, snapshots))
    disk_site.sim.faults.add(Fault("deleteVolume", FaultKind.LOST_AFTER_EFFECT))
    step = RemoveClonesActivities(disk_site.clouds).remove_clones
    error = await fails(step, _removal(disk_site))
    assert error.type == "CloudStackOutcomeUnknown"
    assert (await run(step, _removal(disk_site))).left_behind == ()
    assert _clones(disk_site) == []


async def test_a_busy_clone_is_tried_again(disk_site: DiskSite, snapshots: list[Snapshot]) -> None:
    await _made(disk_site, _request(disk_site, snapshots))
    _clones(disk_site)[0].state = VolumeState.SNAPSHOTTING
    error = await fails(RemoveClonesActivities(disk_site.clouds).remove_clones, _removal(disk_site))
    assert (error.type, error.non_retryable) == ("DiskBusy", False)


async def test_a_replica_that_carries_our_name_is_no_clone(disk_site: DiskSite) -> None:
    disk_site.replicas[0].name = clone_name(disk_site.owner.workflow_id, disk_site.replicas[1].id)
    disk_site.replicas[0].detach()
    removed = await run(RemoveClonesActivities(disk_site.clouds).remove_clones, _removal(disk_site))
    assert removed.removed == ()
    assert not disk_site.replicas[0].removed
    assert disk_site.replicas[0].size == 5 * GIB
