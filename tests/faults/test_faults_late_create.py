"""A create call whose answer never came and which arrives late: still one VM, or none after an undo.

The client gives up after half a second; the call is on its way for longer, within its expiry or beyond it.
"""

from collections.abc import Mapping

import pytest

from rules.outcomes import FailureReport
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import CANCELLED, RUNNING, Ended, Stage, Story

_DEPLOY = "deployVirtualMachine"
_EXPIRY = 4
_IMPATIENT = {"FAILOVER_CREATE_EXPIRY_SECONDS": _EXPIRY, "CLOUDSTACK_TIMEOUT_SECONDS": 0.5}


def _effective(params: Mapping[str, str], *, plain: bool) -> bool:
    """A plain key's call with an id is refused at once; the one that counts has none."""
    return ("customid" not in params) is plain


def _late(seconds: float, *, plain: bool) -> Fault:
    return Fault(
        _DEPLOY, FaultKind.HANG, seconds=seconds, match=lambda params: _effective(params, plain=plain)
    )


def _arrives(title: str, seconds: float, *, plain: bool) -> Story:
    who = "plain key" if plain else "admin key"
    return Story(f"{who}: {title}", (_late(seconds, plain=plain),), plain=plain, settings=dict(_IMPATIENT))


CREATED = tuple(
    story
    for plain in (False, True)
    for story in (
        _arrives("arrives within its expiry, the VM is adopted", 2, plain=plain),
        _arrives("arrives after its expiry, CloudStack refuses it", _EXPIRY + 1.5, plain=plain),
    )
)


async def _cancel_while_it_is_under_way(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.until_called(_DEPLOY, 2 if stage.story.plain else 1)
    assert stage.site.vms() == []
    await handle.cancel()
    ended = await stage.end_of(handle)
    assert len(stage.site.cloud.world.vms) == 1, "the call was to arrive"
    return ended


UNDONE = tuple(
    Story(
        f"{'plain' if plain else 'admin'} key: arrives while the undo waits",
        (_late(2, plain=plain),),
        ends=CANCELLED,
        vms=("Destroyed",) if plain else (),
        plain=plain,
        settings=dict(_IMPATIENT),
        plot=_cancel_while_it_is_under_way,
    )
    for plain in (False, True)
)


@pytest.mark.parametrize("story", CREATED, ids=str)
async def test_a_call_that(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, (RUNNING,))


@pytest.mark.parametrize("story", UNDONE, ids=str)
async def test_an_undo_waits_for_a_create_without_an_answer_and_looks_again(
    story: Story, endings: Endings
) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    assert ended.record is not None
    report = FailureReport.model_validate(ended.record.result)
    assert [line.partition(" (")[0] for line in report.removed] == ["pgtest1"]
    assert report.left_behind == ()
