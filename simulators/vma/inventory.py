"""The VMs of a simulated vCenter."""

from dataclasses import dataclass, field

POWERED_ON = "poweredOn"
POWERED_OFF = "poweredOff"
SUSPENDED = "suspended"
TOOLS_OK = "toolsOk"
TOOLS_NOT_RUNNING = "toolsNotRunning"
TOOLS_NOT_INSTALLED = "toolsNotInstalled"


@dataclass(slots=True)
class Nic:
    """A network card; labels need not be unique (vma-observed.md)."""

    network_name: str
    mac_address: str
    label: str = "ethernet--7"
    adapter_type: str = "vmxnet3"
    connected: bool = True


@dataclass(slots=True)
class Disk:
    """A virtual disk; ``size_gb`` in GiB."""

    id: str
    size_gb: int
    file: str = "disk1.vmdk"
    datastore: str = "LocalDS_0"
    unit_number: int = 0


@dataclass(slots=True)
class VirtualMachine:
    """A VM as vCenter has it.

    Attributes:
        id: Instance or BIOS uuid, lower case.
        nics: In device order.
        tools_installed: Without VMware Tools a gentle power-off pulls the plug (observed).
        shutdown_looks: At which look at its power state a guest that was asked to shut down is off: 0 is off
            before the agent answers; None is never, it ignores the request.
        looks_until_off: What is left of that for a guest that is going down; None for one that is not.
    """

    id: str
    name: str
    nics: list[Nic]
    disks: list[Disk] = field(default_factory=list)
    memory_mb: int = 2048
    num_cpu: int = 1
    guest_os: str = "linux"
    power_state: str = POWERED_ON
    tools_installed: bool = True
    shutdown_looks: int | None = 0
    looks_until_off: int | None = None

    def begin_shutdown(self) -> bool:
        """Ask the guest to shut down; return whether it is off at once."""
        if self.looks_until_off is None:
            self.looks_until_off = self.shutdown_looks
        return self.looks_until_off == 0

    def looked_at(self) -> None:
        """Note a look at the power state."""
        if self.looks_until_off is None:
            return
        self.looks_until_off -= 1
        if self.looks_until_off <= 0:
            self.power_state, self.looks_until_off = POWERED_OFF, None

    @property
    def tools_status(self) -> str:
        """What vCenter says about VMware Tools in the guest."""
        if not self.tools_installed:
            return TOOLS_NOT_INSTALLED
        return TOOLS_OK if self.power_state == POWERED_ON else TOOLS_NOT_RUNNING


@dataclass(slots=True)
class VCenter:
    """A vCenter with one datacenter.

    Attributes:
        down: While true the agent gets no connection to it.
    """

    username: str
    password: str = field(repr=False)
    datacenter: str
    vms: list[VirtualMachine] = field(default_factory=list)
    down: bool = False
