"""Look-ups and questions after jobs: a read that fails in passing makes no second VM and loses none."""

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import Story

_VMS, _JOB, _JOBS = "listVirtualMachines", "queryAsyncJobResult", "listAsyncJobs"
_CHECKS = ("listZones", "listTemplates", "listServiceOfferings", "listNetworks", _VMS)
_EVERY_READ = 5
"""Once more than one try of an activity asks: the activity itself has to be tried again."""
_ALWAYS = None
_REFUSED = ErrorType.CLOUDSTACK_REFUSED
_NOT_PERMITTED = ErrorType.CLOUDSTACK_NOT_PERMITTED


def _survived(title: str, *faults: Fault) -> Story:
    return Story(title, faults, submits=1)


def _refused(title: str, fault: Fault, ends: ErrorType, *, submits: int = 0) -> Story:
    return Story(title, (fault,), ends=ends.value, vms=(), submits=submits)


def _answer(command: str, code: int, *, times: int | None = 1, skip: int = 0) -> Fault:
    return Fault(command, FaultKind.REFUSED, code=code, times=times, skip=skip)


def _page(command: str, code: int, *, times: int = 1, skip: int = 0) -> Fault:
    return Fault(command, FaultKind.PROXY_HTML, code=code, times=times, skip=skip)


def _lost(command: str, *, times: int = 1, skip: int = 0) -> Fault:
    return Fault(command, FaultKind.LOST_BEFORE_EFFECT, times=times, skip=skip)


CHECK = (
    *(_survived(f"{command} lost five times", _lost(command, times=_EVERY_READ)) for command in _CHECKS),
    _survived("401 once: signed anew", Fault(_VMS, FaultKind.UNAUTHORIZED_ONCE)),
    _survived("429 five times", Fault(_VMS, FaultKind.THROTTLED, times=_EVERY_READ)),
    _survived("503 with JSON five times", Fault(_VMS, FaultKind.MAINTENANCE, times=_EVERY_READ)),
    *(_survived(f"{code} five times", _page(_VMS, code, times=_EVERY_READ)) for code in (502, 503, 504)),
    _survived("200 that is no CloudStack reply, five times", _page(_VMS, 200, times=_EVERY_READ)),
    *(_survived(f"{code} once", _answer(_VMS, code)) for code in (530, 533, 534, 536, 599)),
    _refused("401 for good", _answer(_VMS, 401, times=_ALWAYS), _NOT_PERMITTED),
    *(
        _refused(f"{code}", _answer(_VMS, code), _REFUSED)
        for code in (400, 405, 411, 414, 430, 432, 511, 537)
    ),
    _survived("431 once: smaller pages are asked for", _answer(_VMS, 431)),
    _refused("431 for good", _answer(_VMS, 431, times=_ALWAYS), _REFUSED),
    _refused("431 without JSON", _page(_VMS, 431), _REFUSED),
    _refused("531", _answer(_VMS, 531), _NOT_PERMITTED),
    *(_refused(f"{code}", _answer(_VMS, code), ErrorType.QUOTA_EXCEEDED) for code in (532, 535)),
)

# A live failover looks for the name and for drills, each in projects too; then for the id and the mark, and
# by id before the start and after it.
_PLACES = {"of the id": 4, "of the mark": 5, "before the start": 7, "after the start": 8}

VM = (
    *(
        _survived(f"look-up {place} lost five times", _lost(_VMS, times=_EVERY_READ, skip=skip))
        for place, skip in _PLACES.items()
    ),
    *(_survived(f"look-up {place} 530", _answer(_VMS, 530, skip=skip)) for place, skip in _PLACES.items()),
    Story(
        "deploy lost after the effect, and the look-up that follows lost five times: adopted",
        (
            Fault("deployVirtualMachine", FaultKind.LOST_AFTER_EFFECT),
            _lost(_VMS, times=_EVERY_READ, skip=_PLACES["before the start"]),
        ),
        submits=1,
    ),
    Story(
        "deploy lost before the effect, and the look-up that follows lost five times: repeated",
        (
            Fault("deployVirtualMachine", FaultKind.LOST_BEFORE_EFFECT),
            _lost(_VMS, times=_EVERY_READ, skip=_PLACES["before the start"]),
        ),
        submits=2,
    ),
    _refused(
        "look-up before the start refused: the VM is removed",
        _answer(_VMS, 432, skip=_PLACES["before the start"]),
        _REFUSED,
        submits=1,
    ),
    _refused(
        "look-up after the start refused: the VM is removed",
        _answer(_VMS, 432, skip=_PLACES["after the start"]),
        _REFUSED,
        submits=1,
    ),
)

JOBS = (
    _survived("ten times lost", _lost(_JOB, times=10), _lost(_JOBS, times=10)),
    _survived("401 once: signed anew", *(Fault(one, FaultKind.UNAUTHORIZED_ONCE) for one in (_JOB, _JOBS))),
    *(
        _survived(f"{code}", _answer(_JOB, code), _answer(_JOBS, code))
        for code in (429, 503, 530, 533, 534, 536, 599)
    ),
    *(_survived(f"{code} page", _page(_JOB, code), _page(_JOBS, code)) for code in (502, 503, 504)),
    _survived(f"{_JOB} 431: the job is not known, the VM tells", _answer(_JOB, 431)),
    _refused(f"{_JOB} 531: stops, the VM is removed", _answer(_JOB, 531), _NOT_PERMITTED, submits=1),
    _refused(f"{_JOBS} 432: stops, the VM is removed", _answer(_JOBS, 432), _REFUSED, submits=1),
    _refused(
        f"{_JOBS} 432 for good: stops, the VM is removed all the same",
        _answer(_JOBS, 432, times=_ALWAYS),
        _REFUSED,
        submits=1,
    ),
)


@pytest.mark.parametrize("story", CHECK, ids=str)
async def test_check_before_the_create_answered_with(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", VM, ids=str)
async def test_vm(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


@pytest.mark.parametrize("story", JOBS, ids=str)
async def test_question_after_a_job(story: Story, endings: Endings) -> None:
    _assert_as_told(story, endings)


def _assert_as_told(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count("deployVirtualMachine")) == (
        story.ends,
        story.vms,
        story.submits,
    )
