"""What is kept of a run in ``failover_runs``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from rules.models import Record


class RunState(StrEnum):
    """How far a run got. The last four are final."""

    ACCEPTED = "accepted"
    PLANNED = "planned"
    VM_CREATED = "vm_created"
    STARTING = "starting"
    HELD = "held"
    """The new VM has started and something failed since: it waits for an operator's word."""
    UNDOING = "undoing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


FINAL_STATES = (RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED, RunState.REFUSED)


class VmState(StrEnum):
    """What is known of the run's VM in CloudStack, whatever became of the run."""

    NONE = "none"
    """Nothing was decided yet."""
    PLANNED = "planned"
    """Its networks are decided and a submit may be under way."""
    CREATED = "created"
    RUNNING = "running"
    REMOVED = "removed"
    """It is gone, or it is certain that it was never made."""


class Ending(StrEnum):
    """What ended the time of a run's VM; the words of ``activities.messages.aftermath.End``."""

    CLEANED_UP = "cleaned_up"
    CLEANUP_REQUIRED = "cleanup_required"
    """Something stays that could not be removed. Not final."""
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"


VM_STATES_IN_USE = (VmState.PLANNED, VmState.CREATED, VmState.RUNNING)
"""States in which the networks of a live run's VM count as used in production."""


@dataclass(frozen=True)
class RunStart:
    """A run that begins.

    Attributes:
        workflow_id: The run's identity, of any length that Temporal allows.
        run_id: Temporal's run id of this execution.
        vmware_vm_id: Uuid of the source VM.
        failover_type: ``live`` or ``test``.
        started_at: UTC.
        request: What was asked for, by whom and why, as JSON says it; it holds no secret.
    """

    workflow_id: str
    run_id: str
    context_id: str
    vm_name: str
    vmware_vm_id: str
    failover_type: str
    started_at: datetime
    request: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class PreviousRun:
    """What an earlier execution under the same workflow id recorded.

    Attributes:
        state: Where it stood.
        vm_state: What was last known of its VM.
        vm_id: Its VM in CloudStack, empty when it had none.
        generation: Of the VM's identity.
    """

    run_id: str
    context_id: str
    failover_type: str
    state: RunState
    vm_state: VmState
    vm_id: str
    generation: int


class RunRecord(Record):
    """A run as it is listed. Times are UTC.

    Attributes:
        vm_id: The VM in CloudStack, empty when there is none.
        vm_name_created: The name it was made under, empty when there is none.
        decisions: One object per NIC, in NIC order; empty before networks are resolved.
        result: The workflow's result, None before it is finished.
        request: What was asked for, by whom and why; None for a run that is older than this column.
        ending: What ended the VM's time after a run that completed; None for a VM that nothing ended yet.
        end_report: What was removed and what stays.
        source_returned_at: When a source that was declared lost was seen again.
        source_power: The power state in which it was seen.
    """

    workflow_id: str
    run_id: str
    context_id: str
    vm_name: str
    vmware_vm_id: str
    failover_type: str
    state: RunState
    vm_state: VmState
    vm_id: str = ""
    vm_name_created: str = ""
    generation: int = 0
    nic_source: str = ""
    decisions: tuple[dict[str, Any], ...] = ()
    result: dict[str, Any] | None = None
    failure_type: str = ""
    failure_message: str = ""
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    request: dict[str, Any] | None = None
    ending: Ending | None = None
    ended_at: datetime | None = None
    end_report: dict[str, Any] | None = None
    source_returned_at: datetime | None = None
    source_power: str = ""
