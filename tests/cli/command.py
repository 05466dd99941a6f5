"""The command line as a process, as a person or a script runs it."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded.environment import child_environment
from tests.support.site import Site

_PATIENCE = 90


@dataclass(frozen=True)
class Printed:
    """What a command said, and its exit code."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        return json.loads(self.output)

    def json_lines(self) -> list[Any]:
        return [json.loads(line) for line in self.output.splitlines()]


class FailoverCommand:
    """Runs ``python -m cli`` against a site.

    Args:
        site: Where Temporal and the task queue are.
        home: An empty folder, so that no settings of ours are found.
    """

    def __init__(self, site: Site, home: Path) -> None:
        config = site.client.service_client.config
        self.environment = child_environment(
            home,
            {
                "TEMPORAL_ADDRESS": config.target_host,
                "TEMPORAL_NAMESPACE": site.client.namespace,
                "FAILOVER_TASK_QUEUE": site.task_queue,
            },
        )
        self.home = home

    async def begin(self, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            *arguments,
            env=self.environment | environment,
            cwd=self.home,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *arguments: str, given: str = "", **environment: str) -> Printed:
        """Run a command to its end, with some text as its standard input."""
        process = await self.begin(*arguments, **environment)
        return await ended(process, given)

    async def each(self, *commands: tuple[str, ...], **environment: str) -> "list[Printed]":
        """Run commands that do not touch each other, two at a time: most of it is the start of processes."""
        turns = asyncio.Semaphore(2)

        async def in_turn(command: tuple[str, ...]) -> Printed:
            async with turns:
                return await self(*command, **environment)

        return list(await asyncio.gather(*map(in_turn, commands)))


async def ended(process: asyncio.subprocess.Process, given: str = "") -> Printed:
    """Wait for a command's end."""
    closed = process.stdin is None or process.stdin.is_closing()
    output, errors = await asyncio.wait_for(
        process.communicate(None if closed else given.encode()), _PATIENCE
    )
    assert process.returncode is not None
    return Printed(process.returncode, output.decode(), errors.decode())


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return an environment without some names."""
    return {name: value for name, value in environment.items() if name not in names}
