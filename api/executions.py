"""What Temporal knows of a run, in our words."""

from datetime import datetime
from typing import Final

from temporalio.client import WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import CancelledError

from api.envelopes import PendingStep
from client.endings import not_completed
from client.runs import HOLDING
from rules.models import Record
from rules.outcomes import FailoverOutcome, FailoverResult, FailureReport
from rules.temporal_names import CONTEXT_ATTRIBUTE, OUTCOME_ATTRIBUTE, TYPE_ATTRIBUTE, VM_NAME_ATTRIBUTE

MEMO_CONTEXT: Final = "failover_context_id"
MEMO_TYPE: Final = "failover_type"
MEMO_FINGERPRINT: Final = "failover_request_sha256"

_CONTEXT: Final = SearchAttributeKey.for_keyword(CONTEXT_ATTRIBUTE)
_VM_NAME: Final = SearchAttributeKey.for_keyword(VM_NAME_ATTRIBUTE)
_TYPE: Final = SearchAttributeKey.for_keyword(TYPE_ATTRIBUTE)
_OUTCOME: Final = SearchAttributeKey.for_keyword(OUTCOME_ATTRIBUTE)


class Ending(Record):
    """How a closed run ended, read from Temporal."""

    error_type: str = ""
    message: str = ""
    report: FailureReport | None = None
    result: FailoverResult | None = None

    @property
    def outcome(self) -> FailoverOutcome:
        """A run that ended without a report was refused before it had anything to report."""
        if self.result is not None:
            return self.result.outcome
        return self.report.outcome if self.report is not None else FailoverOutcome.REFUSED


class Execution(Record):
    """A run as Temporal sees it.

    Attributes:
        context_id: Empty while neither the start nor the run has said it.
        fingerprint: Of the request that started it; empty when it was not started through the API.
        held: An open run that waits for an operator's order.
    """

    workflow_id: str
    status: WorkflowExecutionStatus
    started_at: datetime
    closed_at: datetime | None = None
    context_id: str = ""
    failover_type: str = ""
    vm_name: str = ""
    fingerprint: str = ""
    waiting_for: tuple[PendingStep, ...] = ()
    held: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the run goes on."""
        return self.status is WorkflowExecutionStatus.RUNNING


async def read_execution(found: WorkflowExecution) -> Execution:
    """Read what Temporal says of a run, listed or described."""
    memo = await found.memo()
    attributes = found.typed_search_attributes
    return Execution(
        workflow_id=found.id,
        status=found.status or WorkflowExecutionStatus.RUNNING,
        started_at=found.start_time,
        closed_at=found.close_time,
        context_id=str(memo.get(MEMO_CONTEXT) or attributes.get(_CONTEXT) or ""),
        failover_type=str(memo.get(MEMO_TYPE) or attributes.get(_TYPE) or ""),
        vm_name=str(attributes.get(_VM_NAME) or ""),
        fingerprint=str(memo.get(MEMO_FINGERPRINT) or ""),
        held=found.status is WorkflowExecutionStatus.RUNNING and attributes.get(_OUTCOME) in HOLDING,
    )


def read_failure(workflow_id: str, cause: BaseException) -> Ending:
    """Read how a run failed or was cancelled."""
    end = not_completed(workflow_id, cause)
    report = end.report
    if isinstance(cause, CancelledError):
        report = FailureReport(step="", outcome=FailoverOutcome.CANCELLED)
    return Ending(error_type=end.error_type, message=end.reason, report=report)
