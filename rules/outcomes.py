"""What a failover ends with: the result that history, logs and every surface show."""

from datetime import datetime
from enum import StrEnum

from rules.models import Record
from rules.nics import NicSource
from rules.resolution import NetworkDecision

DISKS_NONE = "none attached"


class FailoverOutcome(StrEnum):
    """How a run ended; the search attribute ``FailoverOutcome`` shows it, and ``running`` before."""

    RUNNING = "running"
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


class FailoverResult(Record):
    """The result of a completed failover; it names every resource that was made.

    Attributes:
        disks: What of the replicated disks is attached: nothing yet.
        nic_source: Where the list of source NICs came from.
        nic_source_observed_at: When that source saw the VM (UTC); None when it does not say.
        nic_source_age_seconds: How old that was when the run used it; None when it does not say.
        nics_inferred: True when the NICs were guessed from mapping rows.
        warnings: Everything that an operator should look at, the decisions' own warnings included.
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


class FailureReport(Record):
    """What a run that did not complete leaves behind; it travels in the error's details.

    Attributes:
        step: The step that failed, in the runbook's words.
        left_behind: Every resource that still exists; empty when all was removed.
        held_by: The workflow id of the failover that runs already, for FailoverInProgress.
    """

    step: str
    outcome: FailoverOutcome
    decisions: tuple[NetworkDecision, ...] = ()
    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    disks: str = DISKS_NONE
    warnings: tuple[str, ...] = ()
    held_by: str = ""


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
