"""Messages about the source NICs, their networks, and what CloudStack says of the plan."""

from rules.context import DestinationConfig, VMContext
from rules.destination import Finding
from rules.models import Record
from rules.nics import SourceVm
from rules.policy import FailoverPolicy
from rules.request import UnifiedFailoverConfig
from rules.resolution import NetworkDecision


class SourceRequest(Record):
    """Ask for the source VM's NICs.

    Attributes:
        reason: Why the VMA could not be asked, when the database is asked instead.
    """

    context: VMContext
    reason: str = ""


class MappingsRequest(Record):
    """Ask for a VM's mapping rows."""

    context_id: str


class ResolveNetworkRequest(Record):
    """Ask where each NIC goes.

    Attributes:
        gone_vm_ids: VMs that were failed over live and that CloudStack says are gone.
    """

    workflow_id: str
    config: UnifiedFailoverConfig
    context: VMContext
    destination: DestinationConfig
    source: SourceVm
    policy: FailoverPolicy
    gone_vm_ids: tuple[str, ...] = ()


class ResolvedNetworks(Record):
    """One decision per NIC, in NIC order."""

    decisions: tuple[NetworkDecision, ...]


class GuardRequest(Record):
    """Ask, on fresh rows, whether the decisions still keep a test off production."""

    config: UnifiedFailoverConfig
    decisions: tuple[NetworkDecision, ...]
    gone_vm_ids: tuple[str, ...] = ()


class GoneVMsRequest(Record):
    """Ask CloudStack which of these VMs are gone for good."""

    destination: DestinationConfig
    vm_ids: tuple[str, ...]


class GoneVMs(Record):
    """Those that are."""

    vm_ids: tuple[str, ...]


class CheckRequest(Record):
    """Ask CloudStack whether the VM can be made as decided. Nothing is created."""

    workflow_id: str
    config: UnifiedFailoverConfig
    context: VMContext
    destination: DestinationConfig
    source: SourceVm
    decisions: tuple[NetworkDecision, ...]
    policy: FailoverPolicy


class CheckProblem(Record):
    """One reason why the VM cannot be made.

    Attributes:
        type: One of FailoverErrorType.
        message: What is wrong and where to mend it.
        network_id: The network concerned; empty for anything else.
        about: One of About: the check of the preflight that it belongs to; empty for none of them.
    """

    type: str
    message: str
    network_id: str = ""
    about: str = ""


class ComputePlan(Record):
    """What the deploy call needs beside networks.

    Attributes:
        cpu_count: 0 when the offering fixes it; so do the other two.
        memory_mb: In MiB.
        cpu_speed_mhz: In MHz.
        uefi: Boot by UEFI (legacy mode); the disk must have been made for it.
    """

    zone_id: str
    template_id: str
    service_offering_id: str
    cpu_count: int = 0
    memory_mb: int = 0
    cpu_speed_mhz: int = 0
    uefi: bool = False


class DestinationCheck(Record):
    """What CloudStack says of the plan; the decisions come back with the networks' names.

    Attributes:
        compute: None where zone or offering cannot be used. Beside problems it is there for the preflight
            only.
        networks_checked: False when something else was wrong first, so that nothing is known of them.
        findings: The warnings once more, each with what it is about.
        zone_id: CloudStack's uuid; empty where there is no such zone.
    """

    decisions: tuple[NetworkDecision, ...]
    problems: tuple[CheckProblem, ...] = ()
    warnings: tuple[str, ...] = ()
    compute: ComputePlan | None = None
    networks_checked: bool = True
    findings: tuple[Finding, ...] = ()
    zone_id: str = ""
