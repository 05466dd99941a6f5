"""Names, ids and tags of the snapshots and clones of a failover: what a retry computes again and finds.

A create call takes a ``customid`` for volumes only, and tags for snapshots only; a snapshot's tags stand when
it is made, and never on one that failed (observed, section 15). So each is known by more than one mark.
"""

from hashlib import sha256
from uuid import UUID, uuid5

from rules.identity import MARK_CONTEXT, MARK_WORKFLOW

_NAMESPACE = UUID("8d3c7a52-0f0e-5a8e-8d7b-6c1f6f0a9b11")
_LONGEST = 255

MARK_PURPOSE = "failoverpurpose"
MARK_VOLUME = "failovervolume"
MARK_ATTEMPT = "failoverattempt"


def clone_identity(workflow_id: str, context_id: str, volume_id: str, generation: int) -> str:
    """Return the ``customid`` of a clone: a lower-case uuid, the same on every retry.

    Args:
        workflow_id: Not the run id: a reset of the workflow must find the same clone.
        context_id: The protected VM.
        volume_id: The replica that it is a clone of.
        generation: From 1; it rises when CloudStack can never use the id of an earlier one again.
    """
    # The length keeps two splits of one text apart.
    return str(uuid5(_NAMESPACE, f"{len(workflow_id)}:{workflow_id}{context_id}/{volume_id}#{generation}"))


def clone_name(workflow_id: str, volume_id: str) -> str:
    """Return the name of every clone that a workflow makes of one replica; no other workflow uses it."""
    return f"failover-clone-{_digest(workflow_id)}-{volume_id}"[:_LONGEST]


def clone_tags(workflow_id: str, context_id: str, volume_id: str) -> dict[str, str]:
    """Return the tags of a clone; they can only be put on it afterwards."""
    return _values(
        {MARK_WORKFLOW: workflow_id, MARK_CONTEXT: context_id, MARK_VOLUME: volume_id},
    )


def snapshot_prefix(workflow_id: str, purpose: str) -> str:
    """Return what the names of a workflow's snapshots of one purpose begin with, and no others."""
    return f"failover-{purpose}-{_digest(workflow_id)}-"


def snapshot_name(workflow_id: str, disk_id: str, purpose: str, attempt: int) -> str:
    """Return the name of the snapshot of one disk in one attempt at a set."""
    return f"{snapshot_prefix(workflow_id, purpose)}{attempt}-{disk_id}"[:_LONGEST]


def snapshot_tags(
    workflow_id: str, context_id: str, purpose: str, volume_id: str, attempt: int
) -> dict[str, str]:
    """Return the tags of a snapshot, for its create call."""
    return _values(
        {
            MARK_WORKFLOW: workflow_id,
            MARK_CONTEXT: context_id,
            MARK_PURPOSE: purpose,
            MARK_VOLUME: volume_id,
            MARK_ATTEMPT: str(attempt),
        }
    )


def _values(tags: dict[str, str]) -> dict[str, str]:
    return {key: mark_value(value) for key, value in tags.items()}


def mark_value(value: str) -> str:
    """Return a tag's value: CloudStack cuts a longer one silently, and then two could be one."""
    return value if len(value) <= _LONGEST else sha256(value.encode()).hexdigest()


def _digest(workflow_id: str) -> str:
    return sha256(workflow_id.encode()).hexdigest()[:16]
