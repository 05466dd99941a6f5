"""Every kept history replays on the workflow as it is now; a workflow that does otherwise is found out."""

import base64
import json
from collections.abc import Iterator, Mapping
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
from tests.replay.record import HISTORIES, VERSION, read, slim
from tests.replay.whole_stories import WHOLE_STORIES
from tests.support.mariadb import PASSWORD
from workflows import clones, takeover
from workflows.cleanup import CleanupWorkflow
from workflows.commit import CommitWorkflow
from workflows.failover import FailoverWorkflow
from workflows.preflight_question import PreflightWorkflow

_FILES = sorted(HISTORIES.glob("*/*.json*"))
_WORKFLOWS = [FailoverWorkflow, CleanupWorkflow, CommitWorkflow, PreflightWorkflow]
_SECRETS = (cloud.ADMIN.secret, cloud.PLAIN.secret, vcenter.VCENTER_PASSWORD, PASSWORD)
_ENDS = {
    "live": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "test": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "cleanup": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "commit": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "preflight": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    "failed": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    "refused": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    "cancelled": EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
}


def _story(file: Path) -> str:
    return file.name.partition(".")[0]


def _history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(_story(file), read(file))


def _kept(version: str, story: str) -> WorkflowHistory:
    (file,) = (HISTORIES / version).glob(f"{story}.json*")
    return _history(file)


def _named(file: Path) -> str:
    return f"{file.parent.name}/{_story(file)}"


@pytest.mark.parametrize(("version", "stories"), (("1", STORIES), (VERSION, WHOLE_STORIES)))
def test_every_story_has_a_history(version: str, stories: Mapping[str, object]) -> None:
    assert {_story(file) for file in (HISTORIES / version).glob("*.json*")} == set(stories)


@pytest.mark.parametrize("file", _FILES, ids=_named)
async def test_a_history_replays(file: Path) -> None:
    replayer = Replayer(workflows=_WORKFLOWS, data_converter=pydantic_data_converter)
    await replayer.replay_workflow(_history(file))


@pytest.mark.parametrize("file", _FILES, ids=_named)
def test_a_history_ends_as_its_name_says(file: Path) -> None:
    last = _history(file).events[-1].event_type
    kind = _story(file).partition("-")[0]
    if kind in {"open", "held"}:
        assert last not in _ENDS.values()
    else:
        assert last == _ENDS[kind]


@pytest.mark.parametrize("file", _FILES, ids=_named)
def test_no_history_holds_a_secret(file: Path) -> None:
    text = read(file)
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
class _SyncsLate(FailoverWorkflow):
    """A live run with the snapshots before the last sync."""

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - as the original
        return await super().run(*inputs)

    async def _quiesce_the_source(self) -> None:
        await self._step("fence replication", takeover.fence)
        await self._step("stop the source", takeover.stop_the_source)
        await self._step("rollback snapshots", takeover.take_rollback_snapshots)
        await self._step("final sync", takeover.final_sync)


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class _ClonesTwice(FailoverWorkflow):
    """A drill that asks for its clones once more."""

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - as the original
        return await super().run(*inputs)

    async def _make_clones(self) -> None:
        await super()._make_clones()
        await self._step("clone the disks", clones.clone_disks)


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


@pytest.mark.parametrize(
    ("version", "story"),
    (("1", "live"), ("1", "test"), ("1", "open-while-the-vm-is-created"), ("2", "live"), ("2", "test")),
)
@pytest.mark.parametrize("changed", (_GuardsOnceMore, _AsksLate))
async def test_a_changed_workflow_does_not_replay(
    changed: type[FailoverWorkflow], version: str, story: str
) -> None:
    if changed is _GuardsOnceMore and version != "1":
        changed = _SyncsLate if story == "live" else _ClonesTwice
    replayer = Replayer(workflows=[changed], data_converter=pydantic_data_converter)
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(_kept(version, story))


@workflow.defn(name="FailoverWorkflow", sandboxed=False)
class _Same(FailoverWorkflow):
    """Nothing else."""

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - as the original
        return await super().run(*inputs)


async def test_the_unchanged_workflow_replays_as_a_subclass_too() -> None:
    """So the two above fail for what they changed, and not for being subclasses."""
    replayer = Replayer(workflows=[_Same], data_converter=pydantic_data_converter)
    for version in ("1", VERSION):
        await replayer.replay_workflow(_kept(version, "live"))
