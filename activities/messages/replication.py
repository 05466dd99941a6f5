"""Messages about replication: its facts, the fence, the final sync."""

from enum import StrEnum

from rules.context import DestinationConfig, VMContext
from rules.disks import SnapshotFact, SyncJob
from rules.models import Record


class ReplicationQuery(Record):
    """Ask the database what it knows of a VM's replication.

    Attributes:
        destination: Names the appliance.
        workflow_id: Who asks, so that what it takes itself is not counted as in flight; empty leaves out
            every run of the context.
    """

    context: VMContext
    destination: DestinationConfig
    workflow_id: str = ""


class FenceRequest(Record):
    """Keep replication off this VM's disks, or look whether it is, or let it back.

    Attributes:
        workflow_id: Who fences; only the same id releases.
        lost_job_id: A job of a lost source: it never ends, so the look does not mind it.
        by_run: The run itself looks, before it does more: refused once it is recorded as completed. Then
            somebody reset it, and its VM is in use.
    """

    workflow_id: str
    context_id: str
    lost_job_id: str = ""
    by_run: bool = False


class Fence(Record):
    """The fence as it stands.

    Attributes:
        scheduler_was_enabled: The value before the first fence of this run; None where the schema has none.
        running: A job that still runs; the fence holds only once it has ended.
    """

    scheduler_was_enabled: bool | None = None
    running: SyncJob | None = None


class StartSyncRequest(Record):
    """Ask for one more sync of a VM that is off.

    Attributes:
        workflow_id: Whose final sync.
        known_job_id: The last job before this run began; a later one of this context is adopted.
        known_job_ids: Every job that the database named once the source was off
            (``ReplicationFacts.job_ids``). With them even the first try adopts what is not among them.
            Without them it adopts nothing: a job that began while the source still ran is no final sync.
    """

    workflow_id: str
    context: VMContext
    destination: DestinationConfig
    known_job_id: str = ""
    known_job_ids: tuple[str, ...] = ()


class WatchSyncRequest(Record):
    """Ask for the end of a replication job.

    Attributes:
        stall_seconds: With no change of status or progress for so long it counts as stalled.
        poll_seconds: Between two looks.
    """

    context: VMContext
    job_id: str
    stall_seconds: float
    poll_seconds: float


class SyncState(StrEnum):
    """How a replication job ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    STALLED = "stalled"
    """Nothing moved for as long as the policy allows (original-system.md, defect 25)."""


class SyncEnd(Record):
    """The end of a replication job; ``detail`` is for people."""

    job_id: str
    state: SyncState
    detail: str = ""


class ReplicaMark(Record):
    """Record that this failover is about to write to the replica, or that its every disk was reverted.

    Attributes:
        dirty: From before the first write until CloudStack confirmed the revert of every disk.
    """

    workflow_id: str
    context_id: str
    dirty: bool


class ChangeIdRequest(Record):
    """Forget how far replication got with these disks, so that the next sync is a full one."""

    context_id: str
    disk_ids: tuple[str, ...]


class RecordSnapshotsRequest(Record):
    """Record the snapshots of the replicas, or with ``gone`` that they are no more.

    Attributes:
        context_id: Whose.
        snapshots: One per disk.
    """

    context_id: str
    snapshots: tuple[SnapshotFact, ...]
    gone: bool = False
