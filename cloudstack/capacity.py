"""What a site has room for and allows: pools, quota, settings. Only reads.

Most of it is an administrator's to ask: a plain key does not even have the command (432; observed, 19).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import model_validator

from cloudstack.errors import BadRequest, NotPermitted
from cloudstack.models import Entity
from cloudstack.owner import Owner
from cloudstack.reading import Reader, same
from cloudstack.replies import read_list, read_model
from cloudstack.storage_models import Capabilities, Quota, StoragePool, VmSnapshot
from cloudstack.transport import Transport
from rules.models import Record

_NO_SUCH_COMMAND = 432
_RESOURCES = {
    "user_vm": "vm",
    "cpu": "cpu",
    "memory": "memory",
    "volume": "volume",
    "snapshot": "snapshot",
    "primary_storage": "primarystorage",
    "secondary_storage": "secondarystorage",
    "network": "network",
}


_UNLIMITED = "unlimited"


def _amounts(value: object) -> object:
    """Take the numbers out of an account or project, and nothing else: it holds users with API keys."""
    if not isinstance(value, Mapping):
        return value
    numbers: dict[str, int | None] = {}
    for prefix in _RESOURCES.values():
        for name in (f"{prefix}limit", f"{prefix}available"):
            text = str(value.get(name, "")).lower()
            if text == _UNLIMITED:
                numbers[name] = None
            elif text.removeprefix("-").isdecimal():
                numbers[name] = int(text)
    named = {name: value.get(name) or "" for name in ("name", "domainid")}
    return {"id": value.get("id"), **named, "numbers": numbers}


class Holder(Entity):
    """An account, or a project: who owns what we make, and how much of it there may be.

    Attributes:
        numbers: Under CloudStack's own names, ``vmlimit`` say; None for unlimited.
    """

    name: str = ""
    domainid: str = ""
    numbers: dict[str, int | None]

    _only_numbers = model_validator(mode="before")(_amounts)

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """What it may have of each resource that CloudStack tells."""
        return tuple(
            Quota(
                resource=resource,
                limit=self.numbers.get(f"{prefix}limit"),
                available=self.numbers[f"{prefix}available"],
            )
            for resource, prefix in _RESOURCES.items()
            if f"{prefix}available" in self.numbers
        )


class _Setting(Record):
    name: str
    value: str | None = None


class _Hypervisor(Record):
    hypervisor: str
    hypervisorversion: str | None = None
    maxdatavolumeslimit: int | None = None


class CapacityClient:
    """Read-only facts about a site and an owner.

    Every method raises what `cloudstack.transport.Transport.call` raises, and `NotPermitted` where the key
    does not have the command.

    Args:
        transport: Sends the calls; closing it stays with the caller.
        owner: Whose quota; the caller's own where there is none.
        page_size: Entries per page.
    """

    def __init__(self, transport: Transport, owner: Owner | None = None, *, page_size: int = 500) -> None:
        self._reader = Reader(transport, owner, page_size)
        self._transport = transport

    async def pools(self, zone_id: str) -> list[StoragePool]:
        """List the primary storage pools of a zone; for administrators."""
        with _missing_command():
            return await self._reader.every(
                "listStoragePools", "storagepool", StoragePool, {"zoneid": zone_id}
            )

    async def quota(self) -> tuple[Quota, ...]:
        """Return what the owner may still have; empty when CloudStack shows no such owner."""
        holder = await self.holder()
        return holder.quotas if holder is not None else ()

    async def holder(self) -> Holder | None:
        """Return the owner of what is made: the one that was set, or else the caller; a plain key may ask.

        The reply holds an API key, so nothing of it is kept but names and numbers. ``networktotal`` is
        unreliable (observed, section 19), and so is what is available of networks.

        Returns:
            None when CloudStack shows no such owner, or several.
        """
        owner = self._reader.owner
        if "projectid" in owner:
            # CloudStack's source; not observed.
            command, key, params = "listProjects", "project", {"id": owner["projectid"]}
        else:
            command, key = "listAccounts", "account"
            params = {"domainid": owner["domainid"], "name": owner["account"]} if owner else {}
        reply = await self._call(command, params)
        wanted = owner.get("account")
        found = [
            holder
            for holder in read_list(command, key, Holder, reply)
            if wanted is None or same(holder.name, wanted)
        ]
        # Several: nobody says which one is the caller's.
        return found[0] if len(found) == 1 else None

    async def capabilities(self) -> Capabilities:
        """Return what the server can do."""
        command = "listCapabilities"
        reply = await self._call(command, {})
        return read_model(command, Capabilities, reply.get("capability") or {})

    async def vm_snapshots(self, vm_id: str) -> list[VmSnapshot]:
        """List the snapshots of a whole VM: each blocks attach and detach of its volumes."""
        params = {"virtualmachineid": vm_id}
        with _missing_command():
            found = await self._reader.everybodys("listVMSnapshot", "vmSnapshot", VmSnapshot, params)
        return [one for one in found if one.virtualmachineid is None or same(one.virtualmachineid, vm_id)]

    async def setting(self, name: str) -> str | None:
        """Return a global setting of the server, None when it has no such; for administrators."""
        command = "listConfigurations"
        reply = await self._call(command, {"name": name})
        found = read_list(command, "configuration", _Setting, reply)
        return next((one.value for one in found if one.name == name), None)

    async def max_data_disks(self, hypervisor: str) -> int | None:
        """Return how many data disks a VM may have, None when the server does not say.

        The server takes the row of the host's version, else the one named ``default``; which host it will be
        nobody knows, so without a default the smallest counts (CloudStack's source; not observed).
        """
        command = "listHypervisorCapabilities"
        reply = await self._call(command, {"hypervisor": hypervisor})
        rows = [
            row
            for row in read_list(command, "hypervisorCapabilities", _Hypervisor, reply)
            if same(row.hypervisor, hypervisor) and row.maxdatavolumeslimit is not None
        ]
        default = [row for row in rows if row.hypervisorversion == "default"] or rows
        return min((row.maxdatavolumeslimit or 0 for row in default), default=None)

    async def _call(self, command: str, params: Mapping[str, str]) -> dict[str, Any]:
        with _missing_command():
            return await self._transport.call(command, params)


@contextmanager
def _missing_command() -> Iterator[None]:
    """Say what a 432 means here: the command is there, and this key does not have it."""
    try:
        yield
    except BadRequest as error:
        if error.code != _NO_SUCH_COMMAND:
            raise
        raise NotPermitted(error.command, error.code, error.cs_code, error.text) from error
