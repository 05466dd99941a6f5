"""Every kept history replays on the workflow as it is now; a workflow that does otherwise is found out."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from rules.outcomes import FailoverResult
from simulators.cloudstack import sample as cloud
from simulators.vma import sample as vcenter
from tests.replay.golden_stories import STORIES
from tests.replay.record import HISTORIES, VERSION, slim
from tests.support.mariadb import PASSWORD
from workflows.failover import FailoverWorkflow

_FILES = sorted(HISTORIES.glob("*/*.json"))
_SECRETS = (cloud.ADMIN.secret, cloud.PLAIN.secret, vcenter.VCENTER_PASSWORD, PASSWORD)
_ENDS = {
    "live": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "test": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "failed": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    "refused": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    "cancelled": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
}


def _history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


def _of_now(story: str) -> WorkflowHistory:
    return _history(HISTORIES / VERSION / f"{story}.json")


def _named(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def test_every_story_has_a_history_of_the_present_version() -> None:
    assert {file.stem for file in (HISTORIES / VERSION).glob("*.json")} == set(STORIES)


@pytest.mark.parametrize("file", _FILES, ids=_named)
async def test_a_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=[FailoverWorkflow], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(_history(file))


@pytest.mark.parametrize("file", _FILES, ids=_named)
def test_a_history_ends_as_its_name_says(file: Path) -> None:
    last = _history(file).events[-1].event_type
    kind = file.stem.partition("-")[0]
    if kind == "open":
        assert last not in _ENDS.values()
    else:
        assert last == _ENDS[kind]


@pytest.mark.parametrize("file", _FILES, ids=_named)
def test_no_history_holds_a_secret(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    everything = "\n".join([text, *_payloads(json.loads(text))])
    assert "context_id" in everything, "the payloads were read"
    for secret in _SECRETS:
        assert secret not in everything


def _payloads(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Decode every payload, wherever it is."""
    if isinstance(value, list):
        for one in value:
            yield from _payloads(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name == "data" and isinstance(one, str):
                yield base64.b64decode(one).decode("utf-8", errors="replace")
            else:
                yield from _payloads(one)


def test_what_replay_does_not_need_is_left_out() -> None:
    events = [{"eventId": "1", "taskId": "2", "attributes": {"identity": "1@machine", "input": [1]}}]
    assert slim(events) == [{"eventId": "1", "attributes": {"identity": "recorder", "input": [1]}}]


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class _GuardsOnceMore(FailoverWorkflow):
    """The same workflow with one step more."""

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - as the original
        return await super().run(*inputs)

    async def _check_destination(self) -> None:
        await super()._check_destination()
        await self._guard_networks("create")


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class _AsksLate(FailoverWorkflow):
    """The same workflow with two steps exchanged."""

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - as the original
        return await super().run(*inputs)

    async def _lease_context(self) -> None:
        await super()._discover_source()

    async def _discover_source(self) -> None:
        await super()._lease_context()


@pytest.mark.parametrize("story", ("live", "test", "open-while-the-vm-is-created"))
@pytest.mark.parametrize("changed", (_GuardsOnceMore, _AsksLate))
async def test_a_changed_workflow_does_not_replay(changed: type[FailoverWorkflow], story: str) -> None:
    replayer = Replayer(workflows=[changed], data_converter=pydantic_data_converter)
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(_of_now(story))


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class _Same(FailoverWorkflow):
    """Nothing else."""

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - as the original
        return await super().run(*inputs)


async def test_the_unchanged_workflow_replays_as_a_subclass_too() -> None:
    """So the two above fail for what they changed, and not for being subclasses."""
    replayer = Replayer(workflows=[_Same], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(_of_now("live"))
