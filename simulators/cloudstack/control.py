"""Orders over HTTP for a simulator that runs as a process, clearly apart from the API under /simulator."""

import asyncio
import json
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from simulators.cloudstack.faults import Fault, FaultKind

if TYPE_CHECKING:
    from simulators.cloudstack.server import CloudStackSimulator

_FAULT_FIELDS = frozenset({"command", "kind", "times", "skip", "code", "text", "seconds", "effect"})
_TICK = 0.05


def fault_from(body: object) -> Fault:
    """Read a fault: the fields of :class:`Fault`, and ``params``, whose values a request has to have.

    Raises:
        ValueError: A field is unknown, or its value cannot be used.
    """
    if not isinstance(body, dict):
        raise ValueError("a fault is a JSON object")  # noqa: TRY004 (the caller answers 400 for one type)
    fields = dict(body)
    wanted = fields.pop("params", None)
    unknown = sorted(set(fields) - _FAULT_FIELDS)
    if unknown or not {"command", "kind"} <= set(fields):
        raise ValueError(f"a fault has command, kind, and of {sorted(_FAULT_FIELDS)}; unknown: {unknown}")
    fault = Fault(**{**fields, "kind": FaultKind(fields["kind"])})
    if isinstance(wanted, dict):
        expected = {str(name).lower(): str(value) for name, value in wanted.items()}
        fault.match = lambda params: all(params.get(name) == value for name, value in expected.items())
    return fault


class _Control:
    def __init__(self, simulator: "CloudStackSimulator") -> None:
        self._simulator = simulator
        self._restarts: set[asyncio.Task[None]] = set()

    async def state(self, _request: web.Request) -> web.Response:
        """Say what there is: for people and for tests of other processes."""
        world = self._simulator.world
        return web.json_response(
            {
                "vms": [
                    {
                        "id": vm.id,
                        "name": vm.name,
                        "state": vm.state.value,
                        "account": vm.account.name,
                        "networks": [nic.network.name for nic in vm.nics],
                    }
                    for vm in world.vms_existing()
                ],
                "networks": [
                    {"id": network.id, "name": network.name}
                    for network in world.networks.values()
                    if not network.removed
                ],
                "volumes": [
                    {"id": volume.id, "name": volume.name, "vm": volume.vm.id if volume.vm else None}
                    for volume in world.volumes.values()
                    if not volume.removed
                ],
                "snapshots": [
                    {"id": snapshot.id, "name": snapshot.name, "state": snapshot.state.value}
                    for snapshot in world.snapshots.values()
                    if not snapshot.removed
                ],
                "expunged": [vm.id for vm in world.vms.values() if vm.removed],
                "jobs": {job.id: job.status.value for job in world.jobs.values()},
                "faults": [fault.kind.value for fault in self._simulator.faults.due],
                "calls": len(self._simulator.calls),
                "hosts_connected": world.hosts_connected,
                "maintenance": world.maintenance,
            }
        )

    async def add_fault(self, request: web.Request) -> web.Response:
        """Order a fault."""
        try:
            fault = fault_from(json.loads(await request.read()))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        self._simulator.faults.add(fault)
        return web.json_response({"kind": fault.kind.value}, status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Forget all faults."""
        self._simulator.faults.clear()
        return web.Response(status=204)

    async def restart(self, request: web.Request) -> web.Response:
        """Restart the management server, once this request is answered."""
        down = _seconds(request, "down_seconds")
        disconnected = _seconds(request, "disconnected_seconds")

        async def later() -> None:
            await asyncio.sleep(_TICK)
            await self._simulator.restart(down_seconds=down, disconnected_seconds=disconnected)

        task = asyncio.create_task(later(), name="simulated restart")
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)
        return web.json_response({"down_seconds": down, "disconnected_seconds": disconnected}, status=202)


def _seconds(request: web.Request, name: Literal["down_seconds", "disconnected_seconds"]) -> float:
    try:
        return float(request.query.get(name, "0"))
    except ValueError:
        raise web.HTTPBadRequest(text=f"{name} is no number\n") from None


def add_routes(app: web.Application, simulator: "CloudStackSimulator") -> None:
    """Add the routes below /simulator."""
    control = _Control(simulator)
    app.add_routes(
        [
            web.get("/simulator/state", control.state),
            web.post("/simulator/faults", control.add_fault),
            web.delete("/simulator/faults", control.clear_faults),
            web.post("/simulator/restart", control.restart),
        ]
    )
