"""The last sync and the point in time that the disks hold."""

import asyncio

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.replication import Fate, Job
from simulators.replication.jobs import COMPLETED
from tests.support.replicas import TORN_JOB
from tests.support.site import activity_started, failed
from tests.support.whole import LOST, WHOLE_LIVE, WholeSite
from tests.whole.conftest import OpenWhole
from tests.whole.picture import picture
from tests.whole.test_whole_source import VCENTER
from tests.whole.waits import result_of

NO_SYNC = {**WHOLE_LIVE, "perform_final_sync": False, "reason": "the link is too slow"}


async def scheduled(whole: WholeSite) -> Job:
    """Let the scheduler's time come, and return the job of our VM."""
    jobs = await whole.replication.tick()
    return next(job for job in jobs if job.vm.context_id == whole.replicas.context_id)


@pytest.mark.parametrize(
    ("fate", "error"), ((Fate.FAILS, ErrorType.SYNC_FAILED), (Fate.STICKS, ErrorType.SYNC_STALLED))
)
async def test_a_final_sync_that_fails_or_never_moves_is_undone(
    open_whole: OpenWhole, fate: Fate, error: ErrorType
) -> None:
    """The source is on again, the scheduler too; what the sync left torn is named by the next preflight."""
    whole = await open_whole(settings={"FAILOVER_SYNC_STALL_SECONDS": 0.5})
    before = await picture(whole)
    whole.replication.next_job(fate)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == error
    assert end.report is not None
    assert (end.report.step, end.report.left_behind) == ("final sync", ())
    assert await picture(whole) == before


async def test_a_final_sync_whose_answer_is_lost_is_started_once(whole_site: WholeSite) -> None:
    whole_site.replication.lose("start")
    result = await whole_site.site.run(WHOLE_LIVE)
    (job,) = whole_site.replication.jobs.values()
    assert result.recovery_point is not None
    assert result.recovery_point.job_id == job.id


@pytest.mark.parametrize("status", (409, 503))
async def test_an_api_that_does_not_begin_for_a_while_is_asked_again(
    whole_site: WholeSite, status: int
) -> None:
    """A 409 says that some job runs: what the database shows decides, and nothing runs there."""
    whole_site.replication.answer("start", status)
    whole_site.replication.lose("status", times=2)
    await whole_site.site.run(WHOLE_LIVE)
    assert [job.status for job in whole_site.replication.jobs.values()] == [COMPLETED]


async def test_a_job_under_way_at_the_fence_is_waited_for_and_another_one_syncs(
    whole_site: WholeSite,
) -> None:
    """A job that began while the source ran is never the last one."""
    whole = whole_site
    running = await scheduled(whole)
    result = await whole.site.run(WHOLE_LIVE)
    assert running.status == COMPLETED
    final = next(
        job
        for job in whole.replication.jobs.values()
        if job is not running and job.vm.context_id == whole.replicas.context_id
    )
    assert result.recovery_point is not None
    assert result.recovery_point.job_id == final.id
    assert result.source_end is not None
    assert result.source_end.off_at is not None
    assert running.completed_at is not None
    assert running.completed_at < result.source_end.off_at < final.started_at
    assert any(running.id in warning for warning in result.warnings)


async def test_a_job_under_way_that_never_moves_stops_the_run_before_the_outage(
    open_whole: OpenWhole,
) -> None:
    whole = await open_whole(settings={"FAILOVER_SYNC_STALL_SECONDS": 0.5})
    whole.replication.next_job(Fate.STICKS, Fate.STICKS, Fate.STICKS)
    await scheduled(whole)
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_LIVE)
    end = await failed(handle)
    assert end.type == ErrorType.SYNC_STALLED
    assert "PowerOffSourceActivity" not in await whole.site.event_types(handle)
    assert await picture(whole) == before


async def test_the_scheduler_is_off_while_the_failover_goes_on(whole_site: WholeSite) -> None:
    """Whatever the scheduler would do meanwhile, it finds nothing to do."""
    whole = whole_site
    hold = whole.replication.hold("start")
    handle = await whole.site.start(WHOLE_LIVE)
    await asyncio.wait_for(hold.arrived.wait(), 60)
    vms = {job.vm.context_id for job in await whole.replication.tick()}
    assert whole.replicas.context_id not in vms
    hold.released.set()
    await result_of(handle)


