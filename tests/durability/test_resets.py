"""A reset, or a second start under the same id: one VM or a clear refusal, and no VM in use is lost."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from database import RunState
from database import VmState as RecordedVm
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverOutcome, FailoverResult
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.cloudstack import sample as cloud
from simulators.cloudstack.entities import Vm
from tests.faults.stories import use_the_plain_key
from tests.support.resets import FIRST_TASK, reset
from tests.support.site import LIVE, TEST, Site, activity_started, failed

_BOTH = pytest.mark.parametrize("request_", (LIVE, TEST), ids=("live", "test"))
_PATIENCE = 60


def _no_word_of_jobs() -> Fault:
    """Keeps a run open while it waits for a job, until the faults are cleared."""
    return Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None)


async def _result(handle: WorkflowHandle[Any, FailoverResult]) -> FailoverResult:
    return await asyncio.wait_for(handle.result(), _PATIENCE)


async def _completed(site: Site, request: object) -> tuple[WorkflowHandle[Any, FailoverResult], Vm]:
    handle = await site.start(request)
    result = await _result(handle)
    (vm,) = site.running()
    assert result.vm.id == vm.id
    return handle, vm


@pytest.mark.parametrize(
    ("request_", "to"),
    (
        (LIVE, FIRST_TASK),
        (LIVE, "AcquireLeaseActivity"),
        (LIVE, "CreateVMActivity"),
        (LIVE, "StartVMActivity"),
        (LIVE, "FinishRunActivity"),
        (TEST, FIRST_TASK),
        (TEST, "CreateVMActivity"),
    ),
)
async def test_a_reset_of_a_completed_run_completes_with_the_same_vm(
    site: Site, request_: object, to: str
) -> None:
    handle, vm = await _completed(site, request_)
    result = await _result(await reset(site.client, handle, to))
    assert result.vm.id == vm.id
    assert site.running() == [vm]
    record = await site.record(handle.id)
    assert record is not None
    assert (record.state, record.vm_state, record.vm_id) == (RunState.COMPLETED, RecordedVm.RUNNING, vm.id)


@pytest.mark.parametrize(("request_", "to"), ((LIVE, FIRST_TASK), (TEST, "CreateVMActivity")))
async def test_a_reset_of_a_failed_run_makes_the_vm_that_it_could_not_make(
    site: Site, request_: object, to: str
) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.QUOTA))
    handle = await site.start(request_)
    assert (await failed(handle)).type == FailoverErrorType.QUOTA_EXCEEDED
    result = await _result(await reset(site.client, handle, to))
    (vm,) = site.vms()
    assert result.vm.id == vm.id


@pytest.mark.parametrize(("request_", "to"), ((LIVE, FIRST_TASK), (TEST, "CreateVMActivity")))
async def test_a_reset_of_a_run_whose_vm_was_removed_makes_another_one(
    site: Site, request_: object, to: str
) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    handle = await site.start(request_)
    assert (await failed(handle)).type == FailoverErrorType.VM_START_FAILED
    assert site.vms() == []
    result = await _result(await reset(site.client, handle, to))
    (vm,) = site.vms()
    assert (result.vm.id, result.vm.generation) == (vm.id, 2)


@_BOTH
async def test_a_reset_to_after_the_vm_was_made_and_removed_says_that_it_is_gone(
    site: Site, request_: object
) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    handle = await site.start(request_)
    await failed(handle)
    end = await failed(await reset(site.client, handle, "StartVMActivity"))
    assert end.type == FailoverErrorType.VM_LOST
    assert site.vms() == []


@_BOTH
async def test_a_reset_of_a_cancelled_run_ends_with_one_vm(site: Site, request_: object) -> None:
    site.cloud.faults.add(_no_word_of_jobs())
    handle = await site.start(request_)
    await activity_started(handle, "WaitForJobActivity")
    await handle.cancel()
    site.cloud.faults.clear()
    assert (await failed(handle)).type == "Cancelled"
    assert site.vms() == []
    result = await _result(await reset(site.client, handle))
    (vm,) = site.vms()
    assert result.vm.id == vm.id


@pytest.mark.parametrize(("request_", "to"), ((LIVE, FIRST_TASK), (TEST, "CreateVMActivity")))
async def test_a_reset_of_a_running_run_adopts_the_vm_under_way(
    site: Site, request_: object, to: str
) -> None:
    site.cloud.faults.add(_no_word_of_jobs())
    handle = await site.start(request_)
    await activity_started(handle, "WaitForJobActivity")
    again = await reset(site.client, handle, to)
    site.cloud.faults.clear()
    result = await _result(again)
    (vm,) = site.running()
    assert (result.vm.id, result.vm.adopted) == (vm.id, True)
    assert len(site.cloud.calls_of("deployVirtualMachine")) == 1


@pytest.mark.parametrize("chooses_id", (True, False), ids=("own-id", "id-of-cloudstack"))
async def test_a_reset_while_the_create_call_is_on_its_way_makes_one_vm(
    site: Site, *, chooses_id: bool
) -> None:
    if not chooses_id:
        await site.stop_worker()
        await use_the_plain_key(site)
        await site.start_worker()
    arrived = asyncio.Event()

    def is_the_one(params: Mapping[str, str]) -> bool:
        found = ("customid" in params) is chooses_id
        if found:
            arrived.set()
        return found

    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.HANG, seconds=1.5, match=is_the_one))
    handle = await site.start(LIVE)
    await asyncio.wait_for(arrived.wait(), _PATIENCE)
    result = await _result(await reset(site.client, handle, "CreateVMActivity"))
    (vm,) = site.vms()
    # Without an id of its own a second call would race with the first: it waits, looks, and adopts.
    assert (result.vm.id, result.vm.adopted) == (vm.id, not chooses_id)


# What makes a reset run wait at a step, in which it is then cancelled.
_WAITS = {
    "CreateVMActivity": ("listVirtualMachines", "id"),
    "CheckDestinationActivity": ("listZones", "id"),
}


@pytest.mark.parametrize(
    ("request_", "step"),
    ((LIVE, "CreateVMActivity"), (TEST, "CreateVMActivity"), (LIVE, "CheckDestinationActivity")),
)
async def test_a_reset_run_that_is_cancelled_keeps_the_vm_of_the_completed_one(
    site: Site, request_: object, step: str
) -> None:
    handle, vm = await _completed(site, request_)
    command, needed = _WAITS[step]
    site.cloud.faults.add(
        Fault(command, FaultKind.HANG, times=None, seconds=2.5, match=lambda params: needed in params)
    )
    again = await reset(site.client, handle)
    await activity_started(again, step)
    await again.cancel()
    site.cloud.faults.clear()
    end = await failed(again)
    assert site.running() == [vm]
    if step == "CreateVMActivity":
        assert end.type == FailoverErrorType.UNDO_INCOMPLETE
        assert end.report is not None
        assert any(vm.id in left for left in end.report.left_behind)
        assert end.report.outcome is FailoverOutcome.CANCELLED
    record = await site.record(handle.id)
    assert record is not None
    assert (record.state, record.vm_state, record.vm_id) == (RunState.CANCELLED, RecordedVm.RUNNING, vm.id)


async def test_a_reset_run_that_fails_keeps_the_vm_of_the_completed_one(site: Site) -> None:
    handle, vm = await _completed(site, TEST)
    await site.sql(
        f"UPDATE network_mappings SET destination_network_id = '{cloud.DEFAULT_TEST_NET_ID}' "
        f"WHERE destination_network_id = '{cloud.TEST_LAN_ID}'"
    )
    end = await failed(await reset(site.client, handle))
    assert end.type == FailoverErrorType.VERIFICATION_FAILED
    assert end.report is not None
    assert any(vm.id in left for left in end.report.left_behind)
    assert site.running() == [vm]


async def test_a_reset_run_that_makes_another_vm_removes_only_that_one_when_it_fails(site: Site) -> None:
    """The operator removed the VM of the completed run; the next one is not it."""
    handle, vm = await _completed(site, TEST)
    site.cloud.world.expunge(vm)
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    end = await failed(await reset(site.client, handle))
    assert end.type == FailoverErrorType.VM_START_FAILED
    assert end.report is not None
    assert end.report.left_behind == ()
    assert site.vms() == []


@_BOTH
async def test_a_second_start_under_the_same_id_adopts_the_vm(site: Site, request_: object) -> None:
    handle, vm = await _completed(site, request_)
    result = await site.run(request_, workflow_id=handle.id)
    assert (result.vm.id, result.vm.adopted) == (vm.id, True)
    assert site.running() == [vm]


async def test_a_workflow_id_does_not_stand_for_a_second_failover_while_its_vm_exists(site: Site) -> None:
    handle, vm = await _completed(site, LIVE)
    end = await site.run_failing(TEST, workflow_id=handle.id)
    assert end.type == FailoverErrorType.INVALID_REQUEST
    assert "workflow id" in end.message
    assert site.vms() == [vm]
    record = await site.record(handle.id)
    assert record is not None
    assert (record.failover_type, record.state, record.vm_id) == ("live", RunState.COMPLETED, vm.id)


async def test_a_workflow_id_may_be_used_again_when_its_vm_is_gone(site: Site) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    end = await site.run_failing(LIVE, workflow_id=f"{site.task_queue}-again")
    assert end.type == FailoverErrorType.VM_START_FAILED
    result = await site.run(TEST, workflow_id=f"{site.task_queue}-again")
    (vm,) = site.running()
    assert (result.vm.id, vm.name.startswith("pgtest1-test-")) == (vm.id, True)


@pytest.mark.parametrize("to", (FIRST_TASK, "CreateVMActivity"))
async def test_a_destroyed_vm_that_was_in_use_is_left_to_the_operator(site: Site, to: str) -> None:
    """It can be recovered for a while; only somebody who knows may expunge it."""
    handle, vm = await _completed(site, LIVE)
    vm.state = VmState.DESTROYED
    end = await failed(await reset(site.client, handle, to))
    assert end.type == FailoverErrorType.VM_LOST
    assert "recover or expunge" in end.message
    assert end.report is not None
    assert any(vm.id in left for left in end.report.left_behind)
    assert (site.vms(), vm.state) == ([vm], VmState.DESTROYED)


async def test_a_reset_to_after_the_lease_takes_it_again_before_it_creates(site: Site) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.QUOTA))
    first = await site.start(LIVE)
    await failed(first)
    site.cloud.faults.add(_no_word_of_jobs())
    second = await site.start(LIVE)
    await activity_started(second, "WaitForJobActivity")
    end = await failed(await reset(site.client, first, "CreateVMActivity"))
    site.cloud.faults.clear()
    assert end.type == FailoverErrorType.FAILOVER_IN_PROGRESS
    assert second.id in end.message
    result = await _result(second)
    (vm,) = site.vms()
    assert result.vm.id == vm.id
