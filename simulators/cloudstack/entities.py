"""What the simulated cloud consists of; ids are uuids, as in the API."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulators.cloudstack.credentials import Credentials


class Role(StrEnum):
    """What an account may do."""

    ROOT_ADMIN = "Admin"
    USER = "User"


class VmState(StrEnum):
    """States of a VM that the simulator shows."""

    STOPPED = "Stopped"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    DESTROYED = "Destroyed"
    EXPUNGING = "Expunging"
    ERROR = "Error"


class NetworkType(StrEnum):
    """Guest network types (observed, section 18)."""

    L2 = "L2"
    ISOLATED = "Isolated"
    SHARED = "Shared"


class NetworkState(StrEnum):
    """States of a network: a VLAN given at creation makes it Setup, the first start Implemented."""

    ALLOCATED = "Allocated"
    SETUP = "Setup"
    IMPLEMENTED = "Implemented"


@dataclass(slots=True)
class Account:
    """An owner of resources: a user's account, or a project's, which has no user and no key.

    Attributes:
        limits: Per resource type name (``user_vm``, ``network``); a type that is absent is unlimited.
        project: The project's uuid, empty for an ordinary account.
        members: Names of the accounts that may act for the project.
    """

    id: str
    name: str
    role: Role
    user_id: str
    credentials: Credentials | None = None
    limits: dict[str, int] = field(default_factory=dict)
    project: str = ""
    members: tuple[str, ...] = ()

    @property
    def is_root_admin(self) -> bool:
        """Whether the account may do everything."""
        return self.role is Role.ROOT_ADMIN


@dataclass(slots=True)
class Zone:
    """A zone, with the VLANs that it hands out itself; into a disabled one only a root admin may deploy."""

    id: str
    name: str
    vlans: range
    enabled: bool = True


@dataclass(slots=True)
class Host:
    """A hypervisor host; ``cpus`` and ``memory`` (MB) bound the largest VM that it can run."""

    id: str
    name: str
    cluster_id: str
    cluster: str
    cpus: int = 64
    memory: int = 262144


@dataclass(slots=True)
class NetworkOffering:
    """What a network is made from."""

    id: str
    name: str
    display_text: str
    type: NetworkType
    specify_vlan: bool = False
    services: tuple[str, ...] = ()


@dataclass(slots=True)
class Network:
    """A guest network; an expunged or deleted thing stays known, with ``removed`` set.

    Attributes:
        number: The internal id that shows in some error texts.
        account: The owner; None for a Shared network that the whole domain uses.
        gateway: Empty on L2, like ``netmask``, ``start_ip`` and ``end_ip``.
        domain: The DNS domain, None on L2 (the texts say "null" then).
    """

    id: str
    number: int
    name: str
    display_text: str
    type: NetworkType
    zone: Zone
    offering: NetworkOffering
    account: Account | None
    created: datetime
    state: NetworkState = NetworkState.ALLOCATED
    vlan: int | None = None
    gateway: str = ""
    netmask: str = ""
    start_ip: str = ""
    end_ip: str = ""
    domain: str | None = None
    displayed: bool = True
    removed: bool = False

    @property
    def has_userdata(self) -> bool:
        """Whether it has the UserData service, which passwords and user data need."""
        return "UserData" in self.offering.services


@dataclass(slots=True)
class ServiceOffering:
    """A compute offering.

    Attributes:
        cpu_number: None where each deploy says it (a custom offering), like ``cpu_speed`` (MHz) and
            ``memory`` (MB).
        max_cpu_number: Upper bound of a constrained custom offering, like ``max_memory``.
    """

    id: str
    name: str
    created: datetime
    cpu_number: int | None = None
    cpu_speed: int | None = None
    memory: int | None = None
    min_cpu_number: int | None = None
    max_cpu_number: int | None = None
    min_memory: int | None = None
    max_memory: int | None = None

    @property
    def is_customized(self) -> bool:
        """Whether a deploy has to say the size."""
        return self.cpu_number is None


TEMPLATE_SIZE = 2 * 1024**3
"""Bytes of a template that says nothing else."""


@dataclass(slots=True)
class Template:
    """A template; ``size`` in bytes."""

    id: str
    name: str
    created: datetime
    size: int = TEMPLATE_SIZE
    password_enabled: bool = False


@dataclass(slots=True)
class Nic:
    """A network card of a VM, at its place in device order."""

    id: str
    network: Network
    mac: str
    ip: str
    is_default: bool


@dataclass(slots=True)
class Group:
    """An instance group of an account."""

    id: str
    name: str
    account: Account


@dataclass(frozen=True, slots=True)
class Lease:
    """After its days the server stops or destroys the VM (observed, section 17)."""

    days: int
    expires: datetime
    action: str


@dataclass(slots=True, eq=False)
class Vm:
    """A VM.

    Attributes:
        number: The internal id, part of the instance name and of some error texts.
        nics: In device order.
        turn: Held by the job that changes the VM; the next one waits for it (observed, section 5).
        started_once: The password of a password-enabled template shows in the first start only.
    """

    id: str
    number: int
    name: str
    display_name: str
    account: Account
    zone: Zone
    template: Template
    offering: ServiceOffering
    cpu_number: int
    cpu_speed: int
    memory: int
    created: datetime
    updated: datetime
    state: VmState = VmState.STOPPED
    nics: list[Nic] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)
    boot_type: str = "Bios"
    boot_mode: str = "legacy"
    lease: Lease | None = None
    group: Group | None = None
    host: Host | None = None
    started_once: bool = False
    removed: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


@dataclass(slots=True)
class Tag:
    """A tag on a resource."""

    key: str
    value: str
    resource_type: str
    resource_id: str
    account: Account


class JobStatus(StrEnum):
    """The three states of an async job; ``number`` is what the API shows."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def number(self) -> int:
        """The value of ``jobstatus``."""
        return list(JobStatus).index(self)


@dataclass(slots=True)
class Job:
    """An async job.

    Attributes:
        result: None while it is pending, and on one that failed without a result.
        forgotten: Whether the server has dropped it, so that a query finds nothing.
    """

    id: str
    account: Account
    command_class: str
    instance_type: str
    instance_id: str
    created: datetime
    status: JobStatus = JobStatus.PENDING
    result_code: int = 0
    result: dict[str, object] | None = None
    completed: datetime | None = None
    forgotten: bool = False
