"""What the agent answers, read leniently (vma-observed.md)."""

from pydantic import BaseModel, ConfigDict, model_validator


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