async def test_without_a_final_sync_the_loss_is_stated(whole_site: WholeSite) -> None:
    result = await whole_site.site.run(NO_SYNC)
    assert whole_site.replication.jobs == {}
    assert result.objectives is not None
    assert result.objectives.rpo_seconds is not None
    assert result.objectives.rpo_seconds >= 600
    assert any("no final sync" in warning for warning in result.warnings)


@pytest.mark.parametrize("request_", (LOST, NO_SYNC))
async def test_a_torn_replica_is_refused_where_no_sync_mends_it(
    open_whole: OpenWhole, request_: dict[str, object]
) -> None:
    whole = await open_whole(torn=True)
    if request_ is LOST:
        whole.site.vma.set_vcenter_down(VCENTER)
    before = await picture(whole)
    end = await whole.site.run_failing(request_)
    assert end.type == ErrorType.RECOVERY_POINT_REFUSED
    assert TORN_JOB in end.message
    assert await picture(whole) == before


async def test_a_torn_replica_that_is_accepted_goes_on_and_says_so(open_whole: OpenWhole) -> None:
    whole = await open_whole(torn=True)
    whole.site.vma.set_vcenter_down(VCENTER)
    result = await whole.site.run({**LOST, "accept_recovery_point": True})
    assert result.recovery_point is not None
    assert not result.recovery_point.consistent
    assert any("inconsistent" in warning for warning in result.warnings)


async def test_the_final_sync_mends_a_torn_replica(open_whole: OpenWhole) -> None:
    whole = await open_whole(torn=True)
    result = await whole.site.run(WHOLE_LIVE)
    assert result.recovery_point is not None
    assert result.recovery_point.consistent
    assert result.objectives is not None
    assert result.objectives.rpo_seconds == 0


async def test_a_job_of_a_lost_source_counts_as_interrupted(whole_site: WholeSite) -> None:
    """Nobody waits for it, and what it wrote is accepted or refused."""
    whole = whole_site
    await scheduled(whole)
    whole.site.vma.set_vcenter_down(VCENTER)
    before = await picture(whole)
    assert (await whole.site.run_failing(LOST)).type == ErrorType.RECOVERY_POINT_REFUSED
    assert await picture(whole) == before
    result = await whole.site.run({**LOST, "accept_recovery_point": True})
    assert result.recovery_point is not None
    assert not result.recovery_point.consistent


async def test_a_job_that_somebody_starts_beside_the_fence_stops_the_run(whole_site: WholeSite) -> None:
    """The fence is looked at again before the snapshots: a sync into disks that move would corrupt them."""
    whole = whole_site
    before = await picture(whole)
    whole.replication.step_on_look = True
    hold = whole.replication.hold("status")
    handle = await whole.site.start(WHOLE_LIVE)
    await asyncio.wait_for(hold.arrived.wait(), 60)
    (final,) = whole.replication.jobs.values()
    while not final.ended:
        await whole.replication.step(final)
    await whole.site.sql(
        "UPDATE vm_replication_contexts SET scheduler_enabled = 1 "
        f"WHERE context_id = '{whole.replicas.context_id}'"
    )
    hold.released.set()
    end = await failed(handle)
    assert end.type == ErrorType.FENCE_BROKEN
    assert await picture(whole) == before


async def test_a_replica_that_a_failover_wrote_to_is_refused(whole_site: WholeSite) -> None:
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    await result_of(handle)
    await whole.commit_of(handle).terminate("an operator's mistake")
    end = await whole.site.run_failing({**WHOLE_LIVE, "failover_type": "test"})
    assert end.type in {ErrorType.LIVE_VM_EXISTS, ErrorType.PREFLIGHT_FAILED}
    assert handle.id in end.message


async def test_a_run_is_cancelled_during_the_final_sync(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    whole.replication.step_on_look = False
    handle = await whole.site.start(WHOLE_LIVE)
    await activity_started(handle, "WatchSyncActivity")
    await handle.cancel()
    end = await failed(handle)
    assert end.type == "Cancelled"
    after = await picture(whole)
    assert after == before
