"""CreateSnapshot and RemoveSnapshots: one snapshot of each disk in each attempt."""

from datetime import timedelta

import pytest

from activities.messages.disks import RemoveSnapshotsRequest, SnapshotPurpose, SnapshotReply, SnapshotRequest
from activities.snapshots import SnapshotActivities
from rules.clones import mark_value, snapshot_name, snapshot_tags
from simulators.cloudstack import Fault, FaultKind, sample
from simulators.cloudstack.storage import Snapshot, SnapshotState, VolumeState
from tests.disks.conftest import QUICK, DiskSite, clouds_of, fails, run

ROLLBACK, CLONE = SnapshotPurpose.ROLLBACK, SnapshotPurpose.CLONE


def _request(
    site: DiskSite, index: int = 0, purpose: SnapshotPurpose = ROLLBACK, attempt: int = 1
) -> SnapshotRequest:
    return SnapshotRequest(
        owner=site.owner,
        volume_id=site.replicas[index].id,
        disk_id=f"disk-{2000 + index}",
        purpose=purpose,
        attempt=attempt,
        **QUICK,
    )


async def _taken(site: DiskSite, request: SnapshotRequest) -> SnapshotReply:
    """Take a snapshot as the workflow does: the call, its job, and the call again."""
    step = SnapshotActivities(site.clouds).create_snapshot
    reply = await run(step, request)
    if reply.job_id:
        await site.wait(reply.job_id)
        reply = await run(step, request)
    assert not reply.job_id
    assert reply.snapshot.state == "BackedUp"
    return reply


def _existing(site: DiskSite) -> list[Snapshot]:
    return [snapshot for snapshot in site.sim.world.snapshots.values() if not snapshot.removed]


def _tags(site: DiskSite, snapshot_id: str) -> dict[str, str]:
    return {tag.key: tag.value for tag in site.sim.world.tags if tag.resource_id == snapshot_id}


async def test_it_is_taken_tagged_and_then_adopted(disk_site: DiskSite) -> None:
    reply = await _taken(disk_site, _request(disk_site))
    [made] = _existing(disk_site)
    assert (made.id, made.volume, made.content) == (
        reply.snapshot.snapshot_id,
        disk_site.replicas[0],
        "replica 0",
    )
    assert _tags(disk_site, made.id) == {
        "failoverworkflow": disk_site.owner.workflow_id,
        "failovercontext": disk_site.owner.context_id,
        "failoverpurpose": "rollback",
        "failovervolume": disk_site.replicas[0].id,
        "failoverattempt": "1",
    }
    again = await run(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert again.snapshot.snapshot_id == made.id
    assert disk_site.commands("createSnapshot") == ["createSnapshot"]


async def test_purposes_attempts_and_disks_are_kept_apart(disk_site: DiskSite) -> None:
    replies = [
        await _taken(disk_site, request)
        for request in (
            _request(disk_site),
            _request(disk_site, attempt=2),
            _request(disk_site, purpose=CLONE),
            _request(disk_site, index=1),
        )
    ]
    assert len({reply.snapshot.snapshot_id for reply in replies}) == 4


async def test_one_in_the_making_is_waited_for(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.JOB_SLOW, seconds=0.3))
    step = SnapshotActivities(disk_site.clouds).create_snapshot
    first = await run(step, _request(disk_site))
    second = await run(step, _request(disk_site))
    assert (second.job_id, second.snapshot.snapshot_id) == (first.job_id, first.snapshot.snapshot_id)
    await disk_site.wait(second.job_id)
    assert [snapshot.state for snapshot in _existing(disk_site)] == [SnapshotState.BACKED_UP]


async def test_one_in_the_making_without_a_job_is_busy(disk_site: DiskSite) -> None:
    name = snapshot_name(disk_site.owner.workflow_id, "disk-2000", "rollback", 1)
    disk_site.sim.world.add_snapshot(name, disk_site.replicas[0])
    error = await fails(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert (error.type, error.non_retryable) == ("DiskBusy", False)


async def test_a_failed_one_is_cleared_away_and_made_anew(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.JOB_FAILS))
    step = SnapshotActivities(disk_site.clouds).create_snapshot
    failed = await run(step, _request(disk_site))
    await disk_site.wait(failed.job_id)
    # It stays in Error, and has no tags.
    assert [snapshot.state for snapshot in _existing(disk_site)] == [SnapshotState.ERROR]
    assert _tags(disk_site, failed.snapshot.snapshot_id) == {}
    again = await run(step, _request(disk_site))
    assert again.job_id
    assert failed.snapshot.snapshot_id in again.cleared[0]
    await disk_site.wait(again.job_id)
    assert [snapshot.id for snapshot in _existing(disk_site)] == [again.snapshot.snapshot_id]


