"""Who a VM belongs to: an id and a mark that every retry computes again, so that it finds what it made."""

from hashlib import sha256
from uuid import UUID, uuid5

_NAMESPACE = UUID("5b0d9a1e-6e5c-5f0c-9b1e-0c5d3c1f7a42")

MARK_ID = "failoverid"
MARK_WORKFLOW = "failoverworkflow"
MARK_CONTEXT = "failovercontext"
MARK_TYPE = "failovertype"


def vm_identity(workflow_id: str, context_id: str, generation: int) -> str:
    """Return the ``customid`` of a failover's VM: a lower-case uuid, the same on every retry.

    CloudStack refuses an upper-case one (observed, section 2), and one that was expunged for good: then the
    generation rises.

    Args:
        workflow_id: Not the run id: a reset of the workflow must find the same VM.
        context_id: The protected VM.
        generation: From 1.
    """
    # The length keeps two splits of one text apart.
    return str(uuid5(_NAMESPACE, f"{len(workflow_id)}:{workflow_id}{context_id}#{generation}"))


def vm_marks(workflow_id: str, context_id: str, failover_type: str, identity: str) -> dict[str, str]:
    """Return the details that mark the VM as ours; no secret, since other accounts may read them.

    Details in the deploy call are atomic with the VM, visible to every key and survive destroy
    (observed, section 15).
    """
    return {
        MARK_ID: identity,
        MARK_WORKFLOW: workflow_id,
        MARK_CONTEXT: context_id,
        MARK_TYPE: failover_type,
    }


def test_suffix(workflow_id: str, generation: int) -> str:
    """Return the suffix that makes the name of a test VM unique: the same on every retry."""
    digest = sha256(workflow_id.encode()).hexdigest()[:10]
    return digest if generation == 1 else f"{digest}-{generation}"


test_suffix.__test__ = False  # type: ignore[attr-defined]  # pytest would take the name for a test
