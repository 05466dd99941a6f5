"""A real Temporal dev server for the whole test session, as a pytest plugin.

``pytest_plugins = ["tests.support.temporal"]`` gives ``temporal_cli``, ``temporal_server`` and
``temporal_client``. The server is started for the first test that asks for it.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from embedded.environment import child_environment, forget_foreign_settings
from embedded.ports import StackPorts
from embedded.temporal_cli import CliFinder, find_temporal_cli
from embedded.temporal_server import NAMESPACE, TemporalServer

_NEED_THE_CLI = {"temporal_cli", "temporal_server", "temporal_client"}


def pytest_configure() -> None:
    """Forget every setting of a real system: on an appliance a test run must never reach one."""
    forget_foreign_settings()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the CLI before the first test runs: a build takes longer than a test may."""
    if session.config.option.collectonly:
        return
    if any(_NEED_THE_CLI & set(getattr(item, "fixturenames", ())) for item in session.items):
        find_temporal_cli(lambda line: print(line, flush=True))  # noqa: T201 - a build of minutes must be seen


@pytest.fixture(scope="session")
def temporal_cli() -> Path:
    """The Temporal CLI that :func:`pytest_collection_finish` found or made."""
    return CliFinder(lambda _line: None).find()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(
    temporal_cli: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TemporalServer]:
    """A dev server in memory: ``address`` (host:port) and ``ui_address`` tell where it is."""
    folder = tmp_path_factory.mktemp("temporal")
    ports = StackPorts.free()
    server = TemporalServer(
        temporal_cli,
        folder=folder,
        environment=child_environment(folder),
        port=ports.temporal,
        ui_port=ports.ui,
    )
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_client(temporal_server: TemporalServer) -> Client:
    """A client of the session's server that speaks pydantic, as the worker does."""
    return await Client.connect(
        temporal_server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter
    )
