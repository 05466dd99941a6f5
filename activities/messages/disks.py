"""Messages about disks: snapshot, clone, move, revert, remove; their jobs end in ``WaitForJobActivity``."""

from enum import StrEnum

from pydantic import Field

from activities.messages.vm import VmOwner
from rules.disks import DiskPlan, SnapshotFact, VolumeFacts
from rules.models import Record
from rules.outcomes import FailoverVm


class Place(Record):
    """Where a disk is to be; no VM means attached to nothing.

    Attributes:
        device_id: None lets CloudStack choose, on the appliance.
    """

    vm_id: str = ""
    device_id: int | None = None


class SignedCall(Record):
    """How long a call of this step may still act after its answer was lost; from the policy.

    Attributes:
        expiry_seconds: How long CloudStack accepts the signed call.
        settle_seconds: After this time no call that was signed before can take effect.
    """

    expiry_seconds: float = 60.0
    settle_seconds: float = 70.0


class MoveRequest(SignedCall):
    """Ask for one step that brings a volume nearer to its place.

    Attributes:
        owner: Whose failover.
        volume_id: The volume.
        to: Where it is to be.
        allowed_vm_ids: The appliance and our VM; a volume at any other VM stops the run.
        storage_id: The pool that it must be on before an attach, and after; empty where nobody may see it.
    """

    owner: VmOwner
    volume_id: str
    to: Place
    allowed_vm_ids: tuple[str, ...]
    storage_id: str = ""


class MoveReply(Record):
    """What was found, and what was begun.

    Attributes:
        placed: It is where it is to be; nothing was begun.
        job_id: What was begun: wait for it, then ask again. Empty when placed.
    """

    volume: VolumeFacts
    placed: bool
    job_id: str = ""


class SnapshotPurpose(StrEnum):
    """What a snapshot is for; it stands in its tags."""

    ROLLBACK = "rollback"
    CLONE = "clone"


class SnapshotRequest(SignedCall):
    """Ask for the snapshot of one volume: made, or the one that this failover made already.

    Attributes:
        attempt: Rises when a whole set is taken anew; a set never mixes attempts.
    """

    owner: VmOwner
    volume_id: str
    disk_id: str
    purpose: SnapshotPurpose
    attempt: int = 1


class SnapshotReply(Record):
    """The snapshot, and the job that makes it; no job when it stands there, usable.

    Attributes:
        cleared: Failed snapshots of this failover that were in the way and are gone.
    """

    snapshot: SnapshotFact
    job_id: str = ""
    cleared: tuple[str, ...] = ()


class RevertRequest(SignedCall):
    """Ask for the revert of an unattached volume to a snapshot of this failover."""

    owner: VmOwner
    volume_id: str
    snapshot_id: str


class JobStarted(Record):
    """A job that was begun."""

    job_id: str


class RemoveSnapshotsRequest(Record):
    """Remove snapshots of this failover, found by tag, failed ones included.

    Attributes:
        purpose: Of what purpose.
        keep: Ids that stay.
    """

    owner: VmOwner
    volume_ids: tuple[str, ...]
    purpose: SnapshotPurpose
    keep: tuple[str, ...] = ()


class CloneRequest(SignedCall):
    """Ask for a volume made from a snapshot: made, or the one that this failover made already."""

    owner: VmOwner
    disk: DiskPlan
    snapshot_id: str


class CloneReply(Record):
    """The clone, and the job that makes it; no job when it stands there, usable."""

    volume: VolumeFacts
    job_id: str = ""
    cleared: tuple[str, ...] = ()


class RemoveClonesRequest(Record):
    """Remove the clones of this failover, found by identity and mark, failed ones included.

    Attributes:
        volume_ids: Of which replicas; a replica itself is never removed.
    """

    owner: VmOwner
    volume_ids: tuple[str, ...]


class TemplateRootRequest(Record):
    """Ask for the volume that CloudStack made from the template for our VM.

    Attributes:
        replica_ids: Never taken for one.
    """

    owner: VmOwner
    vm: FailoverVm
    replica_ids: tuple[str, ...]


class TemplateRoot(Record):
    """The template's volume; none when it is gone already."""

    volume: VolumeFacts | None = None


class RemoveVolumeRequest(Record):
    """Delete the template's volume after it was detached.

    Attributes:
        replica_ids: Refused for any of these.
    """

    owner: VmOwner
    volume_id: str
    replica_ids: tuple[str, ...]


class Removed(Record):
    """What was removed and what stays, as ``name (id): what``."""

    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()


class StopVMRequest(Record):
    """Ask for our VM to be stopped.

    Attributes:
        force: Do not wait for the guest.
    """

    owner: VmOwner
    vm: FailoverVm
    force: bool = False


class StopReply(Record):
    """The VM's state before the call, and the job that stops it; no job when it is stopped, or gone.

    Attributes:
        state: ``Stopped``, ``Running`` and so on; empty when the VM is gone.
    """

    state: str
    job_id: str = ""


class RenewLeaseRequest(Record):
    """Ask for a drill's VM to be kept longer by CloudStack's own clock.

    Attributes:
        days: From now on; CloudStack counts anew with every call.
    """

    owner: VmOwner
    vm: FailoverVm
    days: int = Field(ge=1)


class RenewedLease(Record):
    """How long CloudStack keeps the VM, as read back.

    Attributes:
        days: 0 for a VM without a lease, which nothing but its cleanup ends.
    """

    days: int


class VerifyDisksRequest(Record):
    """Ask whether every disk is attached to our VM at its place, on its pool.

    Attributes:
        volumes: What should be attached: device id and pool of each.
    """

    owner: VmOwner
    vm: FailoverVm
    volumes: tuple[DiskPlan, ...]


class VerifiedDisks(Record):
    """The volumes as read back."""

    volumes: tuple[VolumeFacts, ...]


class CheckGuestRequest(Record):
    """Ask the configured command whether the guest responds.

    Attributes:
        vm: With its NICs: the command gets their addresses.
    """

    vm: FailoverVm
    context_id: str
    failover_type: str
    timeout_seconds: float


class GuestCheck(Record):
    """What the command said. Not configured is not a failure: then nothing is claimed."""

    configured: bool
    responds: bool = False
    detail: str = ""
