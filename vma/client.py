"""Discovery and power through the agent at the end of the tunnel."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError

from vma.answers import refusal, unknown_power
from vma.errors import PowerUnknown, SourceRefused
from vma.models import DiscoveredVm, Discovery, PowerChange, PowerReading
from vma.transport import Transport

_T = TypeVar("_T", PowerReading, PowerChange)

_OK = 200
_MARGIN_SECONDS = 30.0
"""The agent reads the VM before and after its wait: our request must outlive that too."""


class VmaClient:
    """A client of one agent.

    Args:
        base_url: Such as ``http://localhost:9081``.
        session: Shared with others; closed by who made it.
        timeout_seconds: For a whole discovery: the agent enumerates a datacenter, and a tunnel can hang.
    """

    def __init__(
        self, base_url: str, session: aiohttp.ClientSession, *, timeout_seconds: float = 60.0
    ) -> None:
        self._session = session
        self._transport = Transport(base_url, session)
        self._seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"VmaClient({self._transport.base_url!r})"

    async def discover(  # noqa: PLR0913 - the fields of the agent's request
        self, *, vcenter: str, username: str, password: str, datacenter: str, vm_name: str, vm_id: str
    ) -> DiscoveredVm | None:
        """Return the VM with this uuid, or None when the vCenter answers without it.

        The agent filters by substring of the name; the match is on the uuid, whatever name it has.

        Raises:
            VmaUnreachable: The agent does not answer in time.
            VcenterUnreachable: The agent's vCenter does not answer.
            SourceRefused: Wrong credential, datacenter or request, an answer that cannot be read, or several
                VMs of this uuid of which not exactly one has the name.
        """
        request = {
            "vcenter": vcenter,
            "username": username,
            "password": password,
            "datacenter": datacenter,
            "filter": vm_name,
        }
        found = await self._discover(request, vm_id)
        if found is None:
            # It may have been renamed since; an empty filter gives all.
            found = await self._discover({**request, "filter": ""}, vm_id)
        return found

    async def power_state(self, *, vcenter: str, username: str, password: str, vm_id: str) -> PowerReading:
        """Return whether the VM runs, as its vCenter says now.

        Raises:
            VmaUnreachable: The agent does not answer in time.
            PowerUnknown: It answers, but not with this VM's power state.
        """
        # The password in the query is what the agent wants (observed).
        query = {"vcenter": vcenter, "username": username, "password": password}
        status, text = await self._transport.send(
            "GET", f"{_vm_path(vm_id)}/power-state", seconds=self._seconds, query=query
        )
        reading = _read(PowerReading, status, text)
        if reading.vm_id and reading.vm_id.lower() != vm_id.lower():
            raise PowerUnknown("The power of the source VM is unknown: the agent answers for another VM")
        return reading

    async def power_off(  # noqa: PLR0913 - the fields of the agent's request
        self,
        *,
        vcenter: str,
        username: str,
        password: str,
        vm_id: str,
        force: bool,
        timeout_seconds: float,
    ) -> PowerChange:
        """Switch the VM off, asking its guest unless ``force``. What the agent says of it proves nothing.

        Args:
            vcenter: The VM's own.
            username: For that vCenter.
            password: For that vCenter.
            vm_id: The VM's uuid.
            force: Pull the plug. Asked gently, the agent does so too where the guest has no tools (observed).
            timeout_seconds: How long the agent may wait for the guest. Our request waits longer.

        Raises:
            VmaUnreachable: No answer: the VM may be off, or on its way.
            PowerUnknown: No clear success: as above.
        """
        body = {"vcenter": vcenter, "username": username, "password": password, "force": force}
        return await self._change(vm_id, "power-off", body, timeout_seconds)

    async def power_on(
        self, *, vcenter: str, username: str, password: str, vm_id: str, timeout_seconds: float = 30.0
    ) -> PowerChange:
        """Switch the VM on, without waiting for its guest.

        Raises:
            VmaUnreachable: No answer: the VM may be on.
            PowerUnknown: No clear success: as above.
        """
        body = {"vcenter": vcenter, "username": username, "password": password, "wait_for_tools": False}
        return await self._change(vm_id, "power-on", body, timeout_seconds)

    async def _change(
        self, vm_id: str, operation: str, body: Mapping[str, object], timeout_seconds: float
    ) -> PowerChange:
        status, text = await self._transport.send(
            "POST",
            f"{_vm_path(vm_id)}/{operation}",
            seconds=max(self._seconds, timeout_seconds + _MARGIN_SECONDS),
            body={"vm_id": vm_id, **body, "timeout": max(1, math.ceil(timeout_seconds))},
        )
        change = _read(PowerChange, status, text)
        if not change.success:
            raise PowerUnknown(f"The power of the source VM is unknown: {operation} was no success")
        return change

    async def _discover(self, request: dict[str, str], vm_id: str) -> DiscoveredVm | None:
        status, text = await self._transport.send("POST", "/discover", seconds=self._seconds, body=request)
        if status != _OK:
            raise refusal(status, text)
        try:
            discovery = Discovery.model_validate_json(text)
        except ValidationError:
            raise SourceRefused("The VMware agent's answer cannot be read") from None
        if discovery.vcenter.host and discovery.vcenter.host.lower() != request["vcenter"].lower():
            raise SourceRefused("The VMware agent answers for another vCenter")
        return _only_one([vm for vm in discovery.vms if vm.id.lower() == vm_id.lower()], request["filter"])


def _vm_path(vm_id: str) -> str:
    # An empty id would be another path, which the agent redirects (observed).
    if not vm_id.strip("./ "):
        raise PowerUnknown("The power of the source VM is unknown: the context has no uuid of it")
    return f"/vm/{quote(vm_id, safe='')}"


def _read(kind: type[_T], status: int, text: str) -> _T:
    """Return a clear answer of a power call.

    Raises:
        PowerUnknown: It is none.
    """
    if status != _OK:
        raise unknown_power(status, text)
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        pass
    raise PowerUnknown("The power of the source VM is unknown: the agent's answer cannot be read")


def _only_one(found: Sequence[DiscoveredVm], vm_name: str) -> DiscoveredVm | None:
    if len(found) > 1:
        # A VM that was copied by hand has the BIOS uuid of its original.
        found = [vm for vm in found if vm.name == vm_name]
        if len(found) != 1:
            raise SourceRefused("Several VMs of this vCenter have the same uuid")
    return found[0] if found else None
