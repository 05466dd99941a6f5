"""A key that may not choose ids (531): name and mark are all there is to find a VM by, and still it is one.

Such a key may not expunge either, and does not see what it destroyed (observed, section 10).
"""

from collections.abc import Mapping

import pytest

from rules.errors import FailoverErrorType as ErrorType
from rules.identity import MARK_WORKFLOW, vm_identity
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import CANCELLED, DESTROYED, RUNNING, Ended, Stage, Story

_DEPLOY = "deployVirtualMachine"
_ALWAYS = None
_SHORT = {"FAILOVER_CREATE_EXPIRY_SECONDS": 2}
"""A call without an id is repeated only when the one before can no longer arrive."""


def _without_id(params: Mapping[str, str]) -> bool:
    return "customid" not in params


def _fault(kind: FaultKind, *, times: int | None = 1, code: int | None = None, effect: bool = False) -> Fault:
    return Fault(_DEPLOY, kind, times=times, code=code, effect=effect, match=_without_id)


def _story(
    title: str, *faults: Fault, ends: str = "completed", vms: tuple[str, ...] = (RUNNING,), submits: int
) -> Story:
    return Story(title, faults, ends=ends, vms=vms, submits=submits, plain=True, settings=dict(_SHORT))


# Every try asks with an id first, which is how it learns that this key may not: two calls each.
CREATE = (
    _story("nothing in the way", submits=2),
    _story(
        "reply lost before the effect: waits, looks, repeats", _fault(FaultKind.LOST_BEFORE_EFFECT), submits=4
    ),
    _story("reply lost after the effect: looks and adopts", _fault(FaultKind.LOST_AFTER_EFFECT), submits=2),
    _story("502 before the effect: waits, looks, repeats", _fault(FaultKind.PROXY_HTML, code=502), submits=4),
    _story(
        "502 after the effect: looks and adopts",
        _fault(FaultKind.PROXY_HTML, code=502, effect=True),
        submits=2,
    ),
    _story("429: waits and repeats", _fault(FaultKind.THROTTLED), submits=4),
    _story("503 with JSON: waits and repeats", _fault(FaultKind.MAINTENANCE), submits=4),
    _story("530 that left nothing: looks and repeats", _fault(FaultKind.INTERNAL), submits=4),
    _story(
        "530 that left a VM in Error: it is destroyed, another one runs",
        _fault(FaultKind.INTERNAL_WITH_ERROR_VM),
        vms=(DESTROYED, RUNNING),
        submits=4,
    ),
    _story("533: waits and repeats", _fault(FaultKind.NO_CAPACITY), submits=4),
    _story(
        "431: stops", _fault(FaultKind.REFUSED), ends=ErrorType.CLOUDSTACK_REFUSED.value, vms=(), submits=2
    ),
    _story("535: stops", _fault(FaultKind.QUOTA), ends=ErrorType.QUOTA_EXCEEDED.value, vms=(), submits=2),
    _story("job without jobresult: adopts", _fault(FaultKind.JOB_FAILS_WITHOUT_RESULT), submits=2),
    _story("job expired: adopts", _fault(FaultKind.JOB_EXPIRED), submits=2),
)


async def _cancel_before_the_start(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    await handle.cancel()
    stage.gate.open()
    return await stage.end_of(handle)


UNDO = (
    _story(
        "refused before it runs",
        Fault(_DEPLOY, FaultKind.WRONG_MAC, match=_without_id),
        ends=ErrorType.VERIFICATION_FAILED.value,
        vms=(DESTROYED,),
        submits=2,
    ),
    _story(
        "the reply to the destroy is lost after the effect",
        Fault(_DEPLOY, FaultKind.WRONG_MAC, match=_without_id),
        Fault("destroyVirtualMachine", FaultKind.LOST_AFTER_EFFECT, skip=1),
        ends=ErrorType.VERIFICATION_FAILED.value,
        vms=(DESTROYED,),
        submits=2,
    ),
    Story(
        "cancelled before it runs",
        ends=CANCELLED,
        vms=(DESTROYED,),
        submits=2,
        plain=True,
        settings=dict(_SHORT),
        gate=("StartVMActivity", 1),
        plot=_cancel_before_the_start,
    ),
)


@pytest.mark.parametrize("story", CREATE, ids=str)
async def test_deploy_by_a_plain_key(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    if ended.result is not None:
        for vm in ended.vms:
            named = [ended.result.vm.id, *ended.result.warnings]
            assert any(vm.id in one for one in named), "a result names every resource that was made"
        assert ended.result.vm.id != vm_identity(ended.workflow_id, ended.result.context_id, 1)


@pytest.mark.parametrize("story", UNDO, ids=str)
async def test_what_a_plain_key_cannot_expunge_is_destroyed_and_named(story: Story, endings: Endings) -> None:
    ended = _assert_as_told(story, endings)
    (vm,) = ended.vms
    assert ended.record is not None
    assert ended.record.result is not None
    (line,) = ended.record.result["removed"]
    assert line.startswith(f"{vm.name} ({vm.id}): ")
    assert "destroyed" in line or "no longer shows" in line
    assert vm.id in ended.record.failure_message


def _assert_as_told(story: Story, endings: Endings) -> Ended:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
    assert all(vm.details[MARK_WORKFLOW] == ended.workflow_id for vm in ended.vms)
    return ended
