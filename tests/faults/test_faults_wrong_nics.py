"""A VM whose NICs are not the decided ones never runs, and is removed."""

from collections.abc import Mapping

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind
from tests.faults.conftest import Endings
from tests.faults.stories import Story
from tests.support.site import LIVE, TEST

_BEFORE_THE_START, _AFTER_THE_START = 1, 2
"""So many look-ups by id pass first: the create's; the start's."""


def _is_by_id(params: Mapping[str, str]) -> bool:
    return "id" in params


def _story(title: str, fault: Fault, *, starts: int, request: dict[str, str] = LIVE) -> Story:
    return Story(
        title,
        (fault,),
        ends=ErrorType.VERIFICATION_FAILED.value,
        vms=(),
        submits=starts,
        request=dict(request),
    )


STORIES = (
    *(
        _story(
            f"{kind.value} on the VM, {request['failover_type']}",
            Fault("deployVirtualMachine", kind),
            starts=0,
            request=request,
        )
        for kind in (FaultKind.WRONG_NIC_ORDER, FaultKind.WRONG_MAC)
        for request in (LIVE, TEST)
    ),
    *(
        _story(
            f"{kind.value} read back before the start",
            Fault("listVirtualMachines", kind, skip=_BEFORE_THE_START, match=_is_by_id),
            starts=0,
        )
        for kind in (FaultKind.WRONG_NIC_ORDER, FaultKind.WRONG_MAC)
    ),
    *(
        _story(
            f"{kind.value} read back after the start",
            Fault("listVirtualMachines", kind, skip=_AFTER_THE_START, match=_is_by_id),
            starts=1,
        )
        for kind in (FaultKind.WRONG_NIC_ORDER, FaultKind.WRONG_MAC)
    ),
)


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_wrong_nics(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states) == (story.ends, story.vms)
    assert ended.count("startVirtualMachine") == story.submits
    assert "NIC 0 ('VM Network')" in ended.message
    assert ended.report is not None
    assert len(ended.report.removed) == 1