@pytest.mark.parametrize("attempt", (1, 2))
async def test_a_lost_answer_never_makes_two(disk_site: DiskSite, attempt: int) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.LOST_AFTER_EFFECT))
    reply = await run(
        SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site), attempt=attempt
    )
    if reply.job_id:
        await disk_site.wait(reply.job_id)
    assert [snapshot.id for snapshot in _existing(disk_site)] == [reply.snapshot.snapshot_id]
    assert disk_site.commands("createSnapshot") == ["createSnapshot"]


async def test_a_call_that_never_came_is_sent_again(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.LOST_BEFORE_EFFECT))
    await _taken(disk_site, _request(disk_site))
    assert len(_existing(disk_site)) == 1


async def test_two_answers_lost_are_told_apart_by_a_retry(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.LOST_BEFORE_EFFECT, times=2))
    step = SnapshotActivities(disk_site.clouds).create_snapshot
    error = await fails(step, _request(disk_site))
    assert (error.type, error.non_retryable) == ("CloudStackOutcomeUnknown", False)
    assert (await run(step, _request(disk_site), attempt=2)).job_id


async def test_a_failing_server_is_tried_again_by_temporal(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.INTERNAL))
    error = await fails(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert (error.type, error.non_retryable) == ("CloudStackUnavailable", False)


async def test_a_call_that_comes_late_is_waited_for_before_the_next(disk_site: DiskSite) -> None:
    step = SnapshotActivities(disk_site.clouds).create_snapshot
    # The client gives up after 2 s; the server gets the request after 3 s, within its expiry.
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.HANG, seconds=3.0))
    request = _request(disk_site).model_copy(update={"expiry_seconds": 10.0, "settle_seconds": 2.0})
    reply = await run(step, request)
    assert [snapshot.id for snapshot in _existing(disk_site)] == [reply.snapshot.snapshot_id]
    assert disk_site.commands("createSnapshot") == ["createSnapshot"]


async def test_of_two_of_one_attempt_one_is_removed(disk_site: DiskSite) -> None:
    world, request = disk_site.sim.world, _request(disk_site)
    first = await _taken(disk_site, request)
    name = snapshot_name(disk_site.owner.workflow_id, "disk-2000", "rollback", 1)
    extra = world.add_snapshot(name, disk_site.replicas[0])
    extra.state, extra.created = SnapshotState.BACKED_UP, extra.created + timedelta(seconds=5)
    reply = await run(SnapshotActivities(disk_site.clouds).create_snapshot, request)
    assert reply.snapshot.snapshot_id == first.snapshot.snapshot_id
    assert extra.removed
    assert extra.id in reply.cleared[0]


ROWS = (
    ("Allocated", VolumeState.ALLOCATED, "SnapshotFailed", True),
    ("Snapshotting", VolumeState.SNAPSHOTTING, "DiskBusy", False),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
async def test_a_refusal_is_read_off_the_volume(
    disk_site: DiskSite, row: tuple[str, VolumeState, str, bool]
) -> None:
    said, state, error_type, final = row
    disk_site.replicas[0].state = state
    error = await fails(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert (error.type, error.non_retryable) == (error_type, final)
    assert said in error.message
    assert _existing(disk_site) == []


async def test_what_cloudstack_keeps_refusing_is_a_failure(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.REFUSED, times=None, text="not on KVM"))
    error = await fails(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert (error.type, error.non_retryable) == ("SnapshotFailed", True)
    assert "not on KVM" in error.message


async def test_a_refusal_that_met_the_end_of_another_job_is_tried_again(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.REFUSED))
    await _taken(disk_site, _request(disk_site))


async def test_a_volume_that_is_gone(disk_site: DiskSite) -> None:
    disk_site.sim.world.remove_volume(disk_site.replicas[0])
    error = await fails(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert (error.type, error.non_retryable) == ("SnapshotFailed", True)


async def test_quota(disk_site: DiskSite) -> None:
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.QUOTA))
    error = await fails(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site))
    assert (error.type, error.non_retryable) == ("QuotaExceeded", True)


