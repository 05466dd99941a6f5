"""The undo: whatever the destroy call answers, the VM is gone or the run names it.

Every story begins with a VM whose MAC address is not the decided one, so that it is refused before it runs.
"""

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import STOPPED, Ended, Stage, Story
from tests.support.site import LIVE, TEST

_DESTROY = "destroyVirtualMachine"
_WRONG_VM = Fault("deployVirtualMachine", FaultKind.WRONG_MAC)
_ALWAYS = None


def _story(title: str, *faults: Fault, vms: tuple[str, ...], submits: int | None) -> Story:
    return Story(
        title,
        (_WRONG_VM, *faults),
        ends=ErrorType.VERIFICATION_FAILED.value,
        vms=vms,
        submits=submits,
        settings={"FAILOVER_UNDO_BUDGET_SECONDS": 1},
    )


def _removed(title: str, *faults: Fault, submits: int = 2) -> Story:
    return _story(title, *faults, vms=(), submits=submits)


def _named(title: str, *faults: Fault, submits: int = 1) -> Story:
    return _story(title, *faults, vms=(STOPPED,), submits=submits)


def _answer(code: int, times: int | None = 1) -> Fault:
    return Fault(_DESTROY, FaultKind.REFUSED, code=code, times=times)


def _page(code: int, *, effect: bool = False) -> Fault:
    return Fault(_DESTROY, FaultKind.PROXY_HTML, code=code, effect=effect)


def _job(code: int, times: int | None = 1) -> Fault:
    return Fault(_DESTROY, FaultKind.JOB_FAILS, code=code, times=times)


SUBMIT = (
    _named("429 for good: named", Fault(_DESTROY, FaultKind.THROTTLED, _ALWAYS), submits=5),
    _named("530 for good: named", Fault(_DESTROY, FaultKind.INTERNAL, _ALWAYS), submits=5),
    _named(
        "reply lost before the effect, for good: named",
        Fault(_DESTROY, FaultKind.LOST_BEFORE_EFFECT, _ALWAYS),
        submits=5,
    ),
    _removed("nothing in the way", submits=1),
    _removed("401 once: signed anew", Fault(_DESTROY, FaultKind.UNAUTHORIZED_ONCE)),
    _named("401 for good: named", _answer(401, _ALWAYS), submits=2),
    _removed("429: waits and repeats", Fault(_DESTROY, FaultKind.THROTTLED)),
    _removed("431 while the VM is there: looks and repeats", _answer(431)),
    _named("431 without JSON: named", _page(431)),
    *(_named(f"{code}: named", _answer(code)) for code in (400, 405, 411, 414, 430, 432, 511, 537)),
    _removed("503 with JSON: waits and repeats", Fault(_DESTROY, FaultKind.MAINTENANCE)),
    *(_removed(f"{code} before the effect: repeats", _page(code)) for code in (502, 503, 504)),
    *(
        _removed(f"{code} after the effect: looks, it is gone", _page(code, effect=True), submits=1)
        for code in (502, 503, 504)
    ),
    _removed("200 that is no CloudStack reply: looks, it is gone", _page(200, effect=True), submits=1),
    _removed("530: repeats", Fault(_DESTROY, FaultKind.INTERNAL)),
    _named("531: named", _answer(531)),
    _named("532: named", _answer(532)),
    _removed("533: repeats", Fault(_DESTROY, FaultKind.NO_CAPACITY)),
    _removed("534: repeats", _answer(534)),
    _named("535: named", Fault(_DESTROY, FaultKind.QUOTA)),
    _removed("536: repeats", _answer(536)),
    _removed("a code that nobody knows: repeats", _answer(599)),
    _removed("reply lost before the effect: repeats", Fault(_DESTROY, FaultKind.LOST_BEFORE_EFFECT)),
    _removed(
        "reply lost after the effect: looks, it is gone",
        Fault(_DESTROY, FaultKind.LOST_AFTER_EFFECT),
        submits=1,
    ),
)

JOB = (
    _named("job 530 for good: named", _job(530, _ALWAYS), submits=10),
    *(
        _removed(f"job {code} once: destroyed first, then expunged", _job(code), submits=3)
        for code in (401, 429, 430, 431, 432, 503, 530, 531, 532, 533, 534, 535, 536, 537)
    ),
    _removed("job with a code that nobody knows: looks and repeats", _job(599)),
    _removed("job without jobresult: looks and repeats", Fault(_DESTROY, FaultKind.JOB_FAILS_WITHOUT_RESULT)),
    _removed("job 0: looks and repeats", _job(0)),
    _removed("job expired: looks, it is gone", Fault(_DESTROY, FaultKind.JOB_EXPIRED), submits=1),
    _removed("job slow: waited for", Fault(_DESTROY, FaultKind.JOB_SLOW, seconds=1), submits=1),
)


async def _nothing_is_answered_after_the_create(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    faults = stage.site.cloud.faults
    faults.add(Fault("deployVirtualMachine", FaultKind.LOST_AFTER_EFFECT))
    # Three look-ups come before the create: by id, by mark, by mark in projects.
    faults.add(Fault("listVirtualMachines", FaultKind.REFUSED, code=432, skip=3, times=_ALWAYS))
    stage.gate.open()
    return await stage.end_of(handle)


UNSEEN = tuple(
    Story(
        f"{request['failover_type']}: the create is not answered, nor is any look-up after it",
        ends=ErrorType.CLOUDSTACK_REFUSED.value,
        vms=(STOPPED,),
        request=dict(request),
        settings={"FAILOVER_CREATE_EXPIRY_SECONDS": 2},
        gate=("CreateVMActivity", 1),
        plot=_nothing_is_answered_after_the_create,
    )
    for request in (LIVE, TEST)
)


@pytest.mark.parametrize("story", SUBMIT, ids=str)
async def test_destroy_answered_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", JOB, ids=str)
async def test_destroy_ended_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", UNSEEN, ids=str)
async def test_a_vm_that_nobody_has_seen_is_named_all_the_same(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    assert f"Left behind: a VM {ended.vms[0].name} that this run may have made" in ended.message


def _assert_as_told(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DESTROY)) == (story.ends, story.vms, story.submits)
    assert ended.count("startVirtualMachine") == 0
    assert ended.report is not None
    named = [*ended.report.removed, *ended.report.left_behind]
    assert len(named) == 1, f"one VM was made, so one is named: {named}"
    assert named[0].startswith("pgtest1 (")
