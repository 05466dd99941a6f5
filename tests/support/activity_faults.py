"""Strikes one execution of one activity, at a moment that the test chooses."""

import asyncio
import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

from activities.failures import failure
from rules.errors import FailoverErrorType

_PATIENCE = 90


class Fault(StrEnum):
    """What befalls an activity."""

    BEFORE = "fails before"
    """The try fails before its effect, and is repeated."""
    AFTER = "reply lost"
    """The effect is there, and the try fails all the same."""
    FINAL = "final before"
    """A typed failure that nothing repeats, before the effect."""
    FINAL_AFTER = "final after"
    """The same after the effect."""
    CANCEL = "cancel before"
    """The workflow is cancelled while the activity stands before its effect."""
    CANCEL_AFTER = "cancel after"
    """The same when the effect is there and the reply is not."""
    KILL = "worker killed"
    """SIGKILL for the worker's process when the effect is there and the reply is not."""
    KILL_BEFORE = "killed before"
    """The same before the effect."""

    @property
    def comes_after(self) -> bool:
        """Whether the effect is there by then."""
        return self in {Fault.AFTER, Fault.FINAL_AFTER, Fault.CANCEL_AFTER, Fault.KILL}

    @property
    def holds(self) -> bool:
        """Whether the activity waits until the test has done something."""
        return self in {Fault.CANCEL, Fault.CANCEL_AFTER}

    @property
    def kills(self) -> bool:
        """Whether it takes the worker's process with it."""
        return self in {Fault.KILL, Fault.KILL_BEFORE}


@dataclass(frozen=True)
class Strike:
    """Which execution, and what befalls it.

    Attributes:
        activity: The activity's name.
        number: Which of its executions in such a workflow, from 1; a repetition is the same execution.
        workflow: The type of the workflow that asks for it.
    """

    activity: str
    fault: Fault
    number: int = 1
    workflow: str = "FailoverWorkflow"

    def as_text(self) -> str:
        """As an environment variable holds it."""
        return "|".join((self.activity, self.fault.name, str(self.number), self.workflow))

    @classmethod
    def from_text(cls, text: str) -> "Strike":
        """Read it again."""
        name, fault, number, workflow = text.split("|")
        return cls(name, Fault[fault], int(number), workflow)


class Striker(ClientInterceptor, WorkerInterceptor):
    """Stands before every activity of a worker.

    Attributes:
        struck: The strikes that befell something.
    """

    def __init__(self, *strikes: Strike) -> None:
        self._left = {strike: strike.number for strike in strikes}
        self.struck: list[Strike] = []
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    def add(self, *strikes: Strike) -> None:
        """More of them, counted from now."""
        self._left |= {strike: strike.number for strike in strikes}

    async def reached(self) -> None:
        """Wait until an activity that is held back stands there."""
        async with asyncio.timeout(_PATIENCE):
            await self._reached.wait()

    def open(self) -> None:
        """Let it go on."""
        self._opened.set()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's own name
        """Stand before every activity."""
        return _Struck(next, self)

    async def run(self, execute: ActivityInboundInterceptor, execution: ExecuteActivityInput) -> Any:  # noqa: ANN401 - the SDK's signature
        """Run an activity, struck if it is the one."""
        strike = self._due()
        if strike is None:
            return await execute.execute_activity(execution)
        if not strike.fault.comes_after:
            await self._befall(strike)
        result = await execute.execute_activity(execution)
        if strike.fault.comes_after:
            await self._befall(strike)
        return result

    def _due(self) -> Strike | None:
        info = activity.info()
        if info.attempt != 1:
            return None
        for strike in self._left:
            if (strike.activity, strike.workflow) == (info.activity_type, info.workflow_type):
                self._left[strike] -= 1
                if self._left[strike] == 0:
                    self.struck.append(strike)
                    return strike
        return None

    async def _befall(self, strike: Strike) -> None:
        fault = strike.fault
        if fault.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault.holds:
            self._reached.set()
            await self._opened.wait()
            return
        final = fault in {Fault.FINAL, Fault.FINAL_AFTER}
        kind = FailoverErrorType.ACTIVITY_FAILED if final else FailoverErrorType.CLOUDSTACK_UNAVAILABLE
        raise failure(kind, f"struck by the test: {fault.value}")


class _Struck(ActivityInboundInterceptor):
    def __init__(self, next_one: ActivityInboundInterceptor, striker: Striker) -> None:
        super().__init__(next_one)
        self._striker = striker

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        return await self._striker.run(self.next, input)


def client_with(client: Client, striker: Striker) -> Client:
    """The same client, whose workers are struck."""
    config = client.config()
    config["interceptors"] = [striker]
    return Client(**config)
