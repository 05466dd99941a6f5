"""A test failover on clones: source and replication never notice it."""

import pytest

from rules.errors import FailoverErrorType as ErrorType
from rules.outcomes import FailoverOutcome, ProofLevel
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.cloudstack.storage import VolumeState
from tests.support.site import failed
from tests.support.whole import WHOLE_TEST, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.picture import cloud, lease, picture
from tests.whole.test_whole_sync import scheduled
from tests.whole.waits import result_of, timer_started, until


async def _cleaned(whole: WholeSite, workflow_id: str) -> None:
    cleanup = whole.client.get_workflow_handle(f"{workflow_id}-cleanup")
    await cleanup.execute_update("clean_up_now")
    await ended(cleanup)


async def test_a_drill_runs_on_clones_and_nothing_else_changes(whole_field_site: WholeSite) -> None:
    """The replica stays at the appliance, replication goes on, the source runs."""
    whole = whole_field_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_TEST)
    result = await result_of(handle)

    assert (result.outcome, result.proven) == (FailoverOutcome.COMPLETED, ProofLevel.DISKS)
    world = whole.site.cloud.world
    vm = world.vms[result.vm.id]
    assert vm.state is VmState.RUNNING
    clones = world.volumes_of(vm)
    assert not set(whole.replicas.volume_ids) & {clone.id for clone in clones}
    assert sorted(clone.device_id or 0 for clone in clones) == [0, 1, 2, 4, 5]
    by_place = {clone.device_id: clone.content for clone in clones}
    assert by_place[0] == whole.replicas.volumes[0].content
    assert by_place[5] == whole.replicas.volumes[4].content
    assert whole.replicas.at_home
    after = await picture(whole)
    unchanged = ("source", "scheduler", "fenced by", "dirty by", "next sync is a full one", "live lease")
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert after["status"] == before["status"], "any other status would stop replication"
    assert await lease(whole, "test") == whole.cleanup_of(handle).id == result.continues_as
    assert result.objectives is not None
    assert result.objectives.outage_seconds is None
    assert result.recovery_point is not None
    assert result.recovery_point.consistent

    # Replication may write while the drill runs, and the drill's cleanup takes it all back.
    job = await scheduled(whole)
    assert job.vm.context_id == whole.replicas.context_id
    while not job.ended:
        await whole.replication.step(job)
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update("clean_up_now", {"reason": "seen enough"})
    report = await ended(cleanup)
    assert (report.end, report.left_behind, report.reason) == (
        "cleaned_up",
        (),
        "an operator: seen enough",
    )
    assert await picture(whole) == before


async def test_a_sync_during_the_snapshots_tears_the_set_and_it_is_taken_anew(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    fault = Fault("createSnapshot", FaultKind.HANG, seconds=0.3, effect=True)
    whole.site.cloud.faults.add(fault)
    handle = await whole.site.start(WHOLE_TEST)
    await until(lambda: whole.site.cloud.calls_of("createSnapshot"))
    job = await scheduled(whole)
    while not job.ended:
        await whole.replication.step(job)
    result = await result_of(handle)
    assert any("torn by a sync" in warning for warning in result.warnings)
    assert result.recovery_point is not None
    assert result.recovery_point.job_id == job.id
    assert len(whole.site.cloud.calls_of("createSnapshot")) == 4
    await _cleaned(whole, handle.id)
    assert await picture(whole) == before


async def test_a_drill_waits_for_a_sync_that_is_under_way(whole_site: WholeSite) -> None:
    whole = whole_site
    job = await scheduled(whole)
    handle = await whole.site.start(WHOLE_TEST)
    await timer_started(handle)
    assert not whole.site.cloud.calls_of("createSnapshot")
    while not job.ended:
        await whole.replication.step(job)
    result = await result_of(handle)
    assert result.recovery_point is not None
    assert result.recovery_point.job_id == job.id
    await _cleaned(whole, handle.id)


async def test_a_drill_does_not_wait_for_ever_for_replication(open_whole: OpenWhole) -> None:
    whole = await open_whole(settings={"FAILOVER_QUIET_WAIT_SECONDS": 0.3})
    before = await picture(whole)
    await scheduled(whole)
    handle = await whole.site.start(WHOLE_TEST)
    end = await failed(handle)
    assert end.type == ErrorType.SYNC_STALLED
    assert end.report is not None
    assert end.report.left_behind == ()
    report = await ended(whole.cleanup_of(handle))
    assert report.end == "cleaned_up"
    assert await picture(whole) == before


async def test_a_clone_that_moves_to_the_clusters_pool_is_no_failure(whole_site: WholeSite) -> None:
    """A clone lands on any pool and is copied at its attach (observed, section 16)."""
    whole = whole_site
    world = whole.site.cloud.world
    handle = await whole.site.start(WHOLE_TEST)
    result = await result_of(handle)
    vm = world.vms[result.vm.id]
    assert vm.host is not None
    assert {clone.pool.cluster_id for clone in world.volumes_of(vm) if clone.pool} == {vm.host.cluster_id}
    await _cleaned(whole, handle.id)


@pytest.mark.parametrize("command", ("createSnapshot", "createVolume"))
@pytest.mark.parametrize("times", (1, None))
async def test_what_a_failed_snapshot_or_clone_leaves_is_cleaned_away(
    whole_site: WholeSite, command: str, times: int | None
) -> None:
    """A failed one stays behind in Error or Destroy and holds its name or its id (observed, section 16)."""
    whole = whole_site
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault(command, FaultKind.JOB_FAILS, times=times))
    handle = await whole.site.start(WHOLE_TEST)
    if times is None:
        end = await failed(handle)
        assert end.type in {ErrorType.SNAPSHOT_FAILED, ErrorType.CLONE_FAILED}
        assert end.report is not None
        assert end.report.left_behind == ()
        await ended(whole.cleanup_of(handle))
    else:
        result = await result_of(handle)
        world = whole.site.cloud.world
        clones = world.volumes_of(world.vms[result.vm.id])
        assert [clone.state for clone in clones] == [VolumeState.READY, VolumeState.READY]
        await _cleaned(whole, handle.id)
    assert await picture(whole) == before


