"""One call of one command: what it may read, and whom it may act for."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from simulators.cloudstack.entities import Account, Vm
from simulators.cloudstack.errors import ApiError, Code, Detail, forbidden, refused, unknown_entity
from simulators.cloudstack.faults import Fault, FaultKind, FaultStage
from simulators.cloudstack.jobs import Jobs, JobSpec
from simulators.cloudstack.latency import Latency
from simulators.cloudstack.params import Params
from simulators.cloudstack.storage import Volume
from simulators.cloudstack.world import World

Json = dict[str, object]
Entity = TypeVar("Entity")

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DEPLOYS_AT_A_TIME = 2


@dataclass(slots=True)
class Server:
    """What all calls share.

    Attributes:
        page_size: The most entries of one page, and how many there are without one.
        deploys: How many deploys are between check and insert together, see Latency.name_window.
    """

    world: World
    jobs: Jobs
    latency: Latency
    page_size: int
    deploys: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_DEPLOYS_AT_A_TIME))


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of one command."""

    server: Server
    params: Params
    caller: Account
    faults: Mapping[FaultStage, Fault]

    @property
    def world(self) -> World:
        """The cloud."""
        return self.server.world

    @property
    def latency(self) -> Latency:
        """The times of the server."""
        return self.server.latency

    def has_fault(self, kind: FaultKind) -> bool:
        """Tell whether this fault was ordered for the call."""
        return any(fault.kind is kind for fault in self.faults.values())

    def find(self, name: str, known: Mapping[str, Entity]) -> Entity:
        """Return what the parameter's uuid names, in any letter case.

        Raises:
            ApiError: 431, it names nothing.
        """
        value = self.params.required(name)
        found = known.get(value.lower())
        if found is None:
            raise unknown_entity(self.params.command, name, value)
        return found

    def require_access(self, owner: Account) -> None:
        """Check that the caller may act on what this account owns.

        Raises:
            ApiError: 531, it may not.
        """
        if not (self.caller.is_root_admin or owner is self.caller or self.caller.name in owner.members):
            raise forbidden()

    def vm_to_change(self) -> Vm:
        """Return the VM that ``id`` names.

        Raises:
            ApiError: 431 if it never existed or is expunged (two texts, section 10), 531 if it is foreign.
        """
        return self.live_vm("id")

    def live_vm(self, name: str) -> Vm:
        """Return the VM that the parameter names.

        Raises:
            ApiError: As :meth:`vm_to_change`.
        """
        vm = self.find(name, self.world.vms)
        if vm.removed:
            raise refused(f"Unable to find UUID for id [{vm.number}] of type [VirtualMachine]")
        self.require_access(vm.account)
        return vm

    def live_volume(self, name: str = "id") -> Volume:
        """Return the volume that the parameter names.

        Raises:
            ApiError: 431 if it never existed or is deleted (two texts, section 9), 531 if it is foreign.
        """
        volume = self.find(name, self.world.volumes)
        if volume.removed:
            raise refused(f"Unable to find UUID for id [{volume.number}] of type [Volume]")
        self.require_access(volume.account)
        return volume

    def owner(self) -> Account:
        """Return whom the call acts for: ``projectid``, or ``account`` with ``domainid``, or the caller.

        Raises:
            ApiError: 431 if there is no such owner, 531 if the caller may not act for it.
        """
        owner = self.named_owner() or self.caller
        self.require_access(owner)
        return owner

    def named_owner(self) -> Account | None:
        """Return the owner that the parameters name, None where they name none.

        Raises:
            ApiError: 431, there is no such account, domain or project.
        """
        if self.params.get("domainid"):
            self.find("domainid", {self.world.domain_id: self.world})
        if self.params.get("projectid"):
            return self.find("projectid", self.world.projects)
        name = self.params.get("account")
        if not name:
            return None
        if name not in self.world.accounts:
            raise refused(f"Unable to find account {name} in domain {self.world.domain_id}")
        return self.world.accounts[name]

    def custom_id(self, name: str) -> str:
        """Return the uuid that the caller chose for something, empty where it chose none.

        Raises:
            ApiError: 431, it is not in the form of a lower-case uuid (section 2).
        """
        value = self.params.get(name)
        if value and _UUID.fullmatch(value) is None:
            raise refused(f"UUID: {value} doesn't follow the UUID format")
        return value

    def require_custom_id_permission(self) -> None:
        """Check that the caller may choose the uuid of a resource.

        Raises:
            ApiError: 531, only a root admin may (section 2).
        """
        if not self.caller.is_root_admin:
            raise ApiError(
                Code.PERMISSION,
                "Please check your permissions, you are not allowed to create/update custom id",
                Detail.PERMISSION,
            )


Handler = Callable[[Invocation], Awaitable[Json | JobSpec]]


@dataclass(frozen=True, slots=True)
class Command:
    """An API command.

    Attributes:
        required: Parameters that are checked before anything else.
        admin_only: An ordinary user does not have it: 432 (section 6).
        is_async: It makes a job; such commands are refused in maintenance (section 21).
    """

    name: str
    handler: Handler
    required: tuple[str, ...] = ()
    admin_only: bool = False
    is_async: bool = False

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing, so that GET stays allowed where POST is enforced (section 7)."""
        return self.name.startswith(("list", "query", "get", "find"))
