"""What a failover ends with: the result that history, logs and every surface show."""

from datetime import datetime
from enum import StrEnum

from rules.disks import DiskPlan, RecoveryPoint, SnapshotFact, VolumeFacts
from rules.models import Record
from rules.nics import NicSource
from rules.preflight import Check
from rules.resolution import NetworkDecision

DISKS_NONE = "none attached"


class FailoverOutcome(StrEnum):
    """How a run ended; the search attribute ``FailoverOutcome`` shows it, and ``running`` before."""

    RUNNING = "running"
    HELD = "held"
    """A live run that was cancelled or failed after the new VM first started: an operator decides."""
    SOURCE_RETURNED = "source_returned"
    """A source that was declared lost is on again, while its new VM waits for commit or rollback."""
    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class VerifiedNic(Record):
    """A NIC of the new VM as CloudStack reads it back."""

    device_id: int
    network_id: str
    network_name: str = ""
    mac_address: str = ""
    ip_address: str = ""
    is_default: bool = False


class FailoverVm(Record):
    """The VM that a failover made.

    Attributes:
        generation: Rises when CloudStack can never use the id of an earlier one again.
        state: As CloudStack read it back last.
        adopted: True when a retry, a reset or an earlier run had made it already.
        lease_days: CloudStack's instance lease as read back; 0 when it has none.
    """

    id: str
    name: str
    display_name: str = ""
    generation: int = 1
    state: str = ""
    adopted: bool = False
    lease_days: int = 0
    nics: tuple[VerifiedNic, ...] = ()


class ProofLevel(StrEnum):
    """The highest thing that was proven of the new VM; each includes those before it."""

    RUNNING = "running"
    """CloudStack says Running. Whether the guest booted is not known."""
    NETWORKS = "networks"
    """And its NICs are on the decided networks, with the decided MAC addresses."""
    DISKS = "disks"
    """And every disk is attached at its place."""
    RESPONDS = "responds"
    """And the site's check command got an answer from the guest."""


class SourceEnd(Record):
    """What became of the source VM before the new one was started.

    Attributes:
        lost: An operator declared it lost.
        powered_off: This run powered it off, and it was read back as off.
        shutdown_method: As the VMA says: ``graceful``, ``forced``, ``already-off``. A forced one means that
            the last sync is crash-consistent only.
        off_at: When it was first read as off (UTC); None for a lost one.
    """

    lost: bool = False
    powered_off: bool = False
    shutdown_method: str = ""
    off_at: datetime | None = None
    reason: str = ""


class Objectives(Record):
    """What was achieved, in seconds.

    Attributes:
        rpo_seconds: How much of the source's time is not on the new VM's disks: 0 after a final sync of a
            source that was off, else the age of the recovery point; None when nobody knows.
        rto_seconds: From the start of the run to the verified VM.
        outage_seconds: From the source being off to the verified VM; None where the source was lost.
    """

    rpo_seconds: float | None = None
    rto_seconds: float = 0.0
    outage_seconds: float | None = None


class FailoverResult(Record):
    """The result of a completed failover; it names every resource that was made.

    Attributes:
        disks: What of the replicated disks is attached, in words.
        nic_source: Where the list of source NICs came from.
        nic_source_observed_at: When that source saw the VM (UTC); None when it does not say.
        nic_source_age_seconds: How old that was when the run used it; None when it does not say.
        nics_inferred: True when the NICs were guessed from mapping rows.
        warnings: Everything that an operator should look at, the decisions' own warnings included.
        proven: The highest level that was proven.
        attached: The disks as read back.
        recovery_point: What point in time they hold.
        snapshots: The rollback snapshots that exist.
        checks: The preflight.
        continues_as: The workflow that goes on: it cleans a drill up, or waits for commit or rollback.
    """

    workflow_id: str
    context_id: str
    vm_name: str
    failover_type: str
    outcome: FailoverOutcome
    vm: FailoverVm
    decisions: tuple[NetworkDecision, ...]
    disks: str = DISKS_NONE
    nic_source: NicSource
    nic_source_observed_at: datetime | None = None
    nic_source_age_seconds: float | None = None
    nic_source_reason: str = ""
    nics_inferred: bool = False
    warnings: tuple[str, ...] = ()
    proven: ProofLevel | None = None
    attached: tuple[VolumeFacts, ...] = ()
    recovery_point: RecoveryPoint | None = None
    objectives: Objectives | None = None
    source_end: SourceEnd | None = None
    snapshots: tuple[SnapshotFact, ...] = ()
    checks: tuple[Check, ...] = ()
    continues_as: str = ""


class FailureReport(Record):
    """What a run that did not complete leaves behind; it travels in the error's details.

    Attributes:
        step: The step that failed, in the runbook's words.
        left_behind: Every resource that still exists; empty when all was removed.
        held_by: The workflow id of the failover that runs already, for FailoverInProgress.
        checks: The preflight, as far as it came.
        restored: What the way back did to source, disks and fence.
        rolled_back_by: Who ordered the rollback of a run that held, and why.
    """

    step: str
    outcome: FailoverOutcome
    decisions: tuple[NetworkDecision, ...] = ()
    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    disks: str = DISKS_NONE
    warnings: tuple[str, ...] = ()
    held_by: str = ""
    checks: tuple[Check, ...] = ()
    restored: tuple[str, ...] = ()
    rolled_back_by: str = ""


class Acceptance(Record):
    """Whether a run passed every check that comes before its first effect.

    Attributes:
        decisions: Where each NIC will go; empty for a refusal that came earlier.
        error_type: One of FailoverErrorType, or ``Cancelled``; empty when accepted.
        message: Why it was refused.
        held_by: The workflow id of the failover that runs already, for FailoverInProgress.
    """

    accepted: bool
    workflow_id: str
    context_id: str = ""
    vm_name: str = ""
    failover_type: str = ""
    decisions: tuple[NetworkDecision, ...] = ()
    warnings: tuple[str, ...] = ()
    error_type: str = ""
    message: str = ""
    held_by: str = ""
    checks: tuple[Check, ...] = ()


class PreflightReport(Record):
    """What a failover with this request would find now; nothing was changed, and nothing is promised.

    Attributes:
        ready: No check forbids the run.
        error_type: What the run would be refused with; empty when it would not be.
        disks: Where each disk would go.
    """

    context_id: str
    vm_name: str = ""
    failover_type: str
    ready: bool
    checks: tuple[Check, ...] = ()
    decisions: tuple[NetworkDecision, ...] = ()
    disks: tuple[DiskPlan, ...] = ()
    recovery_point: RecoveryPoint | None = None
    warnings: tuple[str, ...] = ()
    error_type: str = ""
    message: str = ""


class EndReport(Record):
    """How a drill's VM was cleaned up, or a live VM was committed or rolled back.

    Attributes:
        end: ``cleaned_up``, ``committed`` or ``rolled_back``.
        removed: What was removed, as ``name (id): what``.
        left_behind: Every resource that still exists and should not.
        restored: What the way back did to source, disks and fence.
        reason: The order's.
    """

    end: str
    workflow_id: str
    context_id: str
    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str = ""
    user_id: str = ""
