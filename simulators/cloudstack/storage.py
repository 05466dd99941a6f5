"""What the simulated cloud stores: pools, disk offerings, volumes, snapshots."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulators.cloudstack.entities import Account, ServiceOffering, Template, Vm, Zone

GIB = 1024**3
POOL_SIZE = 1024 * GIB
"""Bytes of a storage pool that says nothing else."""
DATA_DISKS = 6
"""How many data disks a VM may have where nobody says otherwise (observed, section 12)."""
_RESERVED = 3
"""The device id that a CD-ROM has."""


def device_ids(data_disks: int) -> tuple[int, ...]:
    """Return their places: 0 is the root's, and 3 is reserved (observed, section 12)."""
    return tuple(place for place in range(1, data_disks + 2) if place != _RESERVED)[:data_disks]


class VolumeType(StrEnum):
    """What a volume is to its VM; one that is detached is always DATADISK (observed, section 9)."""

    ROOT = "ROOT"
    DATADISK = "DATADISK"


class VolumeState(StrEnum):
    """States of a volume that the simulator shows (observed, sections 5, 9, 13 and 16)."""

    ALLOCATED = "Allocated"
    """It has no storage yet."""
    READY = "Ready"
    SNAPSHOTTING = "Snapshotting"
    DESTROY = "Destroy"
    """What was to be made of it failed; it is still listed and holds its customid."""


class SnapshotState(StrEnum):
    """States of a snapshot (observed, section 16)."""

    ALLOCATED = "Allocated"
    """It waits for another job of its VM."""
    CREATING = "Creating"
    BACKED_UP = "BackedUp"
    ERROR = "Error"
    """It failed and holds its name until it is deleted."""


@dataclass(slots=True)
class StoragePool:
    """A primary storage pool of one cluster, or without one of the whole zone; ``size`` in bytes.

    Attributes:
        used: Bytes that are written, whoever wrote them.
        managed: A plug-in makes one LUN for each volume; a root volume on it cannot be swapped
            (cloudstack-api.md, section 3).
    """

    id: str
    name: str
    cluster_id: str
    cluster: str
    created: datetime
    size: int = POOL_SIZE
    managed: bool = False
    used: int = 0

    @property
    def is_zone_wide(self) -> bool:
        """Whether it is no cluster's."""
        return not self.cluster_id


@dataclass(slots=True)
class DiskOffering:
    """What a blank volume is made from; ``size`` in GB, None where each creation says it."""

    id: str
    name: str
    created: datetime
    size: int | None = None


@dataclass(slots=True, eq=False)
class Volume:
    """A volume.

    Attributes:
        number: The internal id that shows in some error texts.
        size: Bytes.
        offering: The VM's compute offering, on a root volume that was made with its VM.
        pool: None until something gives it storage.
        content: Any text that stands for what is written on it. Snapshots and volumes made from them carry
            it on, and a revert brings it back: so that a test sees which state a disk is in.
    """

    id: str
    number: int
    name: str
    size: int
    zone: Zone
    account: Account
    created: datetime
    type: VolumeType = VolumeType.DATADISK
    template: Template | None = None
    offering: ServiceOffering | None = None
    disk_offering: DiskOffering | None = None
    state: VolumeState = VolumeState.ALLOCATED
    vm: Vm | None = None
    device_id: int | None = None
    pool: StoragePool | None = None
    path: str = ""
    content: str = field(default="", repr=False)
    removed: bool = False

    @property
    def is_root(self) -> bool:
        """Whether its VM boots from it."""
        return self.type is VolumeType.ROOT

    def put_on(self, pool: StoragePool, path: str) -> None:
        """Give it storage."""
        self.pool, self.path, self.state = pool, path, VolumeState.READY

    def attach(self, vm: Vm, device_id: int) -> None:
        """Make it a disk of the VM: its root volume at 0, a data disk elsewhere."""
        self.vm, self.device_id = vm, device_id
        self.type = VolumeType.DATADISK if device_id else VolumeType.ROOT

    def detach(self) -> None:
        """Take it from its VM. A former root volume keeps its name and is a data disk (section 9)."""
        self.vm, self.device_id, self.type = None, None, VolumeType.DATADISK


@dataclass(slots=True, eq=False)
class Snapshot:
    """A snapshot of a volume, which it outlives (observed, section 16).

    Attributes:
        size: Bytes of the volume when it was taken; ``content`` and ``template`` are of that moment too.
    """

    id: str
    name: str
    volume: Volume
    volume_type: VolumeType
    account: Account
    zone: Zone
    created: datetime
    size: int
    template: Template | None
    content: str = field(default="", repr=False)
    state: SnapshotState = SnapshotState.ALLOCATED
    removed: bool = False


@dataclass(slots=True, eq=False)
class VmSnapshot:
    """A snapshot of a whole VM, which keeps its disks where they are (cloudstack-api.md, section 3)."""

    id: str
    name: str
    vm: Vm
    created: datetime
