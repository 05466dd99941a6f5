"""The simulated VMware agent."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from simulators.listener import Listener
from simulators.vma.faults import Fault, Faults
from simulators.vma.inventory import VCenter, VirtualMachine
from simulators.vma.power import PowerRefusedError, power_off, power_on, power_state
from simulators.vma.shapes import discovery

_PREFIX = "Discovery failed: failed to discover VMs from vCenter: "
_NO_CONNECTION = "failed to connect to vCenter: "


@dataclass(frozen=True, slots=True)
class VmaCall:
    """A request that arrived, for assertions; no credential in it.

    Attributes:
        at: When it arrived, in UTC.
        vcenter: The vCenter's host as the request names it.
        vm: The filter of a discovery, the uuid of a power call.
        force: Of a power-off; None for anything else.
    """

    at: datetime
    method: str
    path: str
    vcenter: str = ""
    datacenter: str = ""
    vm: str = ""
    force: bool | None = None


class VmaSimulator:
    """Answers as the original's agent did (vma-observed.md). Never point production at it.

    Args:
        vcenters: By host name, as requests give it.
        power_datacenter: The datacenter that is compiled into the agent's power calls (observed: where a
            vCenter has none of this name they answer 404).
    """

    def __init__(self, vcenters: Mapping[str, VCenter], *, power_datacenter: str = "DC1") -> None:
        self.vcenters = dict(vcenters)
        self.calls: list[VmaCall] = []
        self._power_datacenter = power_datacenter
        self._hang = 0.0
        self._faults = Faults()
        self._started = datetime.now(UTC)
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
        self._started = datetime.now(UTC)
        await self._listener.start(host, port)

    async def stop(self) -> None:
        """Drop every connection and refuse new ones, as when the tunnel is down."""
        await self._listener.stop()

    def hang(self, seconds: float) -> None:
        """Let every later answer take so long, as through a tunnel that hangs; 0 ends it."""
        self._hang = seconds

    def lose(self, operation: str, *, effect: bool = True, times: int = 1) -> Fault:
        """Break the connection of the next requests of this operation, after or before their effect."""
        return self._faults.add(Fault(operation, effect=effect, times=times))

    def hold(self, operation: str, *, effect: bool = True) -> Fault:
        """Keep the answer to the next request of this operation back until the fault is released."""
        return self._faults.add(Fault(operation, effect=effect, hold=True))

    def set_vcenter_down(self, host: str, *, down: bool = True) -> None:
        """Let the agent get no connection to this vCenter, or get it again."""
        self.vcenters[host].down = down

    def vm(self, vm_id: str) -> VirtualMachine:
        """Return the VM with this uuid, wherever it is.

        Raises:
            KeyError: There is none.
        """
        for vcenter in self.vcenters.values():
            for vm in vcenter.vms:
                if vm.id == vm_id:
                    return vm
        raise KeyError(vm_id)

    def _application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/api/v1/health", self._health),
                web.post("/api/v1/discover", self._discover),
                web.get("/api/v1/vm/{id:[^/]+}/power-state", self._power),
                web.post("/api/v1/vm/{id:[^/]+}/{operation:power-on|power-off}", self._power),
                web.route("*", "/api/v1/vm//{operation}", self._clean_path),
                web.get("/simulator/state", self._state),
                web.post("/simulator/faults", self._order),
            ]
        )
        return app

    async def _health(self, request: web.Request) -> web.Response:
        await self._arrive(VmaCall(datetime.now(UTC), request.method, request.path))
        now = datetime.now(UTC)
        return web.json_response(
            {
                "status": "healthy",
                "timestamp": now.isoformat(),
                "uptime": f"{(now - self._started).total_seconds():.9f}s",
            }
        )

    async def _discover(self, request: web.Request) -> web.Response:
        body = await _body(request)
        host, datacenter, wanted = (_text(body, name) for name in ("vcenter", "datacenter", "filter"))
        await self._arrive(
            VmaCall(datetime.now(UTC), request.method, request.path, host, datacenter, vm=wanted)
        )
        return await self._answer(request, "discover", lambda: self._discovery(body))

    def _discovery(self, body: Mapping[str, object]) -> web.Response:
        host, datacenter, wanted = (_text(body, name) for name in ("vcenter", "datacenter", "filter"))
        problem = self._connection_problem(host, _text(body, "username"), _text(body, "password"))
        if problem:
            return _plain(500, f"{_PREFIX}{problem}")
        vcenter = self.vcenters[host]
        if datacenter != vcenter.datacenter:
            return _plain(
                500,
                f"{_PREFIX}failed to discover VMs: failed to find datacenter {datacenter}: "
                f"datacenter '{datacenter}' not found",
            )
        return web.json_response(discovery(host, vcenter, wanted))

    async def _power(self, request: web.Request) -> web.Response:
        vm_id = request.match_info["id"]
        operation = request.match_info.get("operation", "power-state")
        body = dict(request.query) if request.method == "GET" else await _body(request)
        host = _text(body, "vcenter")
        force = body.get("force") is True if operation == "power-off" else None
        await self._arrive(
            VmaCall(datetime.now(UTC), request.method, request.path, host, vm=vm_id, force=force)
        )
        return await self._answer(request, operation, lambda: self._powered(operation, vm_id, body))

    def _powered(self, operation: str, vm_id: str, body: Mapping[str, object]) -> web.Response:
        host = _text(body, "vcenter")
        problem = self._connection_problem(host, _text(body, "username"), _text(body, "password"))
        if problem:
            return _plain(500, f"Failed to connect to vCenter: {problem.removeprefix(_NO_CONNECTION)}")
        vcenter = self.vcenters[host]
        if vcenter.datacenter != self._power_datacenter:
            name = self._power_datacenter
            return _plain(
                404,
                f"VM not found: failed to find datacenter {name}: datacenter '{name}' not found",
            )
        vm = next((item for item in vcenter.vms if item.id == vm_id.lower()), None)
        if vm is None:
            return _plain(404, f"VM not found: VM not found with UUID: {vm_id}")
        try:
            if operation == "power-off":
                return web.json_response(power_off(vm, force=body.get("force") is True))
            return web.json_response(power_on(vm) if operation == "power-on" else power_state(vm))
        except PowerRefusedError as error:
            return _plain(500, str(error))

    async def _answer(
        self, request: web.Request, operation: str, act: Callable[[], web.Response]
    ) -> web.Response:
        """Do what was asked, through the fault that was ordered, if there is one."""
        fault = self._faults.take(operation)
        if fault is None:
            return act()
        reply = act() if fault.effect else None
        if not await fault.strike(request):
            return web.Response()  # nobody gets it
        return act() if reply is None else reply

    async def _clean_path(self, request: web.Request) -> web.Response:
        """Redirect a path without an id, as Go's router cleans it (observed: 301)."""
        raise web.HTTPMovedPermanently(f"/api/v1/vm/{request.match_info['operation']}")

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "hang_seconds": self._hang,
                "vcenters": {
                    host: {"down": item.down, "vms": {vm.name: vm.power_state for vm in item.vms}}
                    for host, item in self.vcenters.items()
                },
            }
        )

    async def _order(self, request: web.Request) -> web.Response:
        body = await _body(request)
        seconds, down, lost = body.get("hang_seconds"), body.get("vcenter_down"), body.get("lose")
        if isinstance(lost, dict):
            self._faults.add(_fault(lost))
        if isinstance(seconds, int | float):
            self.hang(float(seconds))
        if isinstance(down, bool):
            for host in self.vcenters:
                self.set_vcenter_down(host, down=down)
        return await self._state(request)

    async def _arrive(self, call: VmaCall) -> None:
        self.calls.append(call)
        if self._hang > 0:
            await asyncio.sleep(self._hang)

    def _connection_problem(self, host: str, username: str, password: str) -> str:
        """Return what keeps the agent from this vCenter, in the words of its errors; empty if nothing."""
        address = f'{_NO_CONNECTION}Post "https://{host}/sdk": '
        if not host:
            return f"{address}http: no Host in request URL"
        vcenter = self.vcenters.get(host)
        if vcenter is None:
            return f"{address}dial tcp: lookup {host}: no such host"
        if vcenter.down:
            return f"{address}dial tcp {host}:443: connect: connection refused"
        if (username, password) != (vcenter.username, vcenter.password):
            return f"{_NO_CONNECTION}ServerFaultCode: Login failure"
        return ""


async def _body(request: web.Request) -> dict[str, object]:
    """Return the JSON object of a request.

    Raises:
        web.HTTPBadRequest: It is none; the agent's words for a body that ends too early.
    """
    text = await request.text()
    try:
        body: object = json.loads(text)
    except json.JSONDecodeError as error:
        if not text.strip():
            words = "EOF"
        elif error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            words = "unexpected EOF"
        else:
            words = f"invalid character {text[error.pos]!r} looking for beginning of value"
        raise web.HTTPBadRequest(text=f"Invalid request: {words}\n") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(
            text="Invalid request: json: cannot unmarshal into Go value of type struct\n"
        )
    return body


def _fault(order: Mapping[str, object]) -> Fault:
    """Read an order to lose answers: ``operation``, and optionally ``effect`` and ``times``.

    Raises:
        web.HTTPBadRequest: It names no operation.
    """
    times = order.get("times", 1)
    try:
        return Fault(
            _text(order, "operation"),
            effect=order.get("effect", True) is True,
            times=times if isinstance(times, int) else 1,
        )
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name, "")
    return value if isinstance(value, str) else ""


def _plain(status: int, text: str) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, content_type="text/plain")
