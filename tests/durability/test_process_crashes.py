"""The worker as a real process, ended at the worst moments: one VM each time, and the run completed.

Temporal keeps the dead worker's tasks back for ten seconds before the next one gets them, so the stories of
this module are played side by side, each on a site of its own.
"""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from activities.search_attributes import register_search_attributes
from rules.outcomes import FailoverResult
from simulators.cloudstack import Fault, FaultKind
from tests.support.site import LIVE, TEST, Site, activity_started, open_site
from tests.support.worker_process import WorkerProcess, environment_of, worker_process
from workflows.surface import SEARCH_ATTRIBUTES

_PATIENCE = 90
_Story = Callable[[Site, WorkerProcess], Awaitable[None]]


async def _completed(handle: WorkflowHandle[Any, FailoverResult], site: Site) -> FailoverResult:
    result = await asyncio.wait_for(handle.result(), _PATIENCE)
    (vm,) = site.vms()
    assert site.running() == [vm]
    assert result.vm.id == vm.id
    return result


def _arrival(site: Site, fault: Fault) -> asyncio.Event:
    """Order a fault, and tell when the call that it is for has arrived."""
    arrived = asyncio.Event()

    def matches(_params: object) -> bool:
        arrived.set()
        return True

    fault.match = matches
    site.cloud.faults.add(fault)
    return arrived


async def _killed_at(arrived: asyncio.Event, worker: WorkerProcess) -> None:
    await asyncio.wait_for(arrived.wait(), _PATIENCE)
    await worker.kill()
    await worker.work()


async def _between_submit_and_end_of_the_deploy(site: Site, worker: WorkerProcess) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=4))
    handle = await site.start(LIVE)
    await activity_started(handle, "WaitForJobActivity")
    await worker.kill()
    await worker.work()
    result = await _completed(handle, site)
    assert not result.vm.adopted, "the ids of VM and job stood in the history"
    assert len(site.cloud.calls_of("deployVirtualMachine")) == 1


async def _while_the_create_call_is_on_its_way(site: Site, worker: WorkerProcess) -> None:
    arrived = _arrival(site, Fault("deployVirtualMachine", FaultKind.HANG, seconds=2.5))
    handle = await site.start(TEST)
    await _killed_at(arrived, worker)
    await _completed(handle, site)


async def _while_the_answer_of_the_create_call_is_on_its_way(site: Site, worker: WorkerProcess) -> None:
    arrived = _arrival(site, Fault("deployVirtualMachine", FaultKind.HANG, seconds=2.5, effect=True))
    handle = await site.start(TEST)
    await _killed_at(arrived, worker)
    result = await _completed(handle, site)
    assert result.vm.adopted
    assert len(site.cloud.calls_of("deployVirtualMachine")) == 1


async def _while_the_vm_starts(site: Site, worker: WorkerProcess) -> None:
    arrived = _arrival(site, Fault("startVirtualMachine", FaultKind.HANG, seconds=2.5, effect=True))
    handle = await site.start(LIVE)
    await _killed_at(arrived, worker)
    await _completed(handle, site)


async def _at_one_step_after_another(site: Site, worker: WorkerProcess) -> None:
    """A machine that goes down again and again."""
    arrivals = [
        _arrival(site, Fault(command, FaultKind.HANG, seconds=2.5, effect=True))
        for command in ("listTemplates", "startVirtualMachine")
    ]
    handle = await site.start(TEST)
    for arrived in arrivals:
        await _killed_at(arrived, worker)
    await _completed(handle, site)


async def _in_the_middle_of_an_undo(site: Site, worker: WorkerProcess) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    arrived = _arrival(site, Fault("destroyVirtualMachine", FaultKind.HANG, seconds=2.5, effect=True))
    handle = await site.start(LIVE)
    await _killed_at(arrived, worker)
    with pytest.raises(Exception, match="Workflow execution failed"):
        await asyncio.wait_for(handle.result(), _PATIENCE)
    assert site.vms() == []


async def _told_to_stop_by_sigterm(site: Site, worker: WorkerProcess) -> None:
    arrived = _arrival(site, Fault("deployVirtualMachine", FaultKind.HANG, seconds=0.5, effect=True))
    handle = await site.start(LIVE)
    await asyncio.wait_for(arrived.wait(), _PATIENCE)
    worker.send(signal.SIGTERM)
    assert await worker.end() == 0
    events = [one["event"] for one in worker.events()]
    assert events.index("worker_draining") < events.index("vm_submitted"), "the answer was waited for"
    assert events[-1] == "worker_stopped"
    await worker.work()
    result = await _completed(handle, site)
    assert not result.vm.adopted


async def _told_to_stop_by_sigint_while_idle(site: Site, worker: WorkerProcess) -> None:
    worker.send(signal.SIGINT)
    assert await worker.end() == 0
    assert worker.events()[-1]["event"] == "worker_stopped"
    assert "Traceback" not in worker.output
    assert site.vms() == []


_STORIES: Mapping[str, _Story] = {
    story.__name__.strip("_"): story
    for story in (
        _between_submit_and_end_of_the_deploy,
        _while_the_create_call_is_on_its_way,
        _while_the_answer_of_the_create_call_is_on_its_way,
        _while_the_vm_starts,
        _at_one_step_after_another,
        _in_the_middle_of_an_undo,
        _told_to_stop_by_sigterm,
        _told_to_stop_by_sigint_while_idle,
    )
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def endings(
    temporal_client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, BaseException | None]]:
    """What became of every story: nothing, when it ended well."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with contextlib.AsyncExitStack() as stack:
        stages: dict[str, tuple[Site, WorkerProcess]] = {}
        for name in _STORIES:
            folder: Path = tmp_path_factory.mktemp("story")
            url = f"sqlite+aiosqlite:///{folder / 'site.db'}"
            site = await stack.enter_async_context(open_site(temporal_client, url))
            worker = await stack.enter_async_context(worker_process(folder, environment_of(site)))
            stages[name] = (site, worker)

        async def play(name: str) -> None:
            site, worker = stages[name]
            await worker.work()
            await _STORIES[name](site, worker)

        told = await asyncio.gather(*(play(name) for name in _STORIES), return_exceptions=True)
        yield dict(zip(_STORIES, told, strict=True))


@pytest.mark.parametrize("story", _STORIES)
def test_a_worker_is_ended(endings: Mapping[str, BaseException | None], story: str) -> None:
    error = endings[story]
    if error is not None:
        raise error
