"""Messages about what comes after a run: who holds the context, and what became of the VM."""

from enum import StrEnum
from typing import Any

from rules.models import Record
from rules.request import FailoverType


class End(StrEnum):
    """What ended a failed-over or a test VM."""

    CLEANED_UP = "cleaned_up"
    CLEANUP_REQUIRED = "cleanup_required"
    """Something of the drill stays that could not be removed."""
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"


class RecordEndRequest(Record):
    """Record how a VM's time ended, after the fact, and give the context back.

    Attributes:
        workflow_id: The failover that made the VM.
        holder: The workflow that holds the context's lease.
        release: False while something is left: then nobody else may begin.
    """

    workflow_id: str
    holder: str
    context_id: str
    failover_type: FailoverType
    vm_name: str
    end: End
    removed: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    release: bool = True
    report: dict[str, Any]


class SourceReturned(Record):
    """A source that was declared lost is there again: recorded for every surface to show."""

    workflow_id: str
    context_id: str
    power_state: str


class DrillQuery(Record):
    """Ask whether a drill holds this VM's replica."""

    context_id: str


class DrillHolder(Record):
    """The cleanup workflow of the drill that holds the replica; empty when none does."""

    cleanup_workflow_id: str = ""
