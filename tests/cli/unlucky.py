"""The command line in this process, on a Temporal that does not answer some of its calls."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection
from typing import Any, Self

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    DescribeWorkflowInput,
    FetchWorkflowHistoryEventsInput,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateWithStartInput,
    WorkflowExecutionDescription,
    WorkflowUpdateHandle,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from cli.app import app
from client import FailoverClient
from tests.support.site import Site

_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


class Unlucky(Interceptor):
    """Lets calls fail as they do when nothing answers, and with what the SDK makes of that.

    Args:
        calls: Of ``describe``, ``start`` and ``history``, which ones.
    """

    def __init__(self, *calls: str) -> None:
        self.calls = calls

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        return _Outbound(next, self.calls)

    @classmethod
    def client(cls, site: Site, *calls: str) -> FailoverClient:
        """A client of a site whose calls fail."""
        config = site.client.config()
        config["interceptors"] = [cls(*calls)]
        return FailoverClient(Client(**config), task_queue=site.task_queue)

    @classmethod
    def installed(cls, site: Site, monkeypatch: pytest.MonkeyPatch, *calls: str) -> "InProcess":
        """The command line on such a client."""
        address = site.client.service_client.config.target_host

        async def connect(_cls: type[FailoverClient], *_: Any, task_queue: str) -> FailoverClient:  # noqa: ANN401 - ignored
            temporal = await Client.connect(
                address,
                namespace=site.client.namespace,
                data_converter=pydantic_data_converter,
                interceptors=[cls(*calls)],
            )
            return FailoverClient(temporal, task_queue=task_queue)

        monkeypatch.setattr(FailoverClient, "connect", classmethod(connect))
        return InProcess(site.task_queue)


class InProcess:
    """Runs a command in a thread, since each has an event loop of its own; what it prints is for capsys."""

    def __init__(self, task_queue: str) -> None:
        self._task_queue = task_queue

    async def __call__(self, *arguments: str) -> int:
        """Run a command, and return its exit code."""
        given = [*arguments, "--task-queue", self._task_queue]
        return int(await asyncio.to_thread(app, given, standalone_mode=False))


def answers(output: str) -> list[str]:
    """The lines of an answer, without those that the worker in this process logs meanwhile."""
    return [line for line in output.splitlines() if not _LOGGED.match(line)]


class _Outbound(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, calls: Collection[str]) -> None:
        super().__init__(following)
        self._calls = calls

    async def describe_workflow(self, input: DescribeWorkflowInput) -> WorkflowExecutionDescription:  # noqa: A002 - the SDK's
        self._fail("describe")
        return await super().describe_workflow(input)

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # noqa: A002 - the SDK's
    ) -> WorkflowUpdateHandle[Any]:
        if "start" in self._calls:
            # The SDK's own way to tell whoever waits for the handle; without it they wait for ever.
            input._on_start_error(_away())
        self._fail("start")
        return await super().start_update_with_start_workflow(input)

    def fetch_workflow_history_events(self, input: FetchWorkflowHistoryEventsInput) -> Any:  # noqa: A002, ANN401 - the SDK's
        return _Broken() if "history" in self._calls else super().fetch_workflow_history_events(input)

    def _fail(self, call: str) -> None:
        if call in self._calls:
            raise _away()


class _Broken(AsyncIterator[HistoryEvent]):
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> HistoryEvent:
        raise _away()


def _away() -> RPCError:
    return RPCError("tcp connect error", RPCStatusCode.UNAVAILABLE, b"")
