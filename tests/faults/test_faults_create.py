"""The create call and its job: whatever CloudStack answers, one VM or none, and the run says which.

Every row of cloudstack-api.md 1.8, lost replies and orphans, met by the deploy of a whole live failover.
"""

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import Story

_DEPLOY = "deployVirtualMachine"
_NONE: tuple[str, ...] = ()
_ALWAYS = None


def _answer(code: int, times: int | None = 1) -> Fault:
    return Fault(_DEPLOY, FaultKind.REFUSED, code=code, times=times)


def _page(code: int, *, effect: bool = False, times: int | None = 1) -> Fault:
    return Fault(_DEPLOY, FaultKind.PROXY_HTML, code=code, effect=effect, times=times)


def _job(code: int) -> Fault:
    return Fault(_DEPLOY, FaultKind.JOB_FAILS, code=code)


def _refused(title: str, fault: Fault, ends: ErrorType, *, submits: int = 1) -> Story:
    return Story(title, (fault,), ends=ends.value, vms=_NONE, submits=submits)


def _survived(title: str, *faults: Fault, submits: int = 2) -> Story:
    return Story(title, faults, submits=submits)


def _given_up(title: str, fault: Fault, ends: ErrorType, *, submits: int = 5) -> Story:
    """Five tries are the fewest; the undo waits for the expiry of the last call before it looks."""
    short = {"FAILOVER_CREATE_BUDGET_SECONDS": 1, "FAILOVER_CREATE_EXPIRY_SECONDS": 2}
    return Story(title, (fault,), ends=ends.value, vms=_NONE, submits=submits, settings=short)


FOR_GOOD = (
    _given_up(
        "429 for good: gives up",
        Fault(_DEPLOY, FaultKind.THROTTLED, _ALWAYS),
        ErrorType.CLOUDSTACK_UNAVAILABLE,
    ),
    _given_up(
        "530 for good: gives up",
        Fault(_DEPLOY, FaultKind.INTERNAL, _ALWAYS),
        ErrorType.CLOUDSTACK_UNAVAILABLE,
    ),
    _given_up(
        "530 that leaves a VM in Error, for good: every one of them is removed",
        Fault(_DEPLOY, FaultKind.INTERNAL_WITH_ERROR_VM, _ALWAYS),
        ErrorType.VM_CREATE_FAILED,
        submits=20,
    ),
    _given_up(
        "533 for good: gives up",
        Fault(_DEPLOY, FaultKind.NO_CAPACITY, _ALWAYS),
        ErrorType.CLOUDSTACK_NO_CAPACITY,
    ),
    _given_up("502 for good: gives up", _page(502, times=_ALWAYS), ErrorType.CLOUDSTACK_OUTCOME_UNKNOWN),
    _given_up(
        "reply lost before the effect, for good: gives up",
        Fault(_DEPLOY, FaultKind.LOST_BEFORE_EFFECT, _ALWAYS),
        ErrorType.CLOUDSTACK_OUTCOME_UNKNOWN,
    ),
)

