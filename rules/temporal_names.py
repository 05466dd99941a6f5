"""The names under which Temporal, workers and clients know a failover.

A client imports neither workflows nor activities, and a worker no client: what both must write alike is here.
"""

from typing import Final

FAILOVER_WORKFLOW: Final = "FailoverWorkflow"
EXPLAIN_WORKFLOW: Final = "ExplainWorkflow"
LIST_MAPPINGS_WORKFLOW: Final = "ListMappingsWorkflow"
TASK_QUEUE: Final = "failover"

ACCEPTED_UPDATE: Final = "accepted"
"""The update that answers when the run passed every check before its first effect, or was refused."""

CONTEXT_ATTRIBUTE: Final = "FailoverContextId"
VM_NAME_ATTRIBUTE: Final = "FailoverVmName"
TYPE_ATTRIBUTE: Final = "FailoverType"
OUTCOME_ATTRIBUTE: Final = "FailoverOutcome"
