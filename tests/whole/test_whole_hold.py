"""A live run that was cancelled, or failed, after its VM first started: it holds for an operator's order."""

from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from rules.errors import FailoverErrorType as ErrorType
from rules.outcomes import FailoverOutcome
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.vma.inventory import POWERED_OFF
from tests.support.site import activity_started, failed
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WholeSite
from tests.whole.picture import picture, source
from tests.whole.waits import held, holds_again, result_of, until


async def _cancelled_while_it_starts(whole: WholeSite) -> WorkflowHandle[Any, Any]:
    """Cancel after the start was sent: what the new VM writes from there on would be lost."""
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=1.5))
    handle = await whole.site.start(WHOLE_LIVE)
    await until(lambda: whole.site.cloud.calls_of("startVirtualMachine"))
    await handle.cancel()
    await held(handle)
    return handle


async def test_a_cancel_after_the_first_start_holds_and_a_rollback_gives_everything_back(
    whole_site: WholeSite,
) -> None:
    whole = whole_site
    before = await picture(whole)
    handle = await _cancelled_while_it_starts(whole)
    assert source(whole).power_state == POWERED_OFF
    assert {place[1] for place in whole.replicas.places.values()} == {0, 1}, "nothing was undone"
    for order in (None, {"reason": "no"}, {**ROLL_BACK, "acknowledge_data_loss": False}):
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("roll_back", order)
    await handle.execute_update("roll_back", ROLL_BACK)
    end = await failed(handle)
    assert end.type == "Cancelled"
    assert await picture(whole) == before


async def test_a_run_that_holds_can_be_resumed(whole_site: WholeSite) -> None:
    whole = whole_site
    handle = await _cancelled_while_it_starts(whole)
    await handle.execute_update("resume", {"reason": "it was a mistake", "user_id": "ops"})
    result = await result_of(handle)
    assert result.outcome is FailoverOutcome.COMPLETED
    assert any("it was a mistake" in warning for warning in result.warnings)
    assert whole.site.running() == [whole.replicas.appliance, whole.site.cloud.world.vms[result.vm.id]]
    await whole.commit_of(handle).terminate("the test is over")


async def test_nothing_is_ordered_of_a_run_that_does_not_hold(whole_site: WholeSite) -> None:
    whole = whole_site
    whole.replication.step_on_look = False
    handle = await whole.site.start(WHOLE_LIVE)
    await activity_started(handle, "WatchSyncActivity")
    for name, order in (("roll_back", ROLL_BACK), ("resume", None)):
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update(name, order)
    whole.replication.step_on_look = True
    await result_of(handle)


async def test_a_verification_that_fails_after_the_start_holds(whole_site: WholeSite) -> None:
    """The VM runs and may have been written to: nobody undoes that on his own."""
    whole = whole_site
    before = await picture(whole)
    fault = whole.site.cloud.faults.add(
        Fault("listVirtualMachines", FaultKind.WRONG_NIC_ORDER, times=None, match=_after_start(whole))
    )
    handle = await whole.site.start(WHOLE_LIVE)
    await held(handle)
    (vm,) = [vm for vm in whole.site.running() if vm is not whole.replicas.appliance]
    assert vm.name == "pgtest1"
    assert fault.times is None
    whole.site.cloud.faults.clear()
    await handle.execute_update("roll_back", ROLL_BACK)
    end = await failed(handle)
    assert end.type == ErrorType.VERIFICATION_FAILED
    assert end.report is not None
    assert end.report.rolled_back_by == "ops: the source is better"
    assert end.report.left_behind == ()
    assert await picture(whole) == before


async def test_a_resumed_run_that_fails_again_holds_again(whole_site: WholeSite) -> None:
    whole = whole_site
    whole.site.cloud.faults.add(
        Fault("listVirtualMachines", FaultKind.WRONG_NIC_ORDER, times=None, match=_after_start(whole))
    )
    handle = await whole.site.start(WHOLE_LIVE)
    await held(handle)
    await handle.execute_update("resume", None)
    await holds_again(handle)
    whole.site.cloud.faults.clear()
    await handle.execute_update("resume", None)
    result = await result_of(handle)
    assert result.outcome is FailoverOutcome.COMPLETED
    await whole.commit_of(handle).terminate("the test is over")


def _after_start(whole: WholeSite) -> Any:  # noqa: ANN401 - a match of the simulator's
    """Match what is read of the VM once it runs."""

    def matches(params: Any) -> bool:  # noqa: ANN401 - the request's parameters
        vm = whole.site.cloud.world.vms.get(params.get("id", ""))
        return vm is not None and vm is not whole.replicas.appliance and vm.state is VmState.RUNNING

    return matches
