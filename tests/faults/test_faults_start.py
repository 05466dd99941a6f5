"""The start call and its job: the VM runs in the end, or it is removed and the run says why.

Every row of cloudstack-api.md 1.8, met by the start of a VM that was created stopped: a failed start leaves
it Stopped, and a later one works (observed, section 5).
"""

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import Story

_START = "startVirtualMachine"
_NONE: tuple[str, ...] = ()
_ALWAYS = None


def _answer(code: int, times: int | None = 1) -> Fault:
    return Fault(_START, FaultKind.REFUSED, code=code, times=times)


def _page(code: int, *, effect: bool = False) -> Fault:
    return Fault(_START, FaultKind.PROXY_HTML, code=code, effect=effect)


def _job(code: int, times: int | None = 1) -> Fault:
    return Fault(_START, FaultKind.JOB_FAILS, code=code, times=times)


def _refused(title: str, fault: Fault, ends: ErrorType, *, submits: int = 1) -> Story:
    return Story(title, (fault,), ends=ends.value, vms=_NONE, submits=submits)


def _survived(title: str, *faults: Fault, submits: int = 2) -> Story:
    return Story(title, faults, submits=submits)


def _given_up(title: str, fault: Fault, ends: ErrorType, *, submits: int) -> Story:
    short = {"FAILOVER_START_BUDGET_SECONDS": 0.5, "FAILOVER_START_RETRY_SECONDS": 0.2}
    return Story(title, (fault,), ends=ends.value, vms=_NONE, submits=submits, settings=short)


SUBMIT = (
    _given_up(
        "429 for good: the VM is removed",
        Fault(_START, FaultKind.THROTTLED, _ALWAYS),
        ErrorType.CLOUDSTACK_UNAVAILABLE,
        submits=5,
    ),
    _given_up(
        "reply lost before the effect, for good: the VM is removed",
        Fault(_START, FaultKind.LOST_BEFORE_EFFECT, _ALWAYS),
        ErrorType.CLOUDSTACK_OUTCOME_UNKNOWN,
        submits=5,
    ),
    _survived("401 once: signed anew", Fault(_START, FaultKind.UNAUTHORIZED_ONCE)),
    _refused("401 for good: stops", _answer(401, _ALWAYS), ErrorType.CLOUDSTACK_NOT_PERMITTED, submits=2),
    _survived("429: waits and repeats", Fault(_START, FaultKind.THROTTLED)),
    _refused("431: stops", _answer(431), ErrorType.CLOUDSTACK_REFUSED),
    _refused("431 without JSON: stops", _page(431), ErrorType.CLOUDSTACK_REFUSED),
    *(
        _refused(f"{code}: stops", _answer(code), ErrorType.CLOUDSTACK_REFUSED)
        for code in (400, 405, 411, 414, 430, 432, 511, 537)
    ),
    _survived("503 with JSON: waits and repeats", Fault(_START, FaultKind.MAINTENANCE)),
    *(_survived(f"{code} before the effect: looks and repeats", _page(code)) for code in (502, 503, 504)),
    *(
        _survived(f"{code} after the effect: looks, it runs", _page(code, effect=True), submits=1)
        for code in (502, 503, 504)
    ),
    _survived("200 that is no CloudStack reply: looks, it runs", _page(200, effect=True), submits=1),
    _survived("530: looks and repeats", Fault(_START, FaultKind.INTERNAL)),
    _refused("531: stops", _answer(531), ErrorType.CLOUDSTACK_NOT_PERMITTED),
    _refused("532: stops", _answer(532), ErrorType.QUOTA_EXCEEDED),
    _survived("533: waits and repeats", Fault(_START, FaultKind.NO_CAPACITY)),
    _survived("534: waits and repeats", _answer(534)),
    _refused("535: stops", Fault(_START, FaultKind.QUOTA), ErrorType.QUOTA_EXCEEDED),
    _survived("536: waits and repeats", _answer(536)),
    _survived("a code that nobody knows: looks and repeats", _answer(599)),
    _survived("reply lost before the effect: repeats", Fault(_START, FaultKind.LOST_BEFORE_EFFECT)),
    _survived(
        "reply lost after the effect: looks, it runs", Fault(_START, FaultKind.LOST_AFTER_EFFECT), submits=1
    ),
    _survived(
        "reply lost while the VM is still starting: a second start waits for the first",
        Fault(_START, FaultKind.LOST_AFTER_EFFECT),
        Fault(_START, FaultKind.JOB_SLOW, seconds=3),
    ),
)

JOB = (
    *(_survived(f"job {code}: started again", _job(code)) for code in (0, 530, 533, 534)),
    *(
        _refused(f"job {code}: looks, it does not run, stops", _job(code), ErrorType.VM_START_FAILED)
        for code in (401, 429, 430, 431, 432, 503, 531, 532, 535, 536, 537, 599)
    ),
    _given_up(
        "job 533 for good: the VM is removed", _job(533, _ALWAYS), ErrorType.VM_START_FAILED, submits=3
    ),
    _given_up(
        "job 530 for good: the VM is removed", _job(530, _ALWAYS), ErrorType.VM_START_FAILED, submits=3
    ),
    _survived("job without jobresult: started again", Fault(_START, FaultKind.JOB_FAILS_WITHOUT_RESULT)),
    _survived(
        "job without jobresult, code 0: started again",
        Fault(_START, FaultKind.JOB_FAILS_WITHOUT_RESULT, code=0),
    ),
    _survived("job expired: looks, it runs", Fault(_START, FaultKind.JOB_EXPIRED), submits=1),
    _survived("job slow: waited for", Fault(_START, FaultKind.JOB_SLOW, seconds=1), submits=1),
    Story(
        "job that outlasts its time: a second start waits for the first",
        (Fault(_START, FaultKind.JOB_SLOW, seconds=2),),
        settings={"FAILOVER_JOB_TIMEOUT_SECONDS": 0.5},
    ),
)


@pytest.mark.parametrize("story", SUBMIT, ids=str)
async def test_start_answered_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", JOB, ids=str)
async def test_start_ended_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


def _assert_as_told(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    submits = ended.count(_START) if story.submits is None else story.submits
    assert (ended.type, ended.states, ended.count(_START)) == (story.ends, story.vms, submits)
    assert ended.count("deployVirtualMachine") == 1
