"""What the agent answers, read leniently (vma-observed.md)."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        # The agent's language writes an empty list that nobody made as null: one VM without NICs must not
        # make the whole answer unreadable.
        if isinstance(value, dict):
            return {name: one for name, one in value.items() if one is not None}
        return value


class DiscoveredNic(_Reply):
    """One NIC in device order; labels are not unique (observed)."""

    label: str = ""
    network_name: str = ""
    mac_address: str = ""
    connected: bool = False


class DiscoveredVm(_Reply):
    """One VM; ``id`` is its instance or BIOS uuid, and the only thing to know it by.

    Attributes:
        document: All that the agent says of the VM, for whoever must hand it on.
    """

    id: str
    name: str = ""
    power_state: str = ""
    num_cpu: int = 0
    memory_mb: int = 0
    networks: tuple[DiscoveredNic, ...] = ()
    document: dict[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _keep_all(cls, value: object) -> object:
        return {**value, "document": value} if isinstance(value, dict) else value


class AskedVcenter(_Reply):
    """The vCenter that the agent asked."""

    host: str = ""


class Discovery(_Reply):
    """The reply to a discovery; an empty list is an answer, a missing one is not."""

    vcenter: AskedVcenter = AskedVcenter()
    vms: tuple[DiscoveredVm, ...]


class PowerReading(_Reply):
    """The reply about a VM's power. Without a state it is none."""

    vm_id: str = ""
    power_state: str = Field(min_length=1)
    tools_status: str = ""


class PowerChange(_Reply):
    """The reply to a power-off or power-on: what the agent says that it did.

    Attributes:
        success: Without it nothing was said.
        shutdown_method: ``graceful``, ``forced`` or ``already-off``; empty for a power-on.
    """

    success: bool
    previous_state: str = ""
    new_state: str = ""
    tools_status: str = ""
    shutdown_method: str = ""
