"""A project owns the VMs (``FAILOVER_OWNER_PROJECT_ID``), for a root key and for an ordinary member's.

A list of everybody's VMs leaves a project's out, so each of these runs is one that looks for a VM there.
"""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from rules.errors import FailoverErrorType as ErrorType
from rules.identity import MARK_WORKFLOW, vm_marks
from simulators.cloudstack import Fault, FaultKind, sample
from simulators.cloudstack.entities import Account, VmState
from simulators.vma.sample import PGTEST1_MACS
from tests.faults.conftest import Endings
from tests.faults.stories import (
    CANCELLED,
    DESTROYED,
    PROJECT_ID,
    RUNNING,
    Ended,
    Stage,
    Story,
    run_to_the_end,
)
from tests.support.site import LIVE, TEST

_DEPLOY = "deployVirtualMachine"
_SHORT = {"FAILOVER_CREATE_EXPIRY_SECONDS": 2}
_KEYS = {"a root key": False, "a member's key": True}

_Plot = Callable[[Stage], Awaitable[Ended]]


def _all_the_projects(stage: Stage) -> None:
    ours = [vm for vm in stage.site.vms() if vm.id not in stage.strangers]
    assert {vm.account.project for vm in ours} <= {PROJECT_ID}


async def _run(stage: Stage) -> Ended:
    ended = await stage.run()
    _all_the_projects(stage)
    return ended


async def _cancel_before_the_start(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    await handle.cancel()
    stage.gate.open()
    ended = await stage.end_of(handle)
    _all_the_projects(stage)
    return ended


def _on_the_create(kind: FaultKind, *, plain: bool) -> Fault:
    """Disturb the create that counts: a key that may not choose ids repeats each one without."""
    return Fault(_DEPLOY, kind, match=lambda params: ("customid" not in params) is plain)


def _story(
    key: str,
    title: str,
    *faults: Fault,
    submits: int,
    ends: str = "completed",
    vms: tuple[str, ...] = (RUNNING,),
    request: Mapping[str, object] = LIVE,
    gate: str = "",
    plot: _Plot = _run,
) -> Story:
    return Story(
        f"{title}, {key}",
        faults,
        ends=ends,
        vms=vms,
        submits=submits,
        request=dict(request),
        settings=dict(_SHORT),
        plain=_KEYS[key],
        project=True,
        gate=(gate, 1),
        plot=plot,
    )


# An ordinary key asks with an id first, and learns each time that it may not.
RUNS = tuple(
    story
    for key, plain in _KEYS.items()
    for calls in (2 if plain else 1,)
    for story in (
        _story(key, "live", submits=calls),
        _story(key, "test", request=TEST, submits=calls),
        _story(
            key,
            "reply lost after the effect: looks and adopts",
            _on_the_create(FaultKind.LOST_AFTER_EFFECT, plain=plain),
            submits=calls,
        ),
        _story(
            key,
            "reply lost before the effect: looks and repeats",
            _on_the_create(FaultKind.LOST_BEFORE_EFFECT, plain=plain),
            submits=2 * calls,
        ),
        _story(
            key,
            "530 that left a VM in Error: it is removed, another one runs",
            _on_the_create(FaultKind.INTERNAL_WITH_ERROR_VM, plain=plain),
            vms=(DESTROYED, RUNNING) if plain else (RUNNING,),
            submits=2 * calls,
        ),
    )
)
# A member may not expunge, and does not see what it destroyed (observed, section 10).
UNDO = tuple(
    story
    for key, plain in _KEYS.items()
    for story in (
        _story(
            key,
            "cancelled before the start",
            ends=CANCELLED,
            vms=(DESTROYED,) if plain else (),
            submits=2 if plain else 1,
            gate="StartVMActivity",
            plot=_cancel_before_the_start,
        ),
        _story(
            key,
            "the reply to the create is lost, and it is cancelled",
            _on_the_create(FaultKind.LOST_AFTER_EFFECT, plain=plain),
            ends=CANCELLED,
            vms=(DESTROYED,) if plain else (),
            submits=2 if plain else 1,
            gate="+CreateVMActivity",
            plot=_cancel_before_the_start,
        ),
    )
)


def _neighbour(
    name: str,
    network_id: str,
    *,
    marks: Mapping[str, str] | None = None,
    mac: str = "",
    elsewhere: bool = False,
) -> _Plot:
    """Somebody's VM is there: the project's, or for a root key another project's."""

    async def plot(stage: Stage) -> Ended:
        world = stage.site.cloud.world
        owner: Account = world.add_project("another") if elsewhere else world.projects[PROJECT_ID]
        vm = stage.add_stranger(
            name, network_id, account=owner, state=VmState.RUNNING, details=dict(marks or {})
        )
        if mac:
            vm.nics[0].mac = mac
        return await run_to_the_end(stage)

    return plot


_LIVE_MARKS = vm_marks("a-run-of-another-appliance", "another-context", "live", "its-identity")
_LAN = sample.PROD_LAN_ID
REFUSED = tuple(
    _story(key, title, ends=ends.value, vms=(), submits=0, request=request, plot=plot)
    for key in _KEYS
    for title, ends, request, plot in (
        (
            "guard: a VM failed over live",
            ErrorType.PRODUCTION_NETWORK_REFUSED,
            TEST,
            _neighbour("other", sample.TEST_DMZ_ID, marks=_LIVE_MARKS),
        ),
        (
            "a MAC address that is taken",
            ErrorType.DESTINATION_CHECK_FAILED,
            TEST,
            _neighbour("other", sample.TEST_LAN_ID, mac=PGTEST1_MACS[0]),
        ),
        ("a name that is taken", ErrorType.VM_NAME_TAKEN, LIVE, _neighbour("pgtest1", _LAN)),
    )
)
ANOTHER_PROJECT = (
    _story(
        "a root key",
        "a name that another project's VM has",
        ends=ErrorType.VM_NAME_TAKEN.value,
        vms=(),
        submits=0,
        plot=_neighbour("pgtest1", _LAN, elsewhere=True),
    ),
)


@pytest.mark.parametrize("story", RUNS, ids=str)
async def test_a_failover_for_a_project_makes_one_vm(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
    assert all(vm.details[MARK_WORKFLOW] == ended.workflow_id for vm in ended.vms)


@pytest.mark.parametrize("story", UNDO, ids=str)
async def test_the_undo_finds_what_the_project_has(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
    assert ended.record is not None
    assert ended.record.result is not None
    assert len(ended.record.result["removed"]) == 1
    assert ended.record.result["left_behind"] == []


@pytest.mark.parametrize("story", (*REFUSED, *ANOTHER_PROJECT), ids=str)
async def test_what_a_project_has_is_seen_before_anything_is_made(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
