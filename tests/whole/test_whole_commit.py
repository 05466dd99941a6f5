"""What follows a live failover: commit, rollback, and a lost source that comes back."""

import pytest
from temporalio.client import WorkflowUpdateFailedError

from database import Ending
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.vma.inventory import POWERED_OFF, POWERED_ON
from tests.support.whole import LOST, ROLL_BACK, WHOLE_LIVE, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.picture import job_status, lease, picture, source
from tests.whole.waits import order_again, result_of, until


async def test_a_commit_keeps_the_vm_and_frees_the_context(whole_site: WholeSite) -> None:
    """The rollback snapshots go; replication stays off, since the replica is the VM's disk."""
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    commit = whole.commit_of(handle)
    await commit.execute_update("commit", {"reason": "it works", "user_id": "ops"})
    report = await ended(commit)

    assert (report.end, report.reason, report.user_id, report.left_behind) == (
        "committed",
        "it works",
        "ops",
        (),
    )
    assert len(report.removed) == len(result.snapshots)
    world = whole.site.cloud.world
    assert not [one for one in world.snapshots.values() if not one.removed]
    assert world.vms[result.vm.id].state is VmState.RUNNING
    assert {vm_id for vm_id, _ in whole.replicas.places.values()} == {result.vm.id}
    assert (await whole.replicas.state()).scheduler_enabled is False
    assert (await whole.replicas.context())["current_status"] == "completed"
    assert await lease(whole, "live") is None
    assert source(whole).power_state == POWERED_OFF
    record = await whole.site.record(handle.id)
    assert record is not None
    assert record.ending is Ending.COMMITTED
    assert await job_status(whole, handle.id) == "completed"


async def test_a_rollback_gives_everything_back(whole_field_site: WholeSite) -> None:
    """Disks home with their old content, snapshots gone, fence released, source on, VM gone."""
    whole = whole_field_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    for disk in whole.replicas.volumes:
        disk.content = "what the new VM wrote"
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    report = await ended(commit)

    assert (report.end, report.left_behind) == ("rolled_back", ())
    assert any(result.vm.id in one for one in report.removed)
    after = await picture(whole)
    assert after == {**before, "status": "ready_for_failover"}
    assert whole.replicas.at_home
    record = await whole.site.record(handle.id)
    assert record is not None
    assert record.ending is Ending.ROLLED_BACK
    again = await whole.site.start(WHOLE_LIVE)
    assert (await result_of(again)).vm.id != result.vm.id, "and it can be failed over again"
    await whole.commit_of(again).terminate("the test is over")


async def test_the_scheduler_that_was_off_stays_off_after_a_rollback(open_whole: OpenWhole) -> None:
    whole = await open_whole(scheduler=False)
    handle = await whole.site.start(WHOLE_LIVE)
    await result_of(handle)
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    assert (await ended(commit)).left_behind == ()
    state = await whole.replicas.state()
    assert (state.fenced_by, state.scheduler_enabled) == ("", False)


async def test_a_rollback_needs_the_loss_acknowledged(whole_site: WholeSite) -> None:
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    commit = whole.commit_of(handle)
    for order in ({"reason": "no"}, {**ROLL_BACK, "acknowledge_data_loss": False}, {**ROLL_BACK, "x": 1}):
        with pytest.raises(WorkflowUpdateFailedError):
            await commit.execute_update("roll_back", order)
    await commit.cancel()
    assert whole.site.cloud.world.vms[result.vm.id].state is VmState.RUNNING, "a cancel is no order"
    await commit.execute_update("commit")
    assert (await ended(commit)).end == "committed"


async def test_a_rollback_that_fails_is_named_and_can_be_ordered_again(whole_site: WholeSite) -> None:
    """The new VM does not stop: nothing else is touched, and nobody else may begin."""
    whole = whole_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_LIVE)
    await result_of(handle)
    commit = whole.commit_of(handle)
    whole.site.cloud.faults.add(Fault("stopVirtualMachine", FaultKind.JOB_FAILS, times=None))
    await commit.execute_update("roll_back", ROLL_BACK)

    async def is_recorded() -> bool:
        return bool((await whole.replicas.context())["current_status"] == "cleanup_required")

    await until(is_recorded)
    assert source(whole).power_state == POWERED_OFF, "two machines of one address are never on at once"
    assert await lease(whole, "live") == commit.id
    whole.site.cloud.faults.clear()
    await order_again(commit, "roll_back", ROLL_BACK)
    assert (await ended(commit)).end == "rolled_back"
    assert await picture(whole) == {**before, "status": "ready_for_failover"}


async def test_a_lost_source_that_comes_back_is_raised_and_nothing_acts(whole_site: WholeSite) -> None:
    whole = whole_site
    whole.site.vma.set_vcenter_down("vcenter.example.local")
    handle = await whole.site.start(LOST)
    result = await result_of(handle)
    commit = whole.commit_of(handle)
    calls = len(whole.site.vma.calls)
    await until(lambda: len(whole.site.vma.calls) > calls)
    whole.site.vma.set_vcenter_down("vcenter.example.local", down=False)

    async def is_raised() -> bool:
        record = await whole.site.record(handle.id)
        return record is not None and record.source_power == "on"

    await until(is_raised)
    assert source(whole).power_state == POWERED_ON, "it acts on an operator's order only"
    assert whole.site.cloud.world.vms[result.vm.id].state is VmState.RUNNING
    description = await commit.describe()
    assert description.close_time is None
    await commit.execute_update("roll_back", ROLL_BACK)
    report = await ended(commit)
    assert (report.end, report.left_behind) == ("rolled_back", ())
    assert "power-on" not in {call.path.rpartition("/")[2] for call in whole.site.vma.calls}
