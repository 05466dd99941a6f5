"""A small typed client of the failover workflow; it needs Temporal only, neither database nor CloudStack."""

from client.errors import (
    FailoverAlreadyRunning,
    FailoverClientError,
    FailoverNotCompleted,
    FailoverNotFound,
    TemporalUnreachable,
)
from client.failover_client import TASK_QUEUE, WORKFLOW_TYPE, FailoverClient, FailoverHandle
from client.steps import Step, StepState

__all__ = [
    "TASK_QUEUE",
    "WORKFLOW_TYPE",
    "FailoverAlreadyRunning",
    "FailoverClient",
    "FailoverClientError",
    "FailoverHandle",
    "FailoverNotCompleted",
    "FailoverNotFound",
    "Step",
    "StepState",
    "TemporalUnreachable",
]
