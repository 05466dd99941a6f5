"""Messages about what the database records of a run."""

from typing import Any

from activities.messages.networks import DestinationCheck
from rules.context import VMContext
from rules.models import Record
from rules.nics import SourceVm
from rules.outcomes import FailoverOutcome, FailoverVm
from rules.request import FailoverType, UnifiedFailoverConfig
from rules.resolution import NetworkDecision


class BeginRunRequest(Record):
    """Record that the run holds the lease and has begun."""

    workflow_id: str
    run_id: str
    config: UnifiedFailoverConfig
    context: VMContext


class PreviousRun(Record):
    """What an earlier run of this workflow id recorded.

    Attributes:
        completed_vm_id: The VM of a run that completed; an undo never removes it.
        vm_may_exist: It had begun to make a VM, and nobody recorded that the VM was removed.
        generation: The last generation that was recorded.
    """

    completed_vm_id: str = ""
    vm_may_exist: bool = False
    generation: int = 1


class RunQuery(Record):
    """Ask what the database knows of a workflow id."""

    workflow_id: str


class RecordPlanRequest(Record):
    """Record the decisions, and with them that a live run is about to use these networks."""

    workflow_id: str
    decisions: tuple[NetworkDecision, ...]
    source: SourceVm
    check: DestinationCheck


class RecordVMRequest(Record):
    """Record that the VM exists."""

    workflow_id: str
    vm: FailoverVm


class FinishRunRequest(Record):
    """Record how the run ended, and give the lease back.

    Attributes:
        create_attempted: Whether this run may have made or adopted a VM.
        keeps_vm: Whether that VM still exists: then its networks stay in use.
        report: The result or the failure report, as JSON.
        lease_to: The workflow that holds the context from now on; empty gives it back.
        context_status: What ``vm_replication_contexts.current_status`` becomes; empty leaves it.
    """

    workflow_id: str
    context_id: str
    failover_type: FailoverType
    vm_name: str
    outcome: FailoverOutcome
    create_attempted: bool
    keeps_vm: bool
    vm: FailoverVm | None = None
    step: str = ""
    error_type: str = ""
    error_message: str = ""
    report: dict[str, Any]
    lease_to: str = ""
    context_status: str = ""


class HeldRequest(Record):
    """Record that a live run holds for an operator's word, or that it goes on.

    Attributes:
        why: Why it holds, for people; not looked at when it goes on.
        held: False records that an operator let it go on.
    """

    workflow_id: str
    context_id: str
    failover_type: FailoverType
    vm_name: str
    why: str
    held: bool


class Recorded(Record):
    """The fact stands in the database."""
