"""Everything that a failover needs, on this machine and on embedded defaults."""

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from client import FailoverClient
from embedded.environment import PROJECT_ROOT, child_environment
from embedded.ports import HOST, StackPorts
from embedded.processes import ManagedProcess, Probe
from embedded.sample_database import make_sample_database
from embedded.temporal_server import NAMESPACE, TemporalServer
from embedded.web import answers
from embedded.workers import has_pollers
from simulators.cloudstack import sample as cloud

Report = Callable[[str], None]
Result = TypeVar("Result")

_READY_SECONDS: Final = 60.0
_WORKER_GRACE_SECONDS: Final = 20.0


class EmbeddedStack:
    """Temporal server, three simulators, SQLite database, worker and HTTP API, each one a process or file.

    ``async with`` starts them and waits until each is of use; at the end all are stopped, the last started
    first, whatever happened. Nothing outlives this process, even when it is killed.

    Args:
        ports: Where the servers listen.
        cli: The Temporal CLI.
        report: Gets one line for each part that is ready.
    """

    def __init__(self, *, ports: StackPorts, cli: Path, report: Report) -> None:
        self._ports = ports
        self._cli = cli
        self._report = report
        self._exits = contextlib.AsyncExitStack()
        self._processes: list[ManagedProcess] = []
        self.cloudstack_endpoint = f"http://{HOST}:{ports.cloudstack}/client/api"
        self.vma_url = f"http://{HOST}:{ports.vma}"
        self.api_url = f"http://{HOST}:{ports.api}"
        self.replication_url = f"http://{HOST}:{ports.replication}"
        self.folder: Path
        self.server: TemporalServer
        self.client: FailoverClient
        self.worker: ManagedProcess

    async def __aenter__(self) -> Self:
        """Start everything.

        Raises:
            ComponentFailed: A part ended or did not get ready; those that were started are stopped again.
        """
        async with contextlib.AsyncExitStack() as exits:
            self.folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="failover-stack-")))
            await self._start(exits)
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything, the last started first."""
        await self._exits.__aexit__(kind, error, traceback)

    async def during(self, work: Awaitable[Result]) -> Result:
        """Do some work with the stack.

        Raises:
            ComponentFailed: A part of the stack ended before the work did; the work is cancelled then.
        """
        working = asyncio.ensure_future(work)
        ends = [asyncio.ensure_future(process.ended()) for process in self._processes]
        try:
            await asyncio.wait([working, *ends], return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    raise end.result()
            return await working
        finally:
            for task in (working, *ends):
                task.cancel()
            await asyncio.gather(working, *ends, return_exceptions=True)

    async def _start(self, exits: contextlib.AsyncExitStack) -> None:
        ports = self._ports
        database = await make_sample_database(self.folder, self.cloudstack_endpoint)
        self._report(f"Database: {database.path} with the sample VMs")

        self.server = TemporalServer(
            self._cli,
            folder=self.folder,
            environment=child_environment(self.folder),
            port=ports.temporal,
            ui_port=ports.ui,
        )
        vma = self._python("VMA simulator", "-m", "simulators.vma", "--port", str(ports.vma))
        cloudstack = self._python(
            "CloudStack simulator",
            "-m",
            "simulators.cloudstack",
            "--replicas",
            "--port",
            str(ports.cloudstack),
        )
        # It writes its jobs where the real one does: into the database that the worker reads.
        replication = self._python(
            "Replication simulator",
            *("-m", "simulators.replication", "--port", str(ports.replication)),
            *("--database", database.worker_settings["FAILOVER_DATABASE_URL"]),
            *("--steps", "2", "--step-seconds", "0.5"),
        )
        for process in (self.server.process, vma, cloudstack, replication):
            await self._begin(exits, process)
        await self._ready(self.server.process, self.server.is_ready, self.server.address)
        self._report(f"Temporal Web UI: {self.server.ui_address}")
        await self._ready(vma, lambda: answers(f"{self.vma_url}/api/v1/health"), self.vma_url)
        await self._ready(cloudstack, lambda: answers(self.cloudstack_endpoint), self.cloudstack_endpoint)
        await self._ready(replication, lambda: answers(self.replication_url), self.replication_url)

        temporal = await Client.connect(
            self.server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter
        )
        self.client = FailoverClient(temporal)
        where = {"TEMPORAL_ADDRESS": self.server.address, "TEMPORAL_NAMESPACE": NAMESPACE}
        self.worker = self._python(
            "Worker",
            str(PROJECT_ROOT / "worker.py"),
            environment={
                **database.worker_settings,
                "CLOUDSTACK_ENDPOINT": self.cloudstack_endpoint,
                "CLOUDSTACK_KEY": cloud.ADMIN.key,
                "CLOUDSTACK_SECRET": cloud.ADMIN.secret,
                "VMA_URL": self.vma_url,
                "FAILOVER_DEFAULT_TEST_NETWORK_ID": cloud.DEFAULT_TEST_NET_ID,
                "REPLICATION_URL": self.replication_url,
                # What is simulated answers at once; the production defaults would only be waited for.
                "FAILOVER_JOB_POLL_SECONDS": "0.5",
                "FAILOVER_SOURCE_POLL_SECONDS": "0.5",
                "FAILOVER_SYNC_POLL_SECONDS": "0.5",
                "FAILOVER_LOG_FORMAT": "console",
                **where,
            },
        )
        await self._begin(exits, self.worker)
        await self._ready(self.worker, lambda: has_pollers(temporal), "task queue failover")
        api = self._python(
            "HTTP API",
            "-m",
            "api",
            environment={
                "FAILOVER_DATABASE_URL": database.worker_settings["FAILOVER_DATABASE_URL"],
                "FAILOVER_API_HOST": HOST,
                "FAILOVER_API_PORT": str(ports.api),
                "FAILOVER_LOG_FORMAT": "console",
                **where,
            },
        )
        await self._begin(exits, api)
        await self._ready(api, lambda: answers(f"{self.api_url}/readyz"), self.api_url)

    def _python(
        self, name: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> ManagedProcess:
        return ManagedProcess(
            name,
            [sys.executable, *arguments],
            environment=child_environment(self.folder, environment),
            folder=self.folder,
            grace_seconds=_WORKER_GRACE_SECONDS,
        )

    async def _begin(self, exits: contextlib.AsyncExitStack, process: ManagedProcess) -> None:
        exits.push_async_callback(process.stop)
        await process.start()
        self._processes.append(process)

    async def _ready(self, process: ManagedProcess, probe: Probe, where: str) -> None:
        await process.wait_ready(probe, timeout_seconds=_READY_SECONDS)
        self._report(f"{process.name}: {where}")