SUBMIT = (
    *FOR_GOOD,
    _survived("401 once: signed anew", Fault(_DEPLOY, FaultKind.UNAUTHORIZED_ONCE)),
    _refused("401 for good: stops", _answer(401, _ALWAYS), ErrorType.CLOUDSTACK_NOT_PERMITTED, submits=2),
    _survived("429: waits and repeats", Fault(_DEPLOY, FaultKind.THROTTLED)),
    _refused("431: stops", _answer(431), ErrorType.CLOUDSTACK_REFUSED),
    _refused("431 without JSON: stops", _page(431), ErrorType.CLOUDSTACK_REFUSED),
    _refused("414: stops", _page(414), ErrorType.CLOUDSTACK_REFUSED),
    _refused("400: stops", _answer(400), ErrorType.CLOUDSTACK_REFUSED),
    _refused("405: stops", _answer(405), ErrorType.CLOUDSTACK_REFUSED),
    _refused("411: stops", _answer(411), ErrorType.CLOUDSTACK_REFUSED),
    _refused("430: stops", _answer(430), ErrorType.CLOUDSTACK_REFUSED),
    _refused("432: stops", _answer(432), ErrorType.CLOUDSTACK_REFUSED),
    _refused("511: stops", _answer(511), ErrorType.CLOUDSTACK_REFUSED),
    _survived("503 with JSON: waits and repeats", Fault(_DEPLOY, FaultKind.MAINTENANCE)),
    _survived("502 before the effect: looks and repeats", _page(502)),
    _survived("503 without JSON before the effect: looks and repeats", _page(503)),
    _survived("504 before the effect: looks and repeats", _page(504)),
    _survived("502 after the effect: looks and adopts", _page(502, effect=True), submits=1),
    _survived("503 without JSON after the effect: looks and adopts", _page(503, effect=True), submits=1),
    _survived("504 after the effect: looks and adopts", _page(504, effect=True), submits=1),
    _survived(
        "200 that is no CloudStack reply, after the effect: adopts", _page(200, effect=True), submits=1
    ),
    _survived("200 that is no CloudStack reply, without an effect: repeats", _page(200)),
    _survived("404 page: looks and repeats", _page(404)),
    _refused("302 of a proxy: stops", _page(302), ErrorType.CLOUDSTACK_REFUSED),
    _refused("403 of a proxy: stops", _page(403), ErrorType.CLOUDSTACK_REFUSED),
    _survived("530 that left nothing: looks and repeats", Fault(_DEPLOY, FaultKind.INTERNAL)),
    _survived(
        "530 that left a VM in Error: it is removed, the next generation runs",
        Fault(_DEPLOY, FaultKind.INTERNAL_WITH_ERROR_VM),
    ),
    _survived(
        "530 that left a VM in Error, three times: the fourth generation runs",
        Fault(_DEPLOY, FaultKind.INTERNAL_WITH_ERROR_VM, times=3),
        submits=4,
    ),
    _survived("531 once: created without an id of ours", _answer(531)),
    _refused("531 for good: stops", _answer(531, _ALWAYS), ErrorType.CLOUDSTACK_NOT_PERMITTED, submits=2),
    _refused("532: stops", _answer(532), ErrorType.QUOTA_EXCEEDED),
    _survived("533: waits and repeats", Fault(_DEPLOY, FaultKind.NO_CAPACITY)),
    _survived("534: waits and repeats", _answer(534)),
    _refused("535: stops", Fault(_DEPLOY, FaultKind.QUOTA), ErrorType.QUOTA_EXCEEDED),
    _survived("536: waits and repeats", _answer(536)),
    _refused("537: stops", _answer(537), ErrorType.CLOUDSTACK_REFUSED),
    _survived("a code that nobody knows: looks and repeats", _answer(599)),
    _survived("reply lost before the effect: repeats", Fault(_DEPLOY, FaultKind.LOST_BEFORE_EFFECT)),
    _survived("reply lost after the effect: adopts", Fault(_DEPLOY, FaultKind.LOST_AFTER_EFFECT), submits=1),
    _survived(
        "replies lost before the effect, twice, then after it: adopts",
        Fault(_DEPLOY, FaultKind.LOST_BEFORE_EFFECT, times=2),
        Fault(_DEPLOY, FaultKind.LOST_AFTER_EFFECT),
        submits=3,
    ),
)

JOB = (
    *(
        _survived(f"job {code}: the VM is there and adopted", _job(code), submits=1)
        for code in (0, 401, 429, 430, 431, 432, 503, 530, 531, 532, 533, 534, 535, 536, 537, 599)
    ),
    _survived(
        "job without jobresult: the VM is there and adopted",
        Fault(_DEPLOY, FaultKind.JOB_FAILS_WITHOUT_RESULT),
        submits=1,
    ),
    _survived(
        "job without jobresult and code 0: the VM is there and adopted",
        Fault(_DEPLOY, FaultKind.JOB_FAILS_WITHOUT_RESULT, code=0),
        submits=1,
    ),
    _survived("job expired: the VM is there and adopted", Fault(_DEPLOY, FaultKind.JOB_EXPIRED), submits=1),
    _survived("job slow: waited for", Fault(_DEPLOY, FaultKind.JOB_SLOW, seconds=1), submits=1),
    Story(
        "job that outlasts its time: the VM is there and adopted",
        (Fault(_DEPLOY, FaultKind.JOB_SLOW, seconds=2),),
        settings={"FAILOVER_JOB_TIMEOUT_SECONDS": 0.5},
        submits=1,
    ),
)


@pytest.mark.parametrize("story", SUBMIT, ids=str)
async def test_deploy_answered_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", JOB, ids=str)
async def test_deploy_ended_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


def _assert_as_told(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
