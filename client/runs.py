"""How a failover stands, as the client tells it."""

from datetime import datetime
from enum import StrEnum

from rules.models import Record
from rules.outcomes import DISKS_NONE, FailoverVm
from rules.resolution import NetworkDecision


class RunOutcome(StrEnum):
    """How a run ended; ``running`` while it is open. The last two are Temporal's own ways to end one."""

    RUNNING = "running"
    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


class FailoverSummary(Record):
    """One line of a list.

    Attributes:
        context_id: Empty until a worker has read the request; the same holds for type and VM name.
        open: Whether the run goes on.
        started_at: In UTC, as every time here.
        closed_at: None while it is open.
    """

    workflow_id: str
    run_id: str
    context_id: str = ""
    vm_name: str = ""
    failover_type: str = ""
    outcome: RunOutcome
    open: bool
    started_at: datetime
    closed_at: datetime | None = None


class Trouble(Record):
    """A step that failed and is tried again: what a run that does not get on is waiting for.

    Attributes:
        error_type: One of ``rules.errors.FailoverErrorType`` as a rule.
        attempt: Which try is next, or under way.
    """

    step: str
    error_type: str
    message: str
    attempt: int


class FailoverStatus(FailoverSummary):
    """Everything that is known of one run.

    Attributes:
        picked_up: Whether a worker has ever worked on it.
        step: What it does now, or the step that failed; empty when it completed.
        decisions: One per NIC, as far as they are made.
        vm: The VM that it made; None while there is none.
        nic_source: Where the list of source NICs came from; empty until the run completed.
        trouble: Set while a step fails and is tried again.
        error_type: Why it did not complete: one of ``FailoverErrorType``, ``Cancelled``, ``Terminated``,
            ``TimedOut``; empty otherwise.
        reason: The same for people.
        removed: What a run that did not complete had made and removed again.
        left_behind: What it had made and could not remove.
        held_by: The failover that ran already, for FailoverInProgress.
    """

    picked_up: bool = True
    step: str = ""
    decisions: tuple[NetworkDecision, ...] = ()
    vm: FailoverVm | None = None
    disks: str = DISKS_NONE
    nic_source: str = ""
    nics_inferred: bool = False
    warnings: tuple[str, ...] = ()
    trouble: Trouble | None = None
    error_type: str = ""
    reason: str = ""
    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    held_by: str = ""
