"""What CloudStack says about things, read leniently under CloudStack's own field names.

Only what identifies a thing must be there; a field that we do not know is ignored, and one that a caller
without root rights does not get (observed, section 18) is None.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from cloudstack.errors import CloudStackError, OutcomeUnknown, clipped, error_class
from rules.models import Record


def _texts(value: object) -> object:
    """Read a map of texts, whatever scalars somebody put into it; the absent map is empty."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(key): str(item) for key, item in value.items() if item is not None}
    return value


Texts = Annotated[dict[str, str], BeforeValidator(_texts)]


class Entity(Record):
    """Something that CloudStack knows by an id. A number where a text is expected is taken as text."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str


class Nic(Entity):
    """One network card of a VM.

    Attributes:
        deviceid: Position on the machine's bus, from 0. CloudStack sends it as text (observed, section 1).
        macaddress: Lower case with colons, however it was asked for.
        ipaddress: None on an L2 network, which hands out none.
        type: ``L2``, ``Isolated`` or ``Shared``.
    """

    networkid: str
    deviceid: int
    networkname: str | None = None
    macaddress: str | None = None
    isdefault: bool = False
    type: str | None = None
    ipaddress: str | None = None


class VirtualMachine(Entity):
    """A VM.

    Attributes:
        state: ``Running``, ``Stopped``, ``Error`` and so on; a text, since servers add states.
        account: Owner, with ``domainid``; None when the VM is a project's, which ``projectid`` names.
        cpunumber: Number of virtual CPUs.
        cpuspeed: MHz.
        memory: MiB.
        hypervisor: ``KVM`` say.
        boottype: ``Bios`` or ``Uefi``.
        bootmode: ``legacy`` or ``secure``.
        leaseduration: Days; None when the VM has no lease.
        leaseexpiryaction: ``STOP`` or ``DESTROY``.
        nic: As listed; see `nics_in_order`.
        details: Our marks among the server's own keys (observed, section 15).
    """

    name: str
    state: str
    displayname: str | None = None
    zoneid: str | None = None
    account: str | None = None
    domainid: str | None = None
    projectid: str | None = None
    templateid: str | None = None
    serviceofferingid: str | None = None
    cpunumber: int | None = None
    cpuspeed: int | None = None
    memory: int | None = None
    hypervisor: str | None = None
    boottype: str | None = None
    bootmode: str | None = None
    leaseduration: int | None = None
    leaseexpirydate: str | None = None
    leaseexpiryaction: str | None = None
    nic: tuple[Nic, ...] = ()
    details: Texts = Field(default_factory=dict)

    @property
    def nics_in_order(self) -> tuple[Nic, ...]:
        """The NICs by device id. The order of the list has been the same so far, which nobody promised."""
        return tuple(sorted(self.nic, key=lambda nic: nic.deviceid))


class NetworkService(Record):
    """A service that a network offers, such as ``Dhcp`` or ``UserData``."""

    name: str


class Network(Entity):
    """A guest network.

    Attributes:
        type: ``L2``, ``Isolated`` or ``Shared``.
        state: ``Allocated`` is fine: an isolated network is implemented at the first start of a VM.
        canusefordeploy: L2 always true, others while an address is free; None when the server is too old.
    """

    name: str
    state: str | None = None
    zoneid: str | None = None
    type: str | None = None
    canusefordeploy: bool | None = None
    service: tuple[NetworkService, ...] = ()

    @property
    def service_names(self) -> frozenset[str]:
        """What the network offers; empty for every L2 network."""
        return frozenset(service.name for service in self.service)


class Zone(Entity):
    """A zone.

    Attributes:
        allocationstate: ``Disabled`` while its administrator lets nothing be deployed there.
    """

    name: str
    allocationstate: str | None = None


class ServiceOffering(Entity):
    """A size for VMs.

    Attributes:
        iscustomized: The deploy must say CPU and memory, and else must not (observed, section 20).
        cpunumber: None when it is customized.
        cpuspeed: MHz. A customized offering that has one does not accept another.
        memory: MiB; None when it is customized.
        serviceofferingdetails: Bounds of a constrained offering (``mincpunumber``, ``maxmemory``, …).
    """

    name: str
    iscustomized: bool = False
    cpunumber: int | None = None
    cpuspeed: int | None = None
    memory: int | None = None
    serviceofferingdetails: Texts = Field(default_factory=dict)


class Template(Entity):
    """A template, as it is in one zone.

    Attributes:
        passwordenabled: The deploy fails unless the default network has the UserData service.
    """

    name: str
    isready: bool = False
    passwordenabled: bool = False
    zoneid: str | None = None


class Submitted(Record):
    """CloudStack accepted an asynchronous command.

    Attributes:
        id: What a create command makes; None for other commands.
        jobid: The job to wait for.
    """

    id: str | None = None
    jobid: str


class JobState(StrEnum):
    """How far a job has come."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    """CloudStack no longer knows the job (a day after its end): the state of the resource has to tell."""


class JobOutcome(Record):
    """What is known of a job.

    The result itself is never kept: the first start of a VM from a password-enabled template carries the
    password in it, in plain text (observed, section 20).

    Attributes:
        code: ``jobresultcode``. It can be 0 on a failed job, so only ``state`` says whether it failed.
        has_result: False for a job that a restart of the server or a cancelled queue ended: nobody knows
            how far it had come (observed, section 8).
        text: What CloudStack says about a failure, cut like every error's. Never decide on it.
    """

    job_id: str
    state: JobState
    code: int = 0
    has_result: bool = False
    text: str = ""

    def error(self, command: str) -> CloudStackError | None:
        """Return the failure as the error that a call would have raised; None without a failure.

        Args:
            command: The command that the job runs, for the message.

        Returns:
            `OutcomeUnknown` for a job that expired or ended without a result or code, else the class of
            its code.
        """
        match self.state:
            case JobState.PENDING | JobState.SUCCEEDED:
                return None
            case JobState.EXPIRED:
                return OutcomeUnknown(command, self.code, None, f"job {self.job_id} is no longer known")
            case JobState.FAILED if not self.has_result:
                return OutcomeUnknown(command, self.code, None, f"job {self.job_id} was lost with its result")
            case JobState.FAILED:
                return error_class(self.code)(command, self.code, None, self.text)


class Existence(StrEnum):
    """What CloudStack knows of a VM id."""

    UNKNOWN = "unknown"
    """It never existed, so a deploy may use it as ``customid``."""
    EXPUNGED = "expunged"
    """It existed and is gone for good: as ``customid`` it can never be used again (observed, section 2).

    A caller without root rights gets the same answer for a destroyed VM that is not yet expunged, when the
    server hides those from it (observed, section 10).
    """
    EXISTS = "exists"


class VmLookup(Record):
    """The answer to "is there a VM with this id?"; ``vm`` is there exactly when it exists."""

    existence: Existence
    vm: VirtualMachine | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.vm is not None) is not (self.existence is Existence.EXISTS):
            raise ValueError("a VM belongs to a look-up that found one, and to no other")
        return self


def outcome_of(job_id: str, reply: Mapping[str, Any]) -> JobOutcome | None:
    """Read a reply to ``queryAsyncJobResult``; None when it carries no usable ``jobstatus``.

    ``jobstatus`` alone decides: ``jobprocstatus`` means nothing, and the object inside the result has a
    ``jobstatus`` of its own, which stays 0 (observed, section 8).
    """
    states = {0: JobState.PENDING, 1: JobState.SUCCEEDED, 2: JobState.FAILED}
    status = reply.get("jobstatus")
    state = states.get(status) if isinstance(status, int) else None
    if state is None:
        return None
    code = reply.get("jobresultcode")
    result = reply.get("jobresult")
    text = ""
    if state is JobState.FAILED and isinstance(result, Mapping):
        text = clipped(str(result.get("errortext", "")))
    return JobOutcome(
        job_id=job_id,
        state=state,
        code=code if isinstance(code, int) else 0,
        has_result=isinstance(result, Mapping),
        text=text,
    )
