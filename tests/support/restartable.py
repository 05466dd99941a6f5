"""Servers that a test stops and starts again, with what they keep on disk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from embedded.environment import child_environment
from embedded.ports import StackPorts
from embedded.temporal_server import NAMESPACE, TemporalServer
from tests.support.mariadb import MariaDBServer


@contextlib.asynccontextmanager
async def temporal_with_a_file(cli: Path, folder: Path) -> AsyncIterator[tuple[TemporalServer, Client]]:
    """A Temporal dev server of the test's own that keeps its runs in a file."""
    ports = StackPorts.free()
    server = TemporalServer(
        cli, folder=folder, environment=child_environment(folder), port=ports.temporal, ui_port=ports.ui
    )
    server.process._command += ["--db-filename", str(folder / "temporal.db")]
    await server.start()
    try:
        client = await Client.connect(
            server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter
        )
        yield server, client
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def away(server: MariaDBServer) -> AsyncIterator[None]:
    """Have a MariaDB of the test's own away while the block runs; the loop goes on meanwhile."""
    gone = server.away()
    await asyncio.to_thread(gone.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(gone.__exit__, None, None, None)
