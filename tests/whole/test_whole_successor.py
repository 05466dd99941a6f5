"""What a live run that ended badly leaves is given back by an order to its commit workflow."""

from collections.abc import Mapping

import pytest
from temporalio.client import WorkflowUpdateFailedError

from simulators.cloudstack import Fault, FaultKind
from simulators.vma.inventory import POWERED_OFF
from tests.support.site import activity_started, failed
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WholeSite, ended
from tests.whole.picture import lease, picture, source
from tests.whole.waits import order_again, result_of, until

_START = "startVirtualMachine"


async def test_a_live_run_that_was_terminated_is_given_back_by_order(whole_site: WholeSite) -> None:
    """It undid nothing: everything is looked for, once somebody says so."""
    whole = whole_site
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault(_START, FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(WHOLE_LIVE)
    await until(lambda: whole.site.cloud.calls_of(_START))
    await handle.terminate("an operator's mistake")
    assert source(whole).power_state == POWERED_OFF
    commit = whole.commit_of(handle)
    with pytest.raises(WorkflowUpdateFailedError):
        await commit.execute_update("commit")
    await order_again(commit, "roll_back", ROLL_BACK)
    report = await ended(commit)
    assert report.end == "rolled_back"
    after = await picture(whole)
    assert after["live lease"] in {None, handle.id}, "whose run is closed: the next one takes it over"
    assert after == {**before, "status": "ready_for_failover", "live lease": after["live lease"]}
    assert report.left_behind == ()
    again = await whole.site.start(WHOLE_LIVE)
    assert (await result_of(again)).vm.id
    await whole.commit_of(again).terminate("the test is over")


async def test_a_run_that_is_under_way_is_not_given_back_behind_its_back(whole_site: WholeSite) -> None:
    whole = whole_site
    whole.replication.step_on_look = False
    handle = await whole.site.start(WHOLE_LIVE)
    await activity_started(handle, "WatchSyncActivity")
    for name, order in (("roll_back", ROLL_BACK), ("commit", None)):
        with pytest.raises(WorkflowUpdateFailedError):
            await whole.commit_of(handle).execute_update(name, order)
    whole.replication.step_on_look = True
    await result_of(handle)
    await whole.commit_of(handle).terminate("the test is over")


async def test_what_an_undo_left_is_given_back_by_order(whole_site: WholeSite) -> None:
    """The run is closed and names it; nobody else may begin until it is done."""
    whole = whole_site
    before = await picture(whole)

    def off_the_vm(params: Mapping[str, str]) -> bool:
        root = whole.replicas.volumes[0]
        return params.get("id") == root.id and root.vm is not whole.replicas.appliance

    whole.site.cloud.faults.add(Fault(_START, FaultKind.JOB_FAILS, code=431))
    whole.site.cloud.faults.add(Fault("detachVolume", FaultKind.REFUSED, times=None, match=off_the_vm))
    handle = await whole.site.start(WHOLE_LIVE)
    end = await failed(handle)
    assert end.report is not None
    assert any(whole.replicas.volume_ids[0] in one for one in end.report.left_behind)
    commit = whole.commit_of(handle)
    assert await lease(whole, "live") == commit.id
    assert (await picture(whole))["status"] == "cleanup_required"
    whole.site.cloud.faults.clear()
    await order_again(commit, "roll_back", ROLL_BACK)
    report = await ended(commit)
    assert (report.end, report.left_behind) == ("rolled_back", ())
    assert await picture(whole) == {**before, "status": "ready_for_failover"}


async def test_a_run_that_undid_itself_leaves_no_commit_workflow(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault(_START, FaultKind.JOB_FAILS, code=431))
    handle = await whole.site.start(WHOLE_LIVE)
    await failed(handle)
    assert (await ended(whole.commit_of(handle))).left_behind == ()
    assert await picture(whole) == before
