"""How a failover stands, as the client tells it."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from rules.disks import RecoveryPoint, SnapshotFact, VolumeFacts
from rules.models import Record
from rules.outcomes import DISKS_NONE, EndReport, FailoverVm, Objectives, ProofLevel, SourceEnd
from rules.preflight import Check
from rules.resolution import NetworkDecision


class RunOutcome(StrEnum):
    """How a run ended; ``running`` or ``held`` while it is open.

    The last two are Temporal's own ways to end one. As a filter ``running`` finds all that are open.
    """

    RUNNING = "running"
    HELD = "held"
    """Its new VM has started, and an operator must say whether it goes on: roll_back or resume."""
    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


HOLDING: Final = frozenset({"held", "source_returned"})
"""What the search attribute of an open run says that waits for an order; the second one warns as well."""


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


class Aftermath(Record):
    """What goes on after a completed run: a drill until it is removed, a live VM until commit or rollback.

    Attributes:
        workflow_id: The workflow that goes on.
        open: Whether it still does.
        until: How long the drill's VM lives (UTC); None for a live one.
        source_returned: The source that was declared lost is there again.
        step: What it does now; empty while it waits for an order.
        trouble: Set while a step fails and is tried again.
        report: How it ended; for an open one, what its last try left behind.
        ended_as: For one that says nothing of its end: ``terminated`` and the like.
    """

    workflow_id: str
    open: bool
    until: datetime | None = None
    source_returned: bool = False
    step: str = ""
    trouble: Trouble | None = None
    report: EndReport | None = None
    ended_as: str = ""


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
        held: Why the run holds; empty when it does not.
        proven: The highest thing that was proven of the new VM.
        attached: The disks as read back.
        recovery_point: What point in time the disks hold.
        objectives: RPO, RTO and outage, once the run completed.
        source_end: What became of the source.
        snapshots: The rollback snapshots that the run took.
        checks: The preflight.
        restored: What a way back did to source, disks and fence.
        rolled_back_by: Who ordered the rollback of a run that held, and why.
        continues_as: The workflow that goes on after a completed run.
        aftermath: How that one stands; None where there is none, or Temporal no longer keeps it.
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
    held: str = ""
    proven: ProofLevel | None = None
    attached: tuple[VolumeFacts, ...] = ()
    recovery_point: RecoveryPoint | None = None
    objectives: Objectives | None = None
    source_end: SourceEnd | None = None
    snapshots: tuple[SnapshotFact, ...] = ()
    checks: tuple[Check, ...] = ()
    restored: tuple[str, ...] = ()
    rolled_back_by: str = ""
    continues_as: str = ""
    aftermath: Aftermath | None = None
