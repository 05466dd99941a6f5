"""Somebody else works on the VM while the failover does: what is found decides, never what was remembered."""

from collections.abc import Awaitable, Callable

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack.entities import Vm, VmState
from tests.faults.conftest import Endings
from tests.faults.stories import Ended, Stage, Story

_Change = Callable[[Stage, Vm], None]


def _expunge(stage: Stage, vm: Vm) -> None:
    stage.site.cloud.world.expunge(vm)


def _set(state: VmState) -> _Change:
    def change(_stage: Stage, vm: Vm) -> None:
        vm.state = state

    return change


def _start(stage: Stage, vm: Vm) -> None:
    stage.site.cloud.world.place(vm)
    vm.state = VmState.RUNNING


def _lose_a_nic(_stage: Stage, vm: Vm) -> None:
    vm.nics.pop()


def _swap_the_nics(_stage: Stage, vm: Vm) -> None:
    vm.nics.reverse()


def _at_the_gate(change: _Change) -> Callable[[Stage], Awaitable[Ended]]:
    async def plot(stage: Stage) -> Ended:
        handle = await stage.start()
        await stage.gate.reached()
        (vm,) = stage.site.vms()
        change(stage, vm)
        stage.gate.open()
        return await stage.end_of(handle)

    return plot


async def _stopping_for_a_while(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    (vm,) = stage.site.vms()
    vm.state = VmState.STOPPING
    looked = len(stage.site.cloud.calls_of("listVirtualMachines"))
    stage.gate.open()
    await stage.until_called("listVirtualMachines", looked + 1)
    vm.state = VmState.STOPPED
    return await stage.end_of(handle)


def _before(activity: str, title: str, change: _Change, ends: ErrorType) -> Story:
    return Story(title, ends=ends.value, vms=(), gate=(activity, 1), plot=_at_the_gate(change))


LOST, WRONG = ErrorType.VM_LOST, ErrorType.VERIFICATION_FAILED
STOPPED_BY_IT = (
    *(
        _before("WaitForJobActivity", f"{what} while it is created", change, LOST)
        for what, change in (("in Error", _set(VmState.ERROR)), ("destroyed", _set(VmState.DESTROYED)))
    ),
    *(
        _before("StartVMActivity", f"{what} before the start", change, LOST)
        for what, change in (
            ("expunged", _expunge),
            ("destroyed", _set(VmState.DESTROYED)),
            ("in Error", _set(VmState.ERROR)),
        )
    ),
    *(
        _before("StartVMActivity", f"{what} before the start", change, WRONG)
        for what, change in (("one NIC removed", _lose_a_nic), ("NICs swapped", _swap_the_nics))
    ),
    _before("VerifyVMActivity", "expunged before it is verified", _expunge, LOST),
    *(
        _before("VerifyVMActivity", f"{what} before it is verified", change, WRONG)
        for what, change in (
            ("stopped", _set(VmState.STOPPED)),
            ("destroyed", _set(VmState.DESTROYED)),
            ("one NIC removed", _lose_a_nic),
            ("NICs swapped", _swap_the_nics),
        )
    ),
)

SURVIVED = (
    Story(
        "started by somebody: left running",
        submits=0,
        gate=("StartVMActivity", 1),
        plot=_at_the_gate(_start),
    ),
    Story(
        "stopping for a while: waited for",
        submits=1,
        gate=("StartVMActivity", 1),
        plot=_stopping_for_a_while,
    ),
)


@pytest.mark.parametrize("story", STOPPED_BY_IT, ids=str)
async def test_stopped_by_a_vm_that_is(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    assert ended.report is not None
    assert [line.partition(" (")[0] for line in ended.report.removed] == ["pgtest1"]


@pytest.mark.parametrize("story", SURVIVED, ids=str)
async def test_survived_is_a_vm(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    assert ended.count("startVirtualMachine") == story.submits
