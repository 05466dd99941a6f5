"""The bodies of all answers: the original's envelope (original-system.md, section 1) and what it carries.

``api/openapi.py`` publishes these models, so what a field means is said here, once.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from rules.disks import RecoveryPoint, SnapshotFact, VolumeFacts
from rules.models import Record
from rules.outcomes import DISKS_NONE, EndReport, Objectives, ProofLevel, SourceEnd
from rules.preflight import Check
from rules.resolution import NetworkDecision


class JobStatus(StrEnum):
    """The original's words for where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobVm(Record):
    """The VM that a job made in CloudStack."""

    id: str
    name: str = ""
    state: str = Field("", description="planned, created, running or removed")


class PendingStep(Record):
    """What a running job waits for, as Temporal sees it."""

    activity: str
    attempt: int
    last_error: str | None = None


class Job(Record):
    """A failover."""

    job_id: str = Field(description="The workflow id of the run in Temporal")
    status: JobStatus
    state: str = Field(
        description="The exact state: pending, accepted, planned, vm_created, starting, held, undoing,"
        " completed, failed, cancelled, refused, terminated, timed_out or lost"
    )
    progress: float = Field(ge=0, le=100, description="Per cent, by state (docs/http.md)")
    job_type: str = Field("", description="live or test; empty while nobody has read the request yet")
    context_id: str = ""
    vm_name: str = ""
    vmware_vm_id: str = ""
    destination_name: str = ""
    vm: JobVm | None = None
    start_time: datetime
    end_time: datetime | None = None
    duration: int = Field(ge=0, description="Nanoseconds, as in the original")
    nic_source: str = ""
    decisions: tuple[NetworkDecision, ...] = ()
    disks: str = DISKS_NONE
    warnings: tuple[str, ...] = ()
    error_type: str | None = None
    error_message: str | None = None
    left_behind: tuple[str, ...] = ()
    held_by: str | None = Field(None, description="FailoverInProgress: the job that ran already")
    waiting_for: tuple[PendingStep, ...] = ()
    held: bool = Field(
        default=False,
        description="A live run whose new VM has started: it waits for the order roll_back or resume",
    )
    proven: ProofLevel | None = Field(None, description="The highest thing that was proven of the new VM")
    attached: tuple[VolumeFacts, ...] = Field((), description="The new VM's disks as read back")
    recovery_point: RecoveryPoint | None = Field(None, description="What point in time the disks hold")
    objectives: Objectives | None = Field(None, description="RPO, RTO and outage as achieved, in seconds")
    source_end: SourceEnd | None = Field(None, description="What became of the source VM")
    snapshots: tuple[SnapshotFact, ...] = Field((), description="The rollback snapshots that were taken")
    checks: tuple[Check, ...] = Field((), description="The preflight")
    restored: tuple[str, ...] = Field((), description="What a way back did to source, disks and fence")
    rolled_back_by: str | None = None
    continues_as: str | None = Field(None, description="The workflow that ends the new VM's time")
    ending: str | None = Field(
        None,
        description="What ended it: cleaned_up, committed, rolled_back; cleanup_required: something is left",
    )
    ended_at: datetime | None = None
    end_report: EndReport | None = None
    source_returned_at: datetime | None = Field(
        None, description="SourceReturned: when a source that was declared lost was seen again"
    )


class JobDetails(Record):
    """The original's ``job_details``, as far as it says something true of a durable run."""

    job_type: str
    operation: str = "unified-failover"
    context_id: str
    external_job_id: str
    error_message: str = ""
    tracking_source: Literal["failover_runs", "temporal"]


class Configuration(Record):
    """The configuration in force, in the original's names."""

    failover_type: str
    vm_name: str
    network_strategy: str
    vm_naming: str
    moves_disks: bool | None = Field(
        None,
        description="Whether the machine runs from its disks, or clones; null: the site has not said yet",
    )
    power_off_source: bool | None = Field(None, description="null: the site has not said yet")
    perform_final_sync: bool | None = Field(None, description="null: the site has not said yet")
    skip_validation: bool = False
    skip_virtio: bool = False


class FailoverData(Record):
    """What a start answers with."""

    status: JobStatus
    failover_type: str
    context_id: str
    vm_name: str = ""
    destination_name: str = Field("", description="A test's name is only known once the VM is made")
    configuration: Configuration
    decisions: tuple[NetworkDecision, ...] = ()
    disks: str = DISKS_NONE
    warnings: tuple[str, ...] = ()
    checks: tuple[Check, ...] = Field((), description="The preflight")
    status_url: str


class FailoverReply(Record):
    """The answer to a start that is accepted, or not decided yet."""

    success: Literal[True] = True
    message: str
    job_id: str
    data: FailoverData


class JobReply(Record):
    """The answer to a question about one job: the original's fields at the top, the whole job in ``data``."""

    success: Literal[True] = True
    message: str
    job_id: str
    status: JobStatus
    progress: float
    start_time: datetime
    duration: int
    job_details: JobDetails
    data: Job


class JobListReply(Record):
    """The answer to a question about all jobs, the latest first."""

    success: Literal[True] = True
    message: str
    total: int
    filters: dict[str, str]
    jobs: tuple[Job, ...]
    truncated: bool = Field(description="Whether there are more than limit allows")
    temporal: Literal["ok", "unavailable"] = Field(
        description="unavailable: the list is what the database last recorded, and nothing besides"
    )


class HealthReply(Record):
    """The answer of a probe."""

    success: Literal[True] = True
    message: str


class Candidate(Record):
    """One of several VM contexts that have the asked name."""

    context_id: str
    vcenter_host: str


class ErrorData(Record):
    """What a program can use of an error."""

    fields: tuple[str, ...] | None = Field(None, description="The fields of the request that are wrong")
    held_by: str | None = Field(None, description="FailoverInProgress: the job that runs already")
    candidates: tuple[Candidate, ...] | None = Field(None, description="AmbiguousVmName: pick one of these")
    decisions: tuple[NetworkDecision, ...] | None = None
    warnings: tuple[str, ...] | None = None
    scope: str | None = Field(None, description="Forbidden: the scope that the token lacks")
    checks: dict[str, str] | None = Field(None, description="NotReady: what each part answered")
    preflight: tuple[Check, ...] | None = Field(None, description="Every check of a run that was refused")


class ErrorReply(Record):
    """The answer to every request that is not carried out."""

    success: Literal[False] = False
    message: str
    job_id: str = ""
    error: str = Field(description="The error's type; docs/http.md lists them")
    data: ErrorData | None = None
