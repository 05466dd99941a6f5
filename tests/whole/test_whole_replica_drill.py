"""A drill on the replica itself, for storage that cannot clone: fenced, snapshotted, reverted."""

from rules.outcomes import FailoverOutcome
from simulators.cloudstack import Fault, FaultKind
from simulators.vma.inventory import POWERED_ON
from tests.support.site import failed
from tests.support.whole import WHOLE_TEST, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.picture import lease, picture, source
from tests.whole.waits import result_of, until

SETTINGS = {"FAILOVER_DRILL_DISKS": "replica"}


async def _drill(open_whole: OpenWhole) -> WholeSite:
    return await open_whole(settings=dict(SETTINGS))


async def test_a_drill_on_the_replica_and_its_cleanup(open_whole: OpenWhole) -> None:
    """Replication waits for its end; the source runs all the time; what the drill wrote is reverted."""
    whole = await _drill(open_whole)
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_TEST)
    result = await result_of(handle)
    assert result.outcome is FailoverOutcome.COMPLETED
    assert {vm for vm, _ in whole.replicas.places.values()} == {result.vm.id}
    assert source(whole).power_state == POWERED_ON
    state = await whole.replicas.state()
    assert (state.fenced_by, state.dirty_by, state.scheduler_enabled) == (handle.id, handle.id, False)
    assert (await whole.replicas.context())["current_status"] == "failed_over_test"
    assert await lease(whole, "test") == whole.cleanup_of(handle).id
    for disk in whole.replicas.volumes:
        disk.content = "what the drill wrote"
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update("clean_up_now")
    report = await ended(cleanup)
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    assert await picture(whole) == {**before, "status": "ready_for_failover"}
    assert whole.replicas.at_home
    assert whole.replication.jobs == {}


async def test_a_drill_on_the_replica_that_fails_gives_it_back(open_whole: OpenWhole) -> None:
    whole = await _drill(open_whole)
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    handle = await whole.site.start(WHOLE_TEST)
    end = await failed(handle)
    assert end.report is not None
    assert end.report.left_behind == ()
    assert (await ended(whole.cleanup_of(handle))).end == "cleaned_up"
    after = await picture(whole)
    assert after == {**before, "status": after["status"]}
    assert after["status"] in {before["status"], "ready_for_failover"}


async def test_a_replica_drill_whose_run_was_terminated_gives_it_back(open_whole: OpenWhole) -> None:
    whole = await _drill(open_whole)
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "1s"})
    await until(lambda: whole.site.cloud.calls_of("startVirtualMachine"))
    await handle.terminate("an operator's mistake")
    report = await ended(whole.cleanup_of(handle))
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    assert await picture(whole) == {**before, "status": "ready_for_failover", "test lease": handle.id}
    assert whole.replicas.at_home


async def test_a_replica_drill_that_was_terminated_early_gives_it_back(open_whole: OpenWhole) -> None:
    """Before it told anything: only snapshots and a fence are there."""
    whole = await _drill(open_whole)
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault("createSnapshot", FaultKind.HANG, seconds=0.3, effect=True))
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "1s"})
    await until(lambda: whole.site.cloud.calls_of("createSnapshot"))
    await handle.terminate("an operator's mistake")
    report = await ended(whole.cleanup_of(handle))
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    assert await picture(whole) == {**before, "status": "ready_for_failover", "test lease": handle.id}
