"""The management server goes down in the middle, and the minutes after it (observed, sections 8 and 21)."""

import pytest

from simulators.cloudstack import Fault, FaultKind
from simulators.cloudstack.entities import JobStatus
from tests.faults.conftest import Endings
from tests.faults.stories import Ended, Stage, Story

_DEPLOY, _START = "deployVirtualMachine", "startVirtualMachine"
_NO_CAPACITY = 533
_DOWN = 0.5
_DISCONNECTED = 1.5


async def _restart_at_the_gate(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    stage.gate.open()
    await stage.site.cloud.restart(down_seconds=_DOWN)
    return await stage.end_of(handle)


async def _restart_while_the_job_runs(stage: Stage) -> Ended:
    """The job is under way for long; its worker waits for it when the server goes down."""
    (command,) = {fault.command for fault in stage.story.faults}
    handle = await stage.start()
    await stage.until_called(command)
    await stage.until_called("listAsyncJobs", 2)
    await stage.site.cloud.restart(down_seconds=_DOWN)
    jobs = list(stage.site.cloud.world.jobs.values())
    assert [job.status for job in jobs if job.result is None] == [JobStatus.FAILED]
    return await stage.end_of(handle)


async def _restart_and_hosts_reconnect(stage: Stage) -> Ended:
    handle = await stage.start()
    await stage.gate.reached()
    await stage.site.cloud.restart(disconnected_seconds=_DISCONNECTED)
    stage.gate.open()
    ended = await stage.end_of(handle)
    codes = [job.result_code for job in stage.site.cloud.world.jobs.values()]
    assert _NO_CAPACITY in codes, "the hosts were to be away for a while"
    return ended


def _slow(command: str) -> tuple[Fault, ...]:
    return (Fault(command, FaultKind.JOB_SLOW, seconds=60),)


RESTARTS = (
    *(
        Story(f"when {name} begins", submits=1, gate=(name, 1), plot=_restart_at_the_gate)
        for name in (
            "CheckDestinationActivity",
            "CreateVMActivity",
            "WaitForJobActivity",
            "StartVMActivity",
            "VerifyVMActivity",
        )
    ),
    Story("in the middle of the deploy job", _slow(_DEPLOY), submits=1, plot=_restart_while_the_job_runs),
    Story("in the middle of the start job", _slow(_START), submits=1, plot=_restart_while_the_job_runs),
    Story(
        "before the start, and the hosts are away for a while",
        submits=1,
        gate=("StartVMActivity", 1),
        plot=_restart_and_hosts_reconnect,
    ),
)
STARTED_AGAIN = {"in the middle of the start job", "before the start, and the hosts are away for a while"}


@pytest.mark.parametrize("story", RESTARTS, ids=str)
async def test_restart(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count(_DEPLOY)) == (story.ends, story.vms, story.submits)
    if story.title in STARTED_AGAIN:
        assert ended.count(_START) >= 2
