"""The names under which Temporal, workers and clients know a failover.

A client imports neither workflows nor activities, and a worker no client: what both must write alike is here.
"""

from typing import Final

FAILOVER_WORKFLOW: Final = "FailoverWorkflow"
EXPLAIN_WORKFLOW: Final = "ExplainWorkflow"
LIST_MAPPINGS_WORKFLOW: Final = "ListMappingsWorkflow"
PREFLIGHT_WORKFLOW: Final = "PreflightWorkflow"
TASK_QUEUE: Final = "failover"

ACCEPTED_UPDATE: Final = "accepted"
"""The update that answers when the run passed every check before its first effect, or was refused."""

CONTEXT_ATTRIBUTE: Final = "FailoverContextId"
VM_NAME_ATTRIBUTE: Final = "FailoverVmName"
TYPE_ATTRIBUTE: Final = "FailoverType"
OUTCOME_ATTRIBUTE: Final = "FailoverOutcome"

CLEANUP_WORKFLOW: Final = "CleanupWorkflow"
COMMIT_WORKFLOW: Final = "CommitWorkflow"

EXTEND_UPDATE: Final = "extend"
CLEAN_UP_UPDATE: Final = "clean_up_now"
COMMIT_UPDATE: Final = "commit"
ROLL_BACK_UPDATE: Final = "roll_back"
RESUME_UPDATE: Final = "resume"
"""What an operator may order of a drill's VM, of a live VM before its commit, and of a run that holds."""

CLEAN_UP_SIGNAL: Final = "take_back_for_live"
SO_FAR_SIGNAL: Final = "so_far"
VERIFIED_SIGNAL: Final = "verified"
STAND_DOWN_SIGNAL: Final = "stand_down"
GO_ON_SIGNAL: Final = "go_on_cleaning"


def cleanup_workflow_id(workflow_id: str) -> str:
    """Return the id of the workflow that ends a drill's VM."""
    return f"{workflow_id}-cleanup"


def commit_workflow_id(workflow_id: str) -> str:
    """Return the id of the workflow that watches over a live VM until it is committed or rolled back."""
    return f"{workflow_id}-commit"


def conversion_queue(appliance_vm_id: str) -> str:
    """Return the task queue of the conversion worker on one appliance."""
    return f"failover-appliance-{appliance_vm_id}"
