"""A result that the workflow cannot read leaves the run open, with no undo, until a fixed worker is there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.messages import networks
from activities.messages import vm as vm_messages
from rules.models import Record
from rules.outcomes import FailoverResult
from settings import WorkerSettings
from tests.support.resets import reset
from tests.support.site import LIVE, Site
from worker import make_activities, make_worker
from workflows import steps

_PATIENCE = 60
_GARBAGE = {"vm": "not what was agreed on"}


class _Stricter(Record):
    """What a worker with a mistake in it expects of a reply."""

    a_field_that_nobody_sends: int


async def _task_failed(handle: WorkflowHandle[Any, Any]) -> str:
    """Wait until the workflow could not go on, and return what was said of it."""
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.HasField("workflow_task_failed_event_attributes"):
            return event.workflow_task_failed_event_attributes.failure.message
    raise AssertionError("the run closed")


async def _is_open_and_untouched(handle: WorkflowHandle[Any, Any], site: Site) -> None:
    assert (await handle.describe()).close_time is None
    scheduled = await site.event_types(handle)
    assert not {"BeginUndoActivity", "RemoveVMActivity", "FinishRunActivity"} & set(scheduled)


async def _completed(handle: WorkflowHandle[Any, FailoverResult], site: Site) -> FailoverResult:
    result = await asyncio.wait_for(handle.result(), _PATIENCE)
    (vm,) = site.running()
    assert site.vms() == [vm]
    assert result.vm.id == vm.id
    return result


@pytest.mark.parametrize(
    ("messages", "reply"), ((networks, "ResolvedNetworks"), (vm_messages, "CreateVMReply"))
)
async def test_a_worker_that_misreads_a_result_is_replaced_and_the_run_completes(
    site: Site, monkeypatch: pytest.MonkeyPatch, messages: ModuleType, reply: str
) -> None:
    with monkeypatch.context() as patch:
        # The sandbox may import the steps anew, or use those that are there.
        patch.setattr(messages, reply, _Stricter)
        patch.setattr(steps, reply, _Stricter)
        handle = await site.start(LIVE)
        assert "decod" in (await _task_failed(handle)).lower()
        await _is_open_and_untouched(handle, site)
        await site.stop_worker()
    await site.start_worker()
    result = await _completed(handle, site)
    assert not result.vm.adopted


@contextlib.asynccontextmanager
async def _worker_with(site: Site, *fakes: Callable[..., Any]) -> AsyncIterator[Worker]:
    """Run a worker of which some activities are replaced, by their registered names."""
    names = {_name(fake) for fake in fakes}
    settings = WorkerSettings(_env_file=None, **site.settings)
    async with make_activities(settings, site.client) as real:
        activities: Sequence[Callable[..., Any]] = [one for one in real if _name(one) not in names]
        async with make_worker(settings, site.client, [*activities, *fakes]) as worker:
            yield worker


def _name(function: Callable[..., Any]) -> str:
    definition = activity._Definition.from_callable(function)
    assert definition is not None
    assert definition.name is not None
    return definition.name


@activity.defn(name="CreateVMActivity")
async def _answers_garbage(_request: dict[str, Any]) -> dict[str, Any]:
    return _GARBAGE


async def test_garbage_in_the_history_is_passed_by_a_reset_with_a_fixed_worker(site: Site) -> None:
    await site.stop_worker()
    async with _worker_with(site, _answers_garbage):
        handle = await site.start(LIVE)
        await _task_failed(handle)
        await _is_open_and_untouched(handle, site)
    await site.start_worker()
    again = await reset(site.client, handle, "CreateVMActivity")
    await _completed(again, site)
