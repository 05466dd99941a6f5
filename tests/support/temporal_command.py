"""The ``temporal`` command line, as an operator types it."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from embedded.environment import child_environment

_PATIENCE = 60


@dataclass(frozen=True)
class Printed:
    """What a command said, and whether it succeeded."""

    code: int
    output: str
    errors: str

    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        return json.loads(self.output)


class TemporalCommand:
    """Runs the command line against the tests' server.

    Args:
        cli: The binary.
        client: Tells where the server is.
        home: An empty folder, so that no settings of ours are found.
    """

    def __init__(self, cli: Path, client: Client, home: Path) -> None:
        self._cli = cli
        self._where = (
            "--address",
            client.service_client.config.target_host,
            "--namespace",
            client.namespace,
        )
        self._environment = child_environment(home)

    async def __call__(self, *arguments: str) -> Printed:
        """Run one command, whether it succeeds or not."""
        process = await asyncio.create_subprocess_exec(
            str(self._cli),
            *arguments,
            *self._where,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), _PATIENCE)
        return Printed(process.returncode or 0, output.decode(), errors.decode())


@pytest.fixture
def temporal(temporal_cli: Path, temporal_client: Client, tmp_path: Path) -> TemporalCommand:
    """The command line against the session's server."""
    return TemporalCommand(temporal_cli, temporal_client, tmp_path)
