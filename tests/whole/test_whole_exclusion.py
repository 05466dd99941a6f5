"""Who keeps whom out: live runs each other, whatever became of Temporal; a drill never a live run."""

from temporalio.client import Client

from rules.errors import FailoverErrorType as ErrorType
from rules.temporal_names import cleanup_workflow_id
from simulators.cloudstack import VmState
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WHOLE_TEST, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.namespaces import empty_temporal
from tests.whole.picture import lease, picture
from tests.whole.waits import result_of


async def test_a_second_live_run_is_refused_while_the_first_is_not_committed(whole_site: WholeSite) -> None:
    """The lease names who holds the context."""
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    await result_of(handle)
    commit = whole.commit_of(handle)
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.FAILOVER_IN_PROGRESS
    assert commit.id in end.message
    assert await picture(whole) == before
    await commit.execute_update("roll_back", ROLL_BACK)
    await ended(commit)
    again = await whole.site.start(WHOLE_LIVE)
    assert (await result_of(again)).vm.state == "Running"
    await whole.commit_of(again).terminate("the test is over")


async def test_a_second_live_run_is_refused_after_a_commit(whole_site: WholeSite) -> None:
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    commit = whole.commit_of(handle)
    await commit.execute_update("commit")
    await ended(commit)
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type in {ErrorType.LIVE_VM_EXISTS, ErrorType.VM_NAME_TAKEN}
    assert result.vm.id in end.message
    assert await picture(whole) == before


async def test_a_second_live_run_is_refused_by_the_mark_when_temporal_was_lost(
    whole_site: WholeSite, temporal_client: Client
) -> None:
    """Temporal is empty and the leases are gone: CloudStack's own VM says it."""
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    await whole.commit_of(handle).terminate("Temporal is lost")
    await whole.site.stop_worker()
    await whole.site.sql(
        "DELETE FROM failover_leases",
        "DELETE FROM failover_run_networks",
        "DELETE FROM failover_runs",
        "DELETE FROM failover_replicas",
    )
    vm = whole.site.cloud.world.vms[result.vm.id]
    vm.name = vm.display_name = "pgtest1-renamed"
    whole.site.client = await empty_temporal(temporal_client)
    await whole.site.start_worker(FAILOVER_TASK_QUEUE=f"{whole.site.task_queue}-anew")
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.LIVE_VM_EXISTS
    assert result.vm.id in end.message
    assert await picture(whole) == before


async def test_a_live_run_goes_on_beside_a_drill_on_clones(whole_site: WholeSite) -> None:
    """Both VMs run; the drill's cleanup takes nothing of the live one."""
    whole = whole_site
    drill = await whole.site.start(WHOLE_TEST)
    test = await result_of(drill)
    handle = await whole.site.start(WHOLE_LIVE)
    live = await result_of(handle)
    world = whole.site.cloud.world
    assert {world.vms[one.vm.id].state for one in (test, live)} == {VmState.RUNNING}
    assert {vm for vm, _ in whole.replicas.places.values()} == {live.vm.id}
    cleanup = whole.cleanup_of(drill)
    await cleanup.execute_update("clean_up_now")
    report = await ended(cleanup)
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    assert world.vms[live.vm.id].state is VmState.RUNNING
    assert {vm for vm, _ in whole.replicas.places.values()} == {live.vm.id}
    assert (await whole.replicas.context())["current_status"] == "failed_over_live"
    rollback = {one.id for one in world.snapshots.values() if not one.removed}
    assert rollback == {one.snapshot_id for one in live.snapshots}
    await whole.commit_of(handle).terminate("the test is over")


async def test_a_live_run_takes_the_replica_back_from_a_drill_that_holds_it(open_whole: OpenWhole) -> None:
    """A live start is never refused because of a test."""
    whole = await open_whole(settings={"FAILOVER_DRILL_DISKS": "replica"})
    drill = await whole.site.start(WHOLE_TEST)
    test = await result_of(drill)
    handle = await whole.site.start(WHOLE_LIVE)
    live = await result_of(handle)
    report = await ended(whole.cleanup_of(drill))
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    world = whole.site.cloud.world
    assert world.vms[test.vm.id].removed
    assert world.vms[live.vm.id].state is VmState.RUNNING
    assert {vm for vm, _ in whole.replicas.places.values()} == {live.vm.id}
    assert any(cleanup_workflow_id(drill.id) in warning for warning in live.warnings)
    state = await whole.replicas.state()
    assert (state.fenced_by, state.dirty_by) == (handle.id, handle.id)
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    assert (await ended(commit)).left_behind == ()
    assert (await whole.replicas.state()).scheduler_enabled is True


async def test_two_drills_of_one_vm_are_never_there_at_once(whole_site: WholeSite) -> None:
    whole = whole_site
    drill = await whole.site.start(WHOLE_TEST)
    await result_of(drill)
    before = await picture(whole)
    assert await lease(whole, "test") == cleanup_workflow_id(drill.id)
    end = await whole.site.run_failing(WHOLE_TEST)
    assert end.type == ErrorType.FAILOVER_IN_PROGRESS
    assert await picture(whole) == before
    cleanup = whole.cleanup_of(drill)
    await cleanup.execute_update("clean_up_now")
    await ended(cleanup)
    again = await whole.site.start(WHOLE_TEST)
    assert (await result_of(again)).vm.id
    await whole.cleanup_of(again).execute_update("clean_up_now")
    await ended(whole.cleanup_of(again))
