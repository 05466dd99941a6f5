"""What the agent answers, read leniently (vma-observed.md)."""

from pydantic import BaseModel, ConfigDict


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class DiscoveredNic(_Reply):
    """One NIC in device order; labels are not unique (observed)."""

    label: str = ""
    network_name: str = ""
    mac_address: str = ""
    connected: bool = False


class DiscoveredVm(_Reply):
    """One VM; ``id`` is its instance or BIOS uuid, and the only thing to know it by."""

    id: str
    name: str = ""
    power_state: str = ""
    num_cpu: int = 0
    memory_mb: int = 0
    networks: tuple[DiscoveredNic, ...] = ()


class AskedVcenter(_Reply):
    """The vCenter that the agent asked."""

    host: str = ""


class Discovery(_Reply):
    """The reply to a discovery; an empty list is an answer, a missing one is not."""

    vcenter: AskedVcenter = AskedVcenter()
    vms: tuple[DiscoveredVm, ...]
