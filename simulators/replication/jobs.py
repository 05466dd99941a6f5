"""Replication jobs, and the VMs that they are of."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

PENDING, REPLICATING, COMPLETED, FAILED = "pending", "replicating", "completed", "failed"
_GIB = 1024**3


class Fate(StrEnum):
    """What becomes of a job."""

    COMPLETES = "completes"
    FAILS = "fails"
    STICKS = "sticks"
    """It begins and never moves again (original-system.md, defect 25)."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A VM that is replicated.

    Attributes:
        context_id: Its row of ``vm_replication_contexts``.
        disk_ids: VMware's keys of its disks.
    """

    context_id: str
    vm_id: str
    vm_name: str
    vcenter_host: str
    disk_ids: tuple[str, ...] = ("disk-2000",)


@dataclass(slots=True)
class Job:
    """A replication job.

    Attributes:
        steps: After so many steps it ends.
        scheduled: Started by the scheduler and not by a request.
        source_vm: What the request said of the VM.
    """

    id: str
    vm: Protected
    steps: int
    fate: Fate = Fate.COMPLETES
    scheduled: bool = False
    ossea_config_id: int = 0
    source_vm: dict[str, object] = field(default_factory=dict, repr=False)
    status: str = PENDING
    done: int = 0
    error: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing of it moves any more, for good."""
        return self.status in {COMPLETED, FAILED}

    @property
    def progress_percent(self) -> float:
        """How far it is."""
        return 100.0 if self.status == COMPLETED else 100.0 * self.done / (self.steps + 1)

    def step(self) -> None:
        """Move on by one step; the last one ends it."""
        if self.ended or (self.fate is Fate.STICKS and self.status == REPLICATING):
            return
        self.updated_at = datetime.now(UTC)
        if self.fate is Fate.STICKS:
            self.status = REPLICATING
            return
        self.done += 1
        if self.done < self.steps:
            self.status = REPLICATING
            return
        self.completed_at = self.updated_at
        if self.fate is Fate.FAILS:
            self.status, self.error = FAILED, "simulated: the source's disk cannot be read"
        else:
            self.status = COMPLETED

    def reply(self) -> dict[str, object]:
        """Return the job as ``GET`` shows it (original-system.md, section 9)."""
        total = _GIB * len(self.vm.disk_ids)
        return {
            "job_id": self.id,
            "status": self.status,
            "progress_percent": self.progress_percent,
            "current_operation": "Transferring" if self.status == REPLICATING else "",
            "bytes_transferred": int(total * self.progress_percent / 100),
            "total_bytes": total,
            "transfer_speed_bps": 0,
            "error_message": self.error,
            "created_at": self.started_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "started_at": self.started_at.isoformat(),
            "completed_at": self.completed_at.isoformat() if self.completed_at else None,
            "vma_progress": {
                "sync_type": "incremental",
                "current_phase": self.status,
                "throughput_mbps": 0,
                "eta_seconds": 0,
                "last_polled": None,
                "error_classification": "",
                "error_details": "",
                "is_live": not self.ended,
            },
        }
