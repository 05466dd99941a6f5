"""Holds an activity back, so that a test can do something at exactly that moment."""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

_PATIENCE = 60


class Gate(ClientInterceptor, WorkerInterceptor):
    """Stops one execution of one activity, before its effect or after it, until it is opened.

    Args:
        name: The activity's; with ``+`` in front it is held after its effect, before its result is reported.
        execution: Which of its executions, from 1; a repetition of the step counts.
    """

    def __init__(self, name: str = "", execution: int = 1) -> None:
        self._name = name.removeprefix("+")
        self._after = name.startswith("+")
        self._executions_left = execution
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def reached(self) -> None:
        """Wait until the activity stands at the gate."""
        async with asyncio.timeout(_PATIENCE):
            await self._reached.wait()

    def open(self) -> None:
        """Let it pass."""
        self._opened.set()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's own name
        """Stand before every activity."""
        return _Gated(next, self)

    async def run(self, execute: ActivityInboundInterceptor, execution: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        """Run an activity, held back if it is the one."""
        if activity.info().activity_type != self._name:
            return await execute.execute_activity(execution)
        self._executions_left -= 1
        is_held = self._executions_left == 0
        if is_held and not self._after:
            await self._hold()
        result = await execute.execute_activity(execution)
        if is_held and self._after:
            await self._hold()
        return result

    async def _hold(self) -> None:
        self._reached.set()
        await self._opened.wait()


class _Gated(ActivityInboundInterceptor):
    def __init__(self, next_one: ActivityInboundInterceptor, gate: Gate) -> None:
        super().__init__(next_one)
        self._gate = gate

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        return await self._gate.run(self.next, input)


def client_with(client: Client, gate: Gate) -> Client:
    """The same client, whose workers stand behind a gate."""
    config = client.config()
    config["interceptors"] = [gate]
    return Client(**config)
