"""Discovery through the agent at the end of the tunnel."""

import re
from collections.abc import Sequence

import aiohttp
from pydantic import ValidationError

from vma.errors import SourceRefused, VcenterUnreachable, VmaUnreachable
from vma.models import DiscoveredVm, Discovery

_OK = 200
_SERVER_ERROR = 500
_GATEWAY_ERRORS = frozenset({502, 503, 504})
_UNREACHABLE = re.compile(
    r"dial tcp|connection refused|connection reset|i/o timeout|no route to host|network is unreachable"
    r"|no such host|deadline exceeded|TLS handshake timeout|: EOF$",
    re.IGNORECASE,
)
"""The agent answers 500 for everything and has no codes (observed): only the network errors of its own
language tell a vCenter that is down from one that says no. Whatever is not recognised is a refusal."""


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
        self._base_url = base_url.rstrip("/")
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    def __repr__(self) -> str:
        return f"VmaClient({self._base_url!r})"

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

    async def _discover(self, request: dict[str, str], vm_id: str) -> DiscoveredVm | None:
        try:
            async with self._session.post(
                f"{self._base_url}/api/v1/discover",
                json=request,
                timeout=self._timeout,
                # The request holds a password: it goes to the agent and nowhere else.
                allow_redirects=False,
            ) as reply:
                body = (await reply.read()).decode(errors="replace")
                status = reply.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise VmaUnreachable(f"The VMware agent does not answer: {type(error).__name__}") from None
        if status != _OK:
            raise _refusal(status, body)
        try:
            discovery = Discovery.model_validate_json(body)
        except ValidationError:
            raise SourceRefused("The VMware agent's answer cannot be read") from None
        if discovery.vcenter.host and discovery.vcenter.host.lower() != request["vcenter"].lower():
            raise SourceRefused("The VMware agent answers for another vCenter")
        return _only_one([vm for vm in discovery.vms if vm.id.lower() == vm_id.lower()], request["filter"])


def _only_one(found: Sequence[DiscoveredVm], vm_name: str) -> DiscoveredVm | None:
    if len(found) > 1:
        # A VM that was copied by hand has the BIOS uuid of its original.
        found = [vm for vm in found if vm.name == vm_name]
        if len(found) != 1:
            raise SourceRefused("Several VMs of this vCenter have the same uuid")
    return found[0] if found else None


def _refusal(status: int, body: str) -> Exception:
    if status in _GATEWAY_ERRORS:
        return VmaUnreachable(f"The way to the VMware agent is down (HTTP {status})")
    if status >= _SERVER_ERROR and _UNREACHABLE.search(body.strip()):
        return VcenterUnreachable(f"The agent's vCenter does not answer (HTTP {status})")
    if "Login failure" in body or "incorrect user name or password" in body:
        return SourceRefused("vCenter refuses the credential")
    if "datacenter" in body:
        return SourceRefused("vCenter does not know the datacenter")
    return SourceRefused(f"The VMware agent refuses the discovery (HTTP {status})")
