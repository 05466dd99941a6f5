"""The Temporal dev server as a process of the stack: in memory, on 127.0.0.1, with its Web UI."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from embedded.errors import ComponentFailed
from embedded.ports import HOST, free_ports
from embedded.processes import ManagedProcess
from embedded.web import answers

NAMESPACE: Final = "default"

# A shard of the dev server reads its queue at most 20 times a second by default, and one sequential activity
# needs two reads: measured, 105 ms for each activity became about 30 ms with this.
_POLL_RATE: Final = "history.transferProcessorMaxPollRPS=2000"
_READY_SECONDS: Final = 90.0


class TemporalServer:
    """A Temporal dev server that keeps everything in memory and ends with the process that started it.

    Args:
        cli: The Temporal CLI, as :func:`embedded.temporal_cli.find_temporal_cli` finds it.
        folder: Where its log goes; it is also all that the server sees of a home.
        environment: The server's whole environment, see :mod:`embedded.environment`.
        port: Where the frontend listens (gRPC).
        ui_port: Where the Web UI listens.
    """

    def __init__(
        self, cli: Path, *, folder: Path, environment: Mapping[str, str], port: int, ui_port: int
    ) -> None:
        # Its HTTP and metrics ports are chosen here too: left alone, the server picks them and may collide.
        http_port, metrics_port = free_ports(2)
        self.address = f"{HOST}:{port}"
        self.ui_address = f"http://{HOST}:{ui_port}"
        self.process = ManagedProcess(
            "Temporal server",
            [
                str(cli),
                "server",
                "start-dev",
                *("--ip", HOST),
                *("--port", str(port)),
                *("--ui-port", str(ui_port)),
                *("--http-port", str(http_port)),
                *("--metrics-port", str(metrics_port)),
                *("--namespace", NAMESPACE),
                *("--log-level", "error"),
                *("--dynamic-config-value", _POLL_RATE),
            ],
            environment=environment,
            folder=folder,
        )

    async def start(self) -> None:
        """Start the server and wait until its namespace and its Web UI answer.

        Raises:
            ComponentFailed: It ended, or did not answer within 90 s. It is stopped by then.
        """
        await self.process.start()
        try:
            await self.process.wait_ready(self.is_ready, timeout_seconds=_READY_SECONDS)
        except ComponentFailed:
            await self.process.stop()
            raise

    async def stop(self) -> None:
        """Stop the server and wait until it is gone."""
        await self.process.stop()

    def run_address(self, workflow_id: str, run_id: str) -> str:
        """The address of one run in the Web UI."""
        return f"{self.ui_address}/namespaces/{NAMESPACE}/workflows/{workflow_id}/{run_id}/history"

    async def is_ready(self) -> bool:
        """Whether the namespace and the Web UI answer."""
        try:
            client = await Client.connect(self.address)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE))
        except (RPCError, RuntimeError):
            # RuntimeError is what the SDK raises while nothing listens yet.
            return False
        return await answers(self.ui_address)
