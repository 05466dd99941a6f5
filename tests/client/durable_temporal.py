"""A Temporal dev server that keeps what it knows in a file, so that a restart forgets nothing."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from embedded.environment import child_environment
from embedded.ports import HOST, StackPorts, free_ports
from embedded.processes import ManagedProcess
from embedded.temporal_server import NAMESPACE, TemporalServer


class DurableTemporal(TemporalServer):
    """The dev server of the product, with its data in a file.

    Args:
        cli: The Temporal CLI.
        folder: For its log and its data.
    """

    def __init__(self, cli: Path, folder: Path) -> None:
        ports = StackPorts.free()
        environment = child_environment(folder)
        super().__init__(cli, folder=folder, environment=environment, port=ports.temporal, ui_port=ports.ui)
        http_port, metrics_port = free_ports(2)
        self.process = ManagedProcess(
            "Durable Temporal",
            [
                str(cli),
                *("server", "start-dev"),
                *("--ip", HOST),
                *("--port", str(ports.temporal)),
                *("--ui-port", str(ports.ui)),
                *("--http-port", str(http_port)),
                *("--metrics-port", str(metrics_port)),
                *("--namespace", NAMESPACE),
                *("--log-level", "error"),
                *("--db-filename", str(folder / "temporal.db")),
                *("--sqlite-pragma", "journal_mode=WAL"),
                *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
            ],
            environment=environment,
            folder=folder,
        )

    @contextlib.asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Be away for as long as the block takes, then be back."""
        await self.stop()
        try:
            yield
        finally:
            await self.start()
