"""A typed client of the failover workflow; it needs Temporal only, neither database nor CloudStack.

``docs/client.md`` shows how it is installed and used.
"""

from client.errors import (
    AnswerPending,
    FailoverAlreadyRunning,
    FailoverClientError,
    FailoverNotCompleted,
    FailoverNotFound,
    InvalidRequest,
    InvalidRequestId,
    NoWorker,
    OrderPending,
    OrderRefused,
    QuestionRefused,
    RequestIdReused,
    StartError,
    TemporalError,
    TemporalMisconfigured,
    TemporalRefused,
    TemporalUnreachable,
)
from client.failover_client import FailoverClient
from client.following import FailoverHandle
from client.orders import Order, OrderTaken
from client.requests import FailoverRequest
from client.runs import Aftermath, FailoverStatus, FailoverSummary, RunOutcome, Trouble
from client.steps import Step, StepState
from rules.explanation import Explanation, MappingList
from rules.outcomes import Acceptance, EndReport, FailoverResult, PreflightReport
from rules.request import FailoverType, NetworkStrategy, UnifiedFailoverConfig
from rules.temporal_names import FAILOVER_WORKFLOW as WORKFLOW_TYPE
from rules.temporal_names import TASK_QUEUE

__all__ = [
    "TASK_QUEUE",
    "WORKFLOW_TYPE",
    "Acceptance",
    "Aftermath",
    "AnswerPending",
    "EndReport",
    "Explanation",
    "FailoverAlreadyRunning",
    "FailoverClient",
    "FailoverClientError",
    "FailoverHandle",
    "FailoverNotCompleted",
    "FailoverNotFound",
    "FailoverRequest",
    "FailoverResult",
    "FailoverStatus",
    "FailoverSummary",
    "FailoverType",
    "InvalidRequest",
    "InvalidRequestId",
    "MappingList",
    "NetworkStrategy",
    "NoWorker",
    "Order",
    "OrderPending",
    "OrderRefused",
    "OrderTaken",
    "PreflightReport",
    "QuestionRefused",
    "RequestIdReused",
    "RunOutcome",
    "StartError",
    "Step",
    "StepState",
    "TemporalError",
    "TemporalMisconfigured",
    "TemporalRefused",
    "TemporalUnreachable",
    "Trouble",
    "UnifiedFailoverConfig",
]
