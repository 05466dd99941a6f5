"""The simulated Volume Daemon (original-system.md, section 4.3), its defects included."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from simulators.cloudstack import sample
from simulators.cloudstack.credentials import Credentials
from simulators.listener import Listener
from simulators.volume_daemon.cloud import CloudCaller, CloudError
from simulators.volume_daemon.records import DuplicateEntryError, Mappings, OperationRow

_UNAVAILABLE = "service restarting"


class VolumeDaemonSimulator:
    """Attaches and detaches through CloudStack and keeps its own books. Never point production at it.

    Args:
        cloud_endpoint: Of the CloudStack API that it calls.
        credentials: Its key there.
        appliance_vm_id: The VM that it runs on.

    Attributes:
        operations: Every operation that it knows, by id.
        mappings: Its ``device_mappings``.
        calls: Method and path of every request.
        wrong_failures: So many of the next operations are said to have failed after CloudStack did them.
        lost_replies: So many of the next operations are begun, and the connection drops without a reply.
        stalls: So many of the next operations stay ``executing`` for ever after CloudStack did them.
    """

    def __init__(
        self, cloud_endpoint: str, credentials: Credentials = sample.ADMIN, *, appliance_vm_id: str = ""
    ) -> None:
        self.operations: dict[str, OperationRow] = {}
        self.mappings = Mappings(appliance_vm_id)
        self.calls: list[tuple[str, str]] = []
        self.wrong_failures = 0
        self.lost_replies = 0
        self.stalls = 0
        self._endpoint, self._credentials = cloud_endpoint, credentials
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._listener = Listener(self._application)

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return f"http://{self._listener.host}:{self._listener.port}"

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 is any free one.

        Raises:
            PortTakenError: Somebody else listens there.
        """
        await self._listener.start(host, port)
        self._session = aiohttp.ClientSession()

    async def stop(self) -> None:
        """Drop every connection and every operation."""
        await self._listener.stop()
        await self._drop_running()
        if self._session is not None:
            await self._session.close()

    async def restart(self, *, forgets: bool = True) -> None:
        """Restart the daemon: what it was at is not resumed, while CloudStack goes on with its job.

        Args:
            forgets: The operations are gone; else they stay ``executing`` for ever.
        """
        await self._listener.refuse()
        await self._drop_running()
        if forgets:
            self.operations = {
                row.id: row for row in self.operations.values() if row.completed_at is not None
            }
        await self._listener.start(self._listener.host, self._listener.port)

    async def _drop_running(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._noted])
        app.add_routes(
            [
                web.post("/api/v1/volumes/{id}/{action:attach|attach-root|detach}", self._begin),
                web.get("/api/v1/operations/{id}", self._operation),
                web.get("/api/v1/volumes/{id}/device", self._device),
                web.get("/api/v1/vms/{id}/volumes", self._volumes),
                web.get("/health", self._health),
                web.get("/simulator/state", self._state),
                web.post("/simulator/faults", self._order),
            ]
        )
        return app

    @web.middleware
    async def _noted(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.calls.append((request.method, request.path))
        return await handler(request)

    async def _begin(self, request: web.Request) -> web.Response:
        action, volume_id = request.match_info["action"], request.match_info["id"]
        vm_id = _text(await request.read(), "vm_id") if action != "detach" else None
        if vm_id == "":
            return _error(400, "vm_id is required")
        row = OperationRow("detach" if vm_id is None else "attach", volume_id, vm_id)
        self.operations[row.id] = row
        task = asyncio.create_task(self._carry_out(row, is_root=action == "attach-root"))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if self.lost_replies > 0 and request.transport is not None:
            self.lost_replies -= 1
            request.transport.abort()
        return web.json_response(row.shown(), status=201)

    async def _carry_out(self, row: OperationRow, *, is_root: bool) -> None:
        if self._session is None:
            raise RuntimeError(_UNAVAILABLE)
        cloud = CloudCaller(self._endpoint, self._credentials, self._session)
        row.status = "executing"
        try:
            if row.vm_id is None:
                await cloud.run("detachVolume", id=row.volume_id)
            else:
                # Nobody can say at which place: only the root is named.
                place = {"deviceid": "0"} if is_root else {}
                await cloud.run("attachVolume", id=row.volume_id, virtualmachineid=row.vm_id, **place)
        except CloudError as error:
            row.end("failed", error=str(error))
            return
        if self.stalls > 0:
            self.stalls -= 1
            return
        if self.wrong_failures > 0:
            self.wrong_failures -= 1
            row.end("failed", error="failed to update device mapping")
            return
        self._note(row, is_root=is_root)

    def _note(self, row: OperationRow, *, is_root: bool) -> None:
        """Keep the books after a success; where that fails, the operation is said to have failed."""
        if row.vm_id is None:
            self.mappings.drop(row.volume_id)
            row.end("completed")
            return
        try:
            mapping = self.mappings.add(row.volume_id, row.vm_id, is_root=is_root)
        except DuplicateEntryError as error:
            row.end("failed", error=f"failed to create device mapping: {error}")
        else:
            row.end("completed", device_path=mapping.device_path)

    async def _operation(self, request: web.Request) -> web.Response:
        row = self.operations.get(request.match_info["id"])
        return _error(404, "operation not found") if row is None else web.json_response(row.shown())

    async def _device(self, request: web.Request) -> web.Response:
        row = self.mappings.of_volume(request.match_info["id"])
        return _error(404, "no device mapping") if row is None else web.json_response(row.shown())

    async def _volumes(self, request: web.Request) -> web.Response:
        return web.json_response([row.shown() for row in self.mappings.of_vm(request.match_info["id"])])

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "operations": [row.shown() for row in self.operations.values()],
                "wrong_failures": self.wrong_failures,
                "lost_replies": self.lost_replies,
                "stalls": self.stalls,
            }
        )

    async def _order(self, request: web.Request) -> web.Response:
        body = _json(await request.read())
        for name in ("wrong_failures", "lost_replies", "stalls"):
            number = body.get(name)
            if isinstance(number, int):
                setattr(self, name, number)
        return await self._state(request)


def _json(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _text(body: bytes, name: str) -> str:
    value = _json(body).get(name, "")
    return value if isinstance(value, str) else ""


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)
