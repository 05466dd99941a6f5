"""The network cards of the protected VM, and where we learned of them."""

from datetime import datetime
from enum import StrEnum

from rules.models import Record


class NicSource(StrEnum):
    """Where the list of source NICs comes from, best first."""

    VMA = "vma"
    """The VMware agent discovered them just now."""
    DATABASE = "database"
    """``vm_disks.network_config``, as replication last stored it."""
    MAPPINGS = "mappings"
    """Inferred from the names in the VM's mapping rows: no MAC address, no proven order."""


class SourceNic(Record):
    """One NIC of the source VM.

    Attributes:
        index: Position in device order, from 0. Labels are not unique (observed), so this is the identity.
        label: VMware's label, for people.
        network_name: Port group or distributed switch name, exactly as VMware gives it.
        mac_address: Lower case with colons; empty when unknown.
        connected: As VMware says; it is false for every NIC of a VM that is powered off.
    """

    index: int
    label: str = ""
    network_name: str
    mac_address: str = ""
    connected: bool = True


class SourceVm(Record):
    """What is known of the source VM.

    Attributes:
        source: Which of the three sources answered.
        observed_at: When that source saw it (UTC); None when it does not say.
        inferred: True when the NICs were guessed from mapping rows.
        reason: Why a worse source than the VMA was used; empty for the VMA.
        cpu_count: Number of virtual CPUs, 0 when unknown.
        memory_mb: Memory in MiB, 0 when unknown.
    """

    source: NicSource
    nics: tuple[SourceNic, ...]
    observed_at: datetime | None = None
    inferred: bool = False
    reason: str = ""
    cpu_count: int = 0
    memory_mb: int = 0
