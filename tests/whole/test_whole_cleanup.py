"""The end of a drill: by time, by order, after its run was terminated; tried until nothing is left."""

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError

from database import Ending
from simulators.cloudstack import Fault, FaultKind, VmState
from tests.support.site import activity_started, failed
from tests.support.whole import WHOLE_TEST, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.picture import job_status, lease, picture
from tests.whole.waits import result_of, until


async def test_a_drill_ends_by_itself(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "1s"})
    result = await result_of(handle)
    report = await ended(whole.cleanup_of(handle))
    assert (report.end, report.reason, report.left_behind) == ("cleaned_up", "its time is over", ())
    assert any(result.vm.id in one for one in report.removed)
    assert await picture(whole) == before
    record = await whole.site.record(handle.id)
    assert record is not None
    assert record.ending is Ending.CLEANED_UP
    assert await job_status(whole, handle.id) == "completed"


async def test_the_sites_own_duration_counts_where_the_request_says_nothing(open_whole: OpenWhole) -> None:
    whole = await open_whole(settings={"FAILOVER_TEST_DURATION_SECONDS": 0.5})
    handle = await whole.site.start(WHOLE_TEST)
    await result_of(handle)
    assert (await ended(whole.cleanup_of(handle))).reason == "its time is over"


async def test_a_drill_can_be_extended_and_shortened(whole_site: WholeSite) -> None:
    """From now on: an extension may also bring the end nearer."""
    whole = whole_site
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "2s"})
    result = await result_of(handle)
    cleanup = whole.cleanup_of(handle)
    until_when = await cleanup.execute_update("extend", {"test_duration": "1h"})
    assert isinstance(until_when, str)
    for wrong in (None, {}, {"test_duration": "0s"}, {"test_duration": "9999d"}, {"test_duration": "soon"}):
        with pytest.raises(WorkflowUpdateFailedError):
            await cleanup.execute_update("extend", wrong)
    assert whole.site.cloud.world.vms[result.vm.id].state is VmState.RUNNING
    await cleanup.execute_update("extend", {"test_duration": "1s"})
    assert (await ended(cleanup)).reason == "its time is over"


async def test_a_cancelled_cleanup_cleans_up(whole_site: WholeSite) -> None:
    """It never leaves a drill behind."""
    whole = whole_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_TEST)
    await result_of(handle)
    cleanup = whole.cleanup_of(handle)
    await cleanup.cancel()
    report = await ended(cleanup)
    assert (report.end, report.reason) == ("cleaned_up", "this workflow was cancelled")
    assert await picture(whole) == before


async def test_a_drill_under_way_is_not_cleaned_up(whole_site: WholeSite) -> None:
    """Cancelling the run is what removes it."""
    whole = whole_site
    whole.site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(WHOLE_TEST)
    await until(lambda: whole.site.cloud.calls_of("deployVirtualMachine"))
    cleanup = whole.cleanup_of(handle)
    with pytest.raises(WorkflowUpdateFailedError):
        await cleanup.execute_update("clean_up_now")
    await result_of(handle)
    await cleanup.execute_update("clean_up_now")
    await ended(cleanup)


async def test_a_drill_whose_run_was_terminated_is_cleaned_up(whole_site: WholeSite) -> None:
    """The run undid nothing: everything is looked for."""
    whole = whole_site
    before = await picture(whole)
    hold = asyncio.Event()

    def is_attached(_params: object) -> bool:
        hold.set()
        return True

    whole.site.cloud.faults.add(
        Fault("attachVolume", FaultKind.HANG, seconds=0.3, effect=True, match=is_attached)
    )
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "1s"})
    await asyncio.wait_for(hold.wait(), 60)
    await handle.terminate("an operator's mistake")
    report = await ended(whole.cleanup_of(handle))
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    after = await picture(whole)
    assert after == {**before, "test lease": handle.id}, "whose run is closed: the next one takes it over"
    again = await whole.site.start(WHOLE_TEST)
    await result_of(again)
    await whole.cleanup_of(again).execute_update("clean_up_now")
    await ended(whole.cleanup_of(again))


async def test_a_cleanup_that_fails_is_tried_until_nothing_is_left(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_TEST)
    result = await result_of(handle)
    whole.site.cloud.faults.add(Fault("stopVirtualMachine", FaultKind.JOB_FAILS, times=None))
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update("clean_up_now")

    async def is_said() -> bool:
        record = await whole.site.record(handle.id)
        return record is not None and record.ending is Ending.CLEANUP_REQUIRED

    await until(is_said)
    record = await whole.site.record(handle.id)
    assert record is not None
    assert record.end_report is not None
    assert any(result.vm.id in one for one in record.end_report["left_behind"])
    assert await lease(whole, "test") == cleanup.id, "nobody else may begin"
    whole.site.cloud.faults.clear()
    report = await ended(cleanup)
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    assert await picture(whole) == before


async def test_a_verified_drill_survives_its_workers(whole_site: WholeSite) -> None:
    """The timer is Temporal's."""
    whole = whole_site
    handle = await whole.site.start({**WHOLE_TEST, "test_duration": "2s"})
    await result_of(handle)
    await whole.site.stop_worker()
    await whole.site.start_worker()
    assert (await ended(whole.cleanup_of(handle))).end == "cleaned_up"


async def test_a_drill_that_is_cancelled_in_its_verification_undoes_itself(whole_site: WholeSite) -> None:
    """A drill may be undone whenever: nobody works on it."""
    whole = whole_site
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(WHOLE_TEST)
    await until(lambda: whole.site.cloud.calls_of("startVirtualMachine"))
    await activity_started(handle, "WaitForJobActivity")
    await handle.cancel()
    assert (await failed(handle)).type == "Cancelled"
    assert (await ended(whole.cleanup_of(handle))).end == "cleaned_up"
    assert await picture(whole) == before