async def test_a_lease_is_read_back_where_the_feature_is_on(whole_site: WholeSite) -> None:
    """Longer than the drill, so that it acts only when this system no longer does."""
    whole = whole_site
    whole.site.cloud.world.settings["instance.lease.enabled"] = "true"
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "2d"})
    result = await result_of(handle)
    assert result.vm.lease_days == 3
    vm = whole.site.cloud.world.vms[result.vm.id]
    assert vm.lease is not None
    (deploy,) = whole.site.cloud.calls_of("deployVirtualMachine")
    assert (deploy.params["leaseduration"], deploy.params["leaseexpiryaction"]) == ("3", "DESTROY")
    await _cleaned(whole, handle.id)


async def test_no_lease_is_claimed_where_the_feature_is_off(whole_site: WholeSite) -> None:
    """The parameters would be ignored without a word."""
    whole = whole_site
    handle = await whole.site.start(WHOLE_TEST)
    result = await result_of(handle)
    assert result.vm.lease_days == 0
    (check,) = [check for check in result.checks if check.name == "lease"]
    assert "switched off" in check.message
    await _cleaned(whole, handle.id)


async def test_a_live_vm_never_carries_a_lease(whole_site: WholeSite) -> None:
    whole = whole_site
    whole.site.cloud.world.settings["instance.lease.enabled"] = "true"
    handle = await whole.site.start({**WHOLE_TEST, "failover_type": "live"})
    result = await result_of(handle)
    assert result.vm.lease_days == 0
    assert whole.site.cloud.world.vms[result.vm.id].lease is None
    await whole.commit_of(handle).terminate("the test is over")


async def test_a_drill_that_would_eat_the_reserve_is_refused(open_whole: OpenWhole) -> None:
    whole = await open_whole(settings={"FAILOVER_POOL_RESERVE_PERCENT": 99})
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_TEST)
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert "pool_space:" in end.message
    assert await picture(whole) == before


async def test_a_drill_that_is_longer_than_the_site_allows_is_refused(open_whole: OpenWhole) -> None:
    whole = await open_whole(settings={"FAILOVER_MAX_TEST_DURATION_SECONDS": 3600})
    end = await whole.site.run_failing({**WHOLE_TEST, "test_duration": "2h"})
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert "test_duration:" in end.message


async def test_a_drill_that_is_cancelled_leaves_nothing(whole_site: WholeSite) -> None:
    whole = whole_site
    before = cloud(whole)
    whole.site.cloud.faults.add(Fault("createVolume", FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(WHOLE_TEST)
    await until(lambda: whole.site.cloud.calls_of("createVolume"))
    await handle.cancel()
    assert (await failed(handle)).type == "Cancelled"
    assert (await ended(whole.cleanup_of(handle))).end == "cleaned_up"
    assert cloud(whole) == before
    assert await lease(whole, "test") is None


async def test_a_lost_answer_never_makes_a_second_clone(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    for command in ("createSnapshot", "createVolume", "attachVolume"):
        whole.site.cloud.faults.add(Fault(command, FaultKind.LOST_AFTER_EFFECT))
    handle = await whole.site.start(WHOLE_TEST)
    await result_of(handle)
    assert len(whole.site.cloud.calls_of("createSnapshot")) == 2
    assert len(whole.site.cloud.calls_of("createVolume")) == 2
    await _cleaned(whole, handle.id)
    assert await picture(whole) == before
