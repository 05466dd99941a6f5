"""How jobs look from outside: the database's row of a run, seen together with what Temporal says of it.

State of the run, the original's status and the progress that is shown:

    ==================================  =========  ========
    state                               status     progress
    ==================================  =========  ========
    pending (no row yet)                pending    0
    accepted (original: validating)     running    10
    planned (creating_vm)               running    50
    vm_created (creating_vm)            running    75
    starting (powering_on)              running    90
    held (powering_on)                  running    90
    undoing                             running    0
    completed                           completed  100
    cancelled                           cancelled  0
    failed, refused                     failed     0
    terminated, timed_out, lost         failed     0
    ==================================  =========  ========

The last line is what the database cannot know by itself: Temporal ended the run, or has forgotten it, before
it could record its end.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError
from temporalio.client import WorkflowExecutionStatus

from api.envelopes import Job, JobStatus, JobVm
from api.errors import LOST, TERMINATED, TIMED_OUT
from api.executions import Ending, Execution
from api.facts import facts_of, read_end
from database import RunRecord, RunState, VmState
from rules.outcomes import FailoverOutcome
from rules.request import FailoverType
from rules.resolution import NetworkDecision

PENDING: Final = "pending"
_LOST: Final = "lost"

_VIEW: Final[Mapping[str, tuple[JobStatus, float]]] = {
    PENDING: (JobStatus.PENDING, 0.0),
    RunState.ACCEPTED: (JobStatus.RUNNING, 10.0),
    RunState.PLANNED: (JobStatus.RUNNING, 50.0),
    RunState.VM_CREATED: (JobStatus.RUNNING, 75.0),
    RunState.STARTING: (JobStatus.RUNNING, 90.0),
    RunState.HELD: (JobStatus.RUNNING, 90.0),
    RunState.UNDOING: (JobStatus.RUNNING, 0.0),
    RunState.COMPLETED: (JobStatus.COMPLETED, 100.0),
    RunState.CANCELLED: (JobStatus.CANCELLED, 0.0),
    RunState.FAILED: (JobStatus.FAILED, 0.0),
    RunState.REFUSED: (JobStatus.FAILED, 0.0),
    "terminated": (JobStatus.FAILED, 0.0),
    "timed_out": (JobStatus.FAILED, 0.0),
    _LOST: (JobStatus.FAILED, 0.0),
}

_CLOSED: Final[Mapping[WorkflowExecutionStatus, str]] = {
    WorkflowExecutionStatus.COMPLETED: RunState.COMPLETED,
    WorkflowExecutionStatus.FAILED: RunState.FAILED,
    WorkflowExecutionStatus.CANCELED: RunState.CANCELLED,
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
}

_BY_OUTCOME: Final = {
    FailoverOutcome.COMPLETED: RunState.COMPLETED,
    FailoverOutcome.FAILED: RunState.FAILED,
    FailoverOutcome.REFUSED: RunState.REFUSED,
    FailoverOutcome.CANCELLED: RunState.CANCELLED,
}

_ENDED_OUTSIDE: Final = {
    "terminated": (TERMINATED, "The run was terminated in Temporal: what it made may be left behind"),
    "timed_out": (TIMED_OUT, "The run timed out in Temporal: what it made may be left behind"),
    _LOST: (LOST, "Temporal no longer knows this run, and it never recorded its end"),
}


def states_of(status: JobStatus) -> tuple[RunState, ...]:
    """Return the states that the database records and that are shown as this status."""
    return tuple(state for state in RunState if _VIEW[state][0] is status)


OPEN_STATES: Final = states_of(JobStatus.RUNNING)


def recorded_job(record: RunRecord, *, now: datetime | None = None) -> Job:
    """Show a run as the database has it."""
    status, progress = _VIEW[record.state]
    ended = record.finished_at
    live = record.failover_type == FailoverType.LIVE
    decisions, warnings = _decisions(record.decisions)
    report = record.result or {}
    return Job(
        job_id=record.workflow_id,
        status=status,
        state=record.state.value,
        progress=progress,
        job_type=record.failover_type,
        context_id=record.context_id,
        vm_name=record.vm_name,
        vmware_vm_id=record.vmware_vm_id,
        destination_name=record.vm_name_created or (record.vm_name if live else ""),
        vm=_vm(record),
        start_time=record.started_at,
        end_time=ended,
        duration=_nanoseconds(record.started_at, ended or now or datetime.now(UTC)),
        nic_source=record.nic_source,
        decisions=decisions,
        warnings=_texts(report.get("warnings")) or warnings,
        error_type=record.failure_type or None,
        error_message=record.failure_message or None,
        left_behind=_texts(report.get("left_behind")),
        ending=record.ending.value if record.ending else None,
        ended_at=record.ended_at,
        held=record.state is RunState.HELD,
        end_report=read_end(record.end_report),
        source_returned_at=record.source_returned_at,
        **facts_of(report),
    )


def pending_job(execution: Execution, *, vmware_vm_id: str = "", now: datetime | None = None) -> Job:
    """Show a run that Temporal has and that has not written a row yet."""
    status, progress = _VIEW[PENDING]
    return Job(
        job_id=execution.workflow_id,
        status=status,
        state=PENDING,
        progress=progress,
        job_type=execution.failover_type,
        context_id=execution.context_id,
        vm_name=execution.vm_name,
        vmware_vm_id=vmware_vm_id,
        start_time=execution.started_at,
        duration=_nanoseconds(execution.started_at, now or datetime.now(UTC)),
        waiting_for=execution.waiting_for,
        held=execution.held,
    )


def closed_status(execution: Execution) -> JobStatus:
    """Return the status of a run that ended without ever writing a row."""
    return _VIEW[_CLOSED.get(execution.status, _LOST)][0]


def closed_job(execution: Execution, ending: Ending, *, vmware_vm_id: str = "") -> Job:
    """Show a run that ended without ever writing a row: refused, for the most part."""
    state = _CLOSED.get(execution.status, _LOST)
    if state not in _ENDED_OUTSIDE:
        state = _BY_OUTCOME.get(ending.outcome, RunState.FAILED)
    status, progress = _VIEW[state]
    ended = execution.closed_at
    report, result = ending.report, ending.result
    told = result or report
    error_type, message = _ENDED_OUTSIDE.get(state, (ending.error_type, ending.message))
    return Job(
        job_id=execution.workflow_id,
        status=status,
        state=str(state),
        progress=progress,
        job_type=execution.failover_type,
        context_id=execution.context_id,
        vm_name=execution.vm_name,
        vmware_vm_id=vmware_vm_id,
        vm=JobVm(id=result.vm.id, name=result.vm.name, state=VmState.RUNNING.value) if result else None,
        start_time=execution.started_at,
        end_time=ended,
        duration=_nanoseconds(execution.started_at, ended or execution.started_at),
        decisions=result.decisions if result else report.decisions if report else (),
        warnings=result.warnings if result else report.warnings if report else (),
        error_type=error_type or None,
        error_message=message or None,
        left_behind=report.left_behind if report else (),
        held_by=(report.held_by if report else "") or None,
        **facts_of(told.model_dump(mode="json") if told else {}),
    )


def corrected(job: Job, execution: Execution | None) -> Job:
    """Bring an open job up to date with Temporal, which alone knows that a run was ended from outside.

    Args:
        job: As the database has it; one that is over is not changed.
        execution: What Temporal says of it now; None when it does not know the run.
    """
    if job.status is not JobStatus.RUNNING:
        return job
    if execution is not None and execution.is_open:
        return job.model_copy(update={"waiting_for": execution.waiting_for, "held": execution.held})
    state = _LOST if execution is None else _CLOSED.get(execution.status, _LOST)
    status, progress = _VIEW[state]
    error_type, message = _ENDED_OUTSIDE.get(state, (None, None))
    update = {"status": status, "state": str(state), "progress": progress}
    if error_type is not None:
        update |= {"error_type": error_type, "error_message": message}
    if execution is not None and execution.closed_at is not None:
        update |= {
            "end_time": execution.closed_at,
            "duration": _nanoseconds(job.start_time, execution.closed_at),
        }
    return job.model_copy(update=update)


def sentence(job: Job) -> str:
    """Say in one line what the job is and how it stands."""
    words = {
        JobStatus.PENDING: "is not begun yet: no worker has taken it, or its first steps are not done",
        JobStatus.RUNNING: "is running",
        JobStatus.COMPLETED: "is completed",
        JobStatus.FAILED: "was refused" if job.state == RunState.REFUSED else "has failed",
        JobStatus.CANCELLED: "was cancelled",
    }
    if job.held:
        words[JobStatus.RUNNING] = "holds: order roll_back or resume"
    kind = f"{job.job_type} failover" if job.job_type else "failover"
    name = job.vm_name or job.context_id
    return f"The {kind}{f' of {name}' if name else ''} {words[job.status]}"


def _vm(record: RunRecord) -> JobVm | None:
    if not record.vm_id:
        return None
    return JobVm(id=record.vm_id, name=record.vm_name_created, state=record.vm_state.value)


def _decisions(stored: Sequence[Mapping[str, object]]) -> tuple[tuple[NetworkDecision, ...], tuple[str, ...]]:
    try:
        decisions = tuple(NetworkDecision.model_validate(one) for one in stored)
    except ValidationError:
        # One row that another version wrote must not hide all others.
        return (), ("the stored decisions of this job cannot be read",)
    return decisions, tuple(f"{one}: {warning}" for one in decisions for warning in one.warnings)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _nanoseconds(begin: datetime, end: datetime) -> int:
    return max(0, round((end - begin).total_seconds() * 1_000_000)) * 1_000