def _removal(site: DiskSite, **more: tuple[str, ...]) -> RemoveSnapshotsRequest:
    return RemoveSnapshotsRequest(owner=site.owner, volume_ids=site.replica_ids, purpose=ROLLBACK, **more)


async def test_removal_takes_all_attempts_of_one_purpose_and_failed_ones(disk_site: DiskSite) -> None:
    removing = SnapshotActivities(disk_site.clouds).remove_snapshots
    kept = await _taken(disk_site, _request(disk_site, purpose=CLONE))
    await _taken(disk_site, _request(disk_site))
    await _taken(disk_site, _request(disk_site, index=1, attempt=2))
    foreign = disk_site.sim.world.add_snapshot("somebody's own", disk_site.replicas[0])
    foreign.state = SnapshotState.BACKED_UP
    disk_site.sim.faults.add(Fault("createSnapshot", FaultKind.JOB_FAILS))
    failed = await run(SnapshotActivities(disk_site.clouds).create_snapshot, _request(disk_site, index=2))
    await disk_site.wait(failed.job_id)
    removed = await run(removing, _removal(disk_site))
    assert len(removed.removed) == 3
    assert {one.id for one in _existing(disk_site)} == {kept.snapshot.snapshot_id, foreign.id}
    assert (await run(removing, _removal(disk_site))).removed == ()


async def test_removal_keeps_what_it_is_told_to(disk_site: DiskSite) -> None:
    kept = await _taken(disk_site, _request(disk_site))
    await _taken(disk_site, _request(disk_site, index=1))
    removing = SnapshotActivities(disk_site.clouds).remove_snapshots
    removed = await run(removing, _removal(disk_site, keep=(kept.snapshot.snapshot_id,)))
    assert len(removed.removed) == 1
    assert [one.id for one in _existing(disk_site)] == [kept.snapshot.snapshot_id]


async def test_another_failovers_snapshots_stay(disk_site: DiskSite) -> None:
    await _taken(disk_site, _request(disk_site))
    other = disk_site.owner.model_copy(update={"workflow_id": "another"})
    request = _removal(disk_site).model_copy(update={"owner": other})
    assert (await run(SnapshotActivities(disk_site.clouds).remove_snapshots, request)).removed == ()
    assert len(_existing(disk_site)) == 1


@pytest.mark.parametrize("kind", (FaultKind.LOST_AFTER_EFFECT, FaultKind.JOB_EXPIRED), ids=str)
async def test_removal_looks_after_a_lost_answer(disk_site: DiskSite, kind: FaultKind) -> None:
    await _taken(disk_site, _request(disk_site))
    disk_site.sim.faults.add(Fault("deleteSnapshot", kind))
    step = SnapshotActivities(disk_site.clouds).remove_snapshots
    try:
        await run(step, _removal(disk_site))
    except Exception:  # noqa: BLE001 - it may have looked before the job's end: the retry sees it
        await disk_site.until(lambda: not disk_site.unfinished_jobs())
        await run(step, _removal(disk_site))
    assert _existing(disk_site) == []


async def test_a_removal_that_fails_is_tried_again(disk_site: DiskSite) -> None:
    await _taken(disk_site, _request(disk_site))
    disk_site.sim.faults.add(Fault("deleteSnapshot", FaultKind.JOB_FAILS))
    error = await fails(SnapshotActivities(disk_site.clouds).remove_snapshots, _removal(disk_site))
    assert (error.type, error.non_retryable) == ("DiskBusy", False)
    assert len(_existing(disk_site)) == 1


async def test_a_plain_key_takes_them_too(disk_site: DiskSite) -> None:
    for volume in disk_site.replicas:
        volume.account = disk_site.sim.world.plain
    clouds = clouds_of(disk_site.sim.endpoint, sample.PLAIN)
    try:
        reply = await run(SnapshotActivities(clouds).create_snapshot, _request(disk_site))
    finally:
        await clouds.close()
    assert reply.job_id


def test_a_tag_that_cloudstack_would_cut_stays_one_of_its_own() -> None:
    one, other = "w" * 300 + "1", "w" * 300 + "2"
    assert mark_value(one) != mark_value(other)
    assert len(mark_value(one)) <= 255
    tags = snapshot_tags(one, "c", "rollback", "v", 1)
    assert all(0 < len(value) <= 255 for value in tags.values())
    assert len(snapshot_name(one, "d" * 300, "rollback", 1)) <= 255
