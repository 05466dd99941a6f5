"""What the appliance's GUI shows of an operation: ``last_operation_summary`` (original-system.md, 4.1)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from activities.messages.aftermath import End, RecordEndRequest
from activities.messages.record import FinishRunRequest, HeldRequest
from rules.advice import AFTER_COMMIT, HELD_ADVICE, advice_for
from rules.outcomes import DISKS_NONE, FailoverOutcome
from rules.request import FailoverType

STARTED_LIVE: Final = "failed_over_live"
"""What ``current_status`` is from the moment at which the new VM may write."""

OF_LIVE_RUNS: Final = (STARTED_LIVE, "completed")
"""Values of ``current_status`` that a live run wrote: a drill beside it leaves them as they are."""

_ALSO_LEFT_BY_DRILLS: Final = ("discovered", "replicating", "ready_for_failover", "failed")

_STATUS: Mapping[End, str] = {
    End.CLEANED_UP: "ready_for_failover",
    End.ROLLED_BACK: "ready_for_failover",
    End.COMMITTED: "completed",
    End.CLEANUP_REQUIRED: "cleanup_required",
}


def run_summary(request: FinishRunRequest, now: datetime) -> dict[str, object]:
    """Build the summary of a run that ended."""
    summary: dict[str, object] = {
        "job_id": request.workflow_id,
        "external_job_id": request.workflow_id,
        "operation_type": f"{request.failover_type.value}_failover",
        "status": request.outcome.value,
        "timestamp": now.isoformat(),
        "disks": request.report.get("disks", DISKS_NONE),
    }
    if request.outcome is not FailoverOutcome.COMPLETED:
        advice = advice_for(request.error_type)
        summary |= {
            "failed_step": request.step,
            "error_type": request.error_type,
            "error_message": request.error_message,
            "error_category": advice.category.value,
            "actionable_steps": list(advice.steps),
        }
    return summary


def held_summary(request: HeldRequest, now: datetime) -> dict[str, object]:
    """Build the summary of a run that holds, or that an operator let go on."""
    summary: dict[str, object] = {
        "job_id": request.workflow_id,
        "external_job_id": request.workflow_id,
        "operation_type": f"{request.failover_type.value}_failover",
        "status": "held" if request.held else "running",
        "timestamp": now.isoformat(),
    }
    if request.held:
        summary |= {
            "failed_step": "held after the start of the VM",
            "error_message": request.why,
            "error_category": HELD_ADVICE.category.value,
            "actionable_steps": list(HELD_ADVICE.steps),
        }
    return summary


def end_summary(request: RecordEndRequest, now: datetime) -> dict[str, object]:
    """Build the summary of what ended a VM's time; ``rollback`` is the GUI's word for every way back."""
    stays = request.end is End.CLEANUP_REQUIRED
    summary: dict[str, object] = {
        "job_id": request.workflow_id,
        "external_job_id": request.workflow_id,
        "operation_type": "commit" if request.end is End.COMMITTED else "rollback",
        "status": "failed" if stays else "completed",
        "timestamp": now.isoformat(),
        "end": request.end.value,
        "removed": list(request.removed),
        "left_behind": list(request.left_behind),
    }
    if request.end is End.COMMITTED:
        summary |= {"replication": "off", "actionable_steps": list(AFTER_COMMIT)}
    if stays:
        advice = advice_for("UndoIncomplete")
        summary |= {
            "failed_step": "clean up",
            "error_message": "; ".join(request.left_behind),
            "error_category": advice.category.value,
            "actionable_steps": list(advice.steps),
        }
    return summary


def status_after(request: RecordEndRequest) -> tuple[str, tuple[str, ...]]:
    """Return what ``current_status`` becomes, and the values which another operation wrote and that stay."""
    status = _STATUS[request.end]
    if request.failover_type is FailoverType.LIVE:
        return status, ()
    if request.end is End.CLEANUP_REQUIRED:
        return status, (*OF_LIVE_RUNS, "replicating")
    return status, (*OF_LIVE_RUNS, *_ALSO_LEFT_BY_DRILLS)
