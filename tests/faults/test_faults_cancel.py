"""A cancel at every step: the run ends cancelled, nothing is left, and the lease is free.

A gate holds one activity back; the cancel comes in while it stands there, and only then it goes on.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from database import context_resource, name_resource
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.errors import FailoverErrorType as ErrorType
from rules.outcomes import FailureReport
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import CANCELLED, COMPLETED, RUNNING, STOPPED, Ended, Stage, Story
from tests.support.site import LIVE, TEST

_WRONG_VM = Fault("deployVirtualMachine", FaultKind.WRONG_MAC)
_NO_REMOVAL = Fault("destroyVirtualMachine", FaultKind.REFUSED, code=531, times=None)


async def _cancel_at_the_gate(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    await handle.cancel()
    stage.gate.open()
    return await stage.end_of(handle)


async def _vma_down(stage: Stage) -> Ended:
    await stage.site.vma.stop()
    return await _cancel_at_the_gate(stage)


async def _lease_of_a_closed_run(stage: Stage) -> Ended:
    await stage.add_lease(context_resource(PGTEST1_CONTEXT, "live"), owner="nobody-knows-this-run")
    return await _cancel_at_the_gate(stage)


async def _name_of_an_open_run(stage: Stage) -> Ended:
    async with stage.open_run() as holder:
        await stage.add_lease(name_resource("pgtest1"), owner=holder.id)
        handle = await stage.start()
        await stage.gate.reached()
        stage.gate.open()
        await stage.until_sleeping(handle)
        await handle.cancel()
        return await stage.end_of(handle)


async def _name_held_for_too_long(stage: Stage) -> Ended:
    async with stage.open_run() as holder:
        await stage.add_lease(name_resource("pgtest1"), owner=holder.id)
        return await _cancel_at_the_gate(stage)


async def _after_a_live_vm_that_is_gone(stage: Stage) -> Ended:
    live = await stage.start({"context_id": PGTEST2_CONTEXT, "failover_type": "live"})
    await live.result()
    (vm,) = stage.site.vms()
    stage.site.cloud.world.expunge(vm)
    return await _cancel_at_the_gate(stage)


def _story(
    title: str,
    gate: str,
    execution: int = 1,
    *,
    ends: str = CANCELLED,
    vms: tuple[str, ...] = (),
    faults: tuple[Fault, ...] = (),
    request: dict[str, Any] = LIVE,
    settings: dict[str, Any] | None = None,
    plot: Callable[[Stage], Awaitable[Ended]] = _cancel_at_the_gate,
) -> Story:
    return Story(
        title,
        faults,
        ends=ends,
        vms=vms,
        request=dict(request),
        settings=settings or {},
        gate=(gate, execution),
        plot=plot,
    )


def _both_sides(name: str, execution: int = 1, **how: Any) -> tuple[Story, Story]:  # noqa: ANN401 - as of _story
    number = f" ({execution})" if execution > 1 else ""
    return (
        _story(f"before {name}{number}", name, execution, **how),
        _story(f"after {name}{number}", f"+{name}", execution, **how),
    )


BEFORE_THE_CREATE = (
    *_both_sides("LoadContextActivity"),
    *_both_sides("AcquireLeaseActivity"),
    *_both_sides("DescribeOwnerActivity", plot=_lease_of_a_closed_run),
    _story("while another run makes a VM of this name", "+DescribeOwnerActivity", plot=_name_of_an_open_run),
    *_both_sides(
        "ReleaseLeaseActivity",
        plot=_name_held_for_too_long,
        settings={"FAILOVER_NAME_WAIT_SECONDS": 0.5},
    ),
    *_both_sides("BeginRunActivity"),
    *_both_sides("DiscoverSourceActivity"),
    *_both_sides("LoadStoredSourceActivity", plot=_vma_down),
    *_both_sides("ResolveNetworkActivity"),
    *_both_sides(
        "FindGoneVMsActivity",
        plot=_after_a_live_vm_that_is_gone,
        request={"context_id": PGTEST3_CONTEXT, "failover_type": "test"},
    ),
    *_both_sides("CheckDestinationActivity"),
    *_both_sides("RecordPlanActivity"),
    *_both_sides("GuardNetworksActivity", request=TEST),
)

FROM_THE_CREATE_ON = (
    *_both_sides("CreateVMActivity", settings={"FAILOVER_CREATE_EXPIRY_SECONDS": 2}),
    *_both_sides("WaitForJobActivity"),
    *_both_sides("RecordVMActivity"),
    *_both_sides("GuardNetworksActivity", 2, request=TEST),
    *_both_sides("StartVMActivity"),
    *_both_sides("RecordStartActivity"),
    *_both_sides("WaitForJobActivity", 2),
    *_both_sides("VerifyVMActivity"),
)

TOO_LATE = _both_sides("FinishRunActivity", ends=COMPLETED, vms=(RUNNING,))
"""The VM is verified: what is left is to say so."""

UNDO = (
    *(
        story
        for name in ("BeginUndoActivity", "RemoveVMActivity", "FinishRunActivity")
        for story in _both_sides(name, faults=(_WRONG_VM,), ends=ErrorType.VERIFICATION_FAILED.value)
    ),
)

LEFT = _both_sides(
    "RecordVMActivity", faults=(_NO_REMOVAL,), ends=ErrorType.UNDO_INCOMPLETE.value, vms=(STOPPED,)
)


@pytest.mark.parametrize("story", BEFORE_THE_CREATE, ids=str)
async def test_cancelled_with_nothing_to_undo(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", FROM_THE_CREATE_ON, ids=str)
async def test_cancelled_and_undone(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.record is not None
    report = FailureReport.model_validate(ended.record.result)
    made = {line.partition(" (")[0].partition("-test-")[0] for line in report.removed}
    assert made == ({"pgtest1"} if ended.count("deployVirtualMachine") else set())


@pytest.mark.parametrize("story", TOO_LATE, ids=str)
async def test_a_cancel_that_comes_when_all_is_done_changes_nothing(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", UNDO, ids=str)
async def test_a_cancel_in_the_middle_of_an_undo_does_not_stop_it(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    assert ended.report is not None
    assert len(ended.report.removed) == 1


@pytest.mark.parametrize("story", LEFT, ids=str)
async def test_cancelled_and_the_vm_cannot_be_removed(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    (vm,) = ended.vms
    assert f"Left behind: {vm.name} ({vm.id})" in ended.message


def test_the_tables_have_a_row_for_every_activity_of_a_rehearsal(endings: Endings) -> None:
    """Whatever one of the runs called; those of whole failovers are in the table of tests/whole."""
    rows = {
        story.gate[0].removeprefix("+")
        for story in (*BEFORE_THE_CREATE, *FROM_THE_CREATE_ON, *TOO_LATE, *UNDO)
    }
    called = frozenset[str]().union(*(ended.activities for ended in endings.every()))
    assert called <= rows


def _assert_as_told(story: Story, endings: Endings) -> Ended:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    return ended
