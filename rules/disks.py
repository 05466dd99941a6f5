"""The disks of a protected VM: what replication knows of them, where CloudStack has them, where they go."""

from datetime import datetime
from enum import StrEnum

from rules.models import Record


class DisksMode(StrEnum):
    """What a run does about the disks."""

    REPLICATED = "replicated"
    """A whole failover: the VM runs from its replicated disks, a drill from clones of them."""
    NONE = "none"
    """A network rehearsal: the VM is made from the template, and no disk of the source is touched."""


class DrillDisks(StrEnum):
    """What a drill runs on."""

    CLONES = "clones"
    """Volumes made from snapshots: replication goes on."""
    REPLICA = "replica"
    """The replica itself, for storage that cannot clone: replication is fenced, and reverted afterwards."""


class Firmware(StrEnum):
    """How the VM boots; it must match what is on the disk."""

    BIOS = "bios"
    UEFI = "uefi"
    UNKNOWN = "unknown"


class GuestFamily(StrEnum):
    """What decides whether the guest must be converted before it boots on KVM."""

    WINDOWS = "windows"
    LINUX = "linux"
    UNKNOWN = "unknown"


class CompletedSync(Record):
    """A replication job that brought a disk to one point in time.

    Attributes:
        completed_at: UTC; None when the database does not say.
    """

    job_id: str
    completed_at: datetime | None = None


class SyncJob(Record):
    """A replication job that has not ended, as far as anybody says.

    Attributes:
        status: In replication's own words.
        progress_percent: None when nobody says.
        started_at: UTC; None when nobody says.
    """

    job_id: str
    status: str = ""
    progress_percent: float | None = None
    started_at: datetime | None = None


class ReplicatedDisk(Record):
    """A disk of the source VM (``vm_disks``) and the volume that replication writes it to.

    Attributes:
        disk_id: VMware's key, "disk-2000" say; never a reason to take a disk for the boot disk.
        unit_number: Place on its controller; None when unknown.
        size_gb: In GiB.
        volume_id: CloudStack's uuid; empty where replication has made no volume.
        sync: The last sync that completed for this disk; None when none ever did.
    """

    disk_id: str
    label: str = ""
    unit_number: int | None = None
    size_gb: int = 0
    volume_id: str = ""
    sync: CompletedSync | None = None


class KeptSnapshot(Record):
    """A snapshot of a replica that ``ossea_volumes`` names as ready.

    Attributes:
        taken_at: UTC; None when the row does not say.
    """

    snapshot_id: str
    volume_id: str
    taken_at: datetime | None = None


class ReplicationFacts(Record):
    """What the database knows of a VM's replication.

    Attributes:
        appliance_vm_id: The VM that the replicated volumes hang on between failovers (``oma_vm_id``).
        scheduler_enabled: Whether this VM's scheduler is on; None where the schema does not say.
        running: A job that has not ended.
        torn_by: A job that began after the last completed sync and did not complete: the replica holds a part
            of it. Empty when there is none. A job that still runs counts once its site is lost.
        torn_at: When the first such job began (UTC); None when there is none, or it does not say.
        kept_snapshots: Snapshots of the replicas that somebody took and kept.
        dirty_by: The failover that wrote to the replica and was not reverted; empty when none did.
        in_flight_snapshots: How many snapshots other open runs are about to take: one per disk.
        in_flight_snapshot_gib: The size of those disks, in GiB.
        in_flight_clone_gib: The size of the clones that other open tests are about to make, in GiB.
        in_flight_clones: How many clones those are.
        in_flight_vms: How many VMs other open runs have yet to make.
    """

    disks: tuple[ReplicatedDisk, ...] = ()
    appliance_vm_id: str = ""
    scheduler_enabled: bool | None = None
    running: SyncJob | None = None
    torn_by: str = ""
    torn_at: datetime | None = None
    kept_snapshots: tuple[KeptSnapshot, ...] = ()
    dirty_by: str = ""
    firmware: Firmware = Firmware.UNKNOWN
    guest: GuestFamily = GuestFamily.UNKNOWN
    os_type: str = ""
    in_flight_snapshots: int = 0
    in_flight_snapshot_gib: int = 0
    in_flight_clone_gib: int = 0
    in_flight_clones: int = 0
    in_flight_vms: int = 0

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Every replication job that is named here, each one once."""
        named = [disk.sync.job_id for disk in self.disks if disk.sync is not None]
        running = self.running.job_id if self.running is not None else ""
        return tuple(dict.fromkeys(one for one in (*named, running, self.torn_by) if one))


class VolumeFacts(Record):
    """A volume as ``listVolumes`` shows it: the only truth about where a disk is.

    Attributes:
        found: False when CloudStack has no such volume.
        vm_id: The VM that it is attached to; empty when it is attached to none.
        device_id: Its place there; None when it is attached to none.
        storage_id: Its pool; empty where the key may not see it, or it has no storage yet.
        state: ``Ready``, ``Allocated``, ``Snapshotting`` and so on.
        size_bytes: In bytes.
        account: Who owns it, with ``domain_id``; empty where it is not shown, and for a project's.
        project_id: The project that owns it; empty for an account's.
        zone_id: The zone that it is in; empty where it is not shown.
    """

    volume_id: str
    found: bool = True
    name: str = ""
    vm_id: str = ""
    device_id: int | None = None
    is_root: bool = False
    storage_id: str = ""
    storage_name: str = ""
    state: str = ""
    size_bytes: int = 0
    account: str = ""
    domain_id: str = ""
    project_id: str = ""
    zone_id: str = ""


class DiskPlan(Record):
    """One disk of the new VM.

    Attributes:
        volume_id: The replica that it is, or is cloned from.
        device_id: Its place on the new VM: 0 for the boot disk, then 1, 2, 4, 5 and so on (3 is reserved).
        size_gb: In GiB.
        storage_id: The pool that the replica is on; empty where the key may not see it.
        appliance_device_id: Its place on the appliance before the run; None when it was attached to nothing.
    """

    disk_id: str
    volume_id: str
    device_id: int
    size_gb: int = 0
    is_boot: bool = False
    storage_id: str = ""
    appliance_device_id: int | None = None


class RecoveryPoint(Record):
    """The point in time that the new VM's disks hold.

    Attributes:
        job_id: The sync that brought all disks there.
        completed_at: When it completed (UTC); None when the database does not say.
        age_seconds: How old that was when it was read; None when unknown.
        consistent: False when a later sync was interrupted, or the disks stand at different points.
        detail: Why it is not consistent, or why snapshots are used.
        snapshots: The last good snapshots, one per disk: the replica itself is torn, and is reverted to them.
    """

    job_id: str = ""
    completed_at: datetime | None = None
    age_seconds: float | None = None
    consistent: bool = True
    detail: str = ""
    snapshots: tuple[KeptSnapshot, ...] = ()


class SnapshotFact(Record):
    """A snapshot that this failover took of one disk.

    Attributes:
        volume_id: Of which volume.
        state: ``BackedUp`` when it can be used.
    """

    snapshot_id: str
    volume_id: str
    name: str = ""
    state: str = ""
