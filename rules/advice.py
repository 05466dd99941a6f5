"""What an operator can do about a failover that did not complete, by the type of its error."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from rules.errors import FailoverErrorType
from rules.models import Record


class ErrorCategory(StrEnum):
    """Where the trouble is, in the words that the appliance's GUI knows."""

    COMPATIBILITY = "compatibility"
    NETWORK = "network"
    STORAGE = "storage"
    CONFIGURATION = "configuration"
    CONNECTIVITY = "connectivity"


class Advice(Record):
    """Where to look and what to do, in that order.

    Attributes:
        steps: One sentence each; at least one.
    """

    category: ErrorCategory
    steps: tuple[str, ...]


def advice_for(error_type: str) -> Advice:
    """Return the advice for a type, and a general one for none, as of a run that was cancelled."""
    return _ADVICE.get(error_type, _GENERAL)


_AGAIN: Final = "Start the failover again."
_RESULT: Final = "Read left_behind in the run's result and remove by hand what it names."

_GENERAL: Final = Advice(
    category=ErrorCategory.CONFIGURATION,
    steps=("Read the failed step and its message in the run's result.", _AGAIN),
)


def _advice(category: ErrorCategory, *steps: str) -> Advice:
    return Advice(category=category, steps=steps)


HELD_ADVICE: Final = _advice(
    ErrorCategory.COMPATIBILITY,
    "Look at the new VM: it has started, and nothing is undone without an order.",
    "Order resume to go on from the verification.",
    "Order roll_back to give the machine back to its source; what the new VM wrote is lost.",
)
"""Of a run that holds: its VM has started, and something failed or was cancelled since."""

AFTER_COMMIT: Final = (
    "Replication of this VM stays off: its replicas are the new VM's disks now.",
    "To protect the machine again, set up replication anew; its first sync must be a full one.",
)
"""What an operator has to know of a VM whose failover was committed."""

_COMPATIBLE, _NETWORK, _STORAGE, _CONFIGURED, _CONNECTED = ErrorCategory
_HOLDER: Final = "If the message names another failover, commit it, roll it back or clean it up."
_TERMINATED: Final = "If that one was terminated, undo it as docs/operate.md says under Terminate."

_ADVICE: Final[Mapping[str, Advice]] = {
    FailoverErrorType.INVALID_REQUEST: _advice(
        _CONFIGURED, "Correct the fields that the message names.", _AGAIN
    ),
    FailoverErrorType.UNKNOWN_CONTEXT: _advice(
        _CONFIGURED, "Check context_id and vm_name against the list of protected VMs."
    ),
    FailoverErrorType.FAILOVER_IN_PROGRESS: _advice(
        _CONFIGURED,
        "Follow the workflow that the message names.",
        "Commit it, roll it back or clean it up before another failover of this VM.",
    ),
    FailoverErrorType.CONFIGURATION_ERROR: _advice(
        _CONFIGURED, "Correct the setting or the database row that the message names.", _AGAIN
    ),
    FailoverErrorType.SOURCE_VM_NOT_FOUND: _advice(
        _CONNECTED,
        "Check in vCenter that the VM still has the uuid of its context.",
        "Check that the context's vCenter credential may see it.",
    ),
    FailoverErrorType.SOURCE_REFUSED: _advice(
        _CONNECTED, "Check the vCenter credential of the context and its rights.", _AGAIN
    ),
    FailoverErrorType.SOURCE_NICS_UNKNOWN: _advice(
        _NETWORK, "Bring the VMA back, or let replication store the VM's NICs once more.", _AGAIN
    ),
    FailoverErrorType.AMBIGUOUS_MAPPING: _advice(
        _NETWORK, "Remove all but one of the mapping rows that the message names.", _AGAIN
    ),
    FailoverErrorType.DUPLICATE_NETWORK: _advice(
        _NETWORK, "Map each of the named NICs to a network of its own.", _AGAIN
    ),
    FailoverErrorType.NO_FALLBACK_NETWORK: _advice(
        _NETWORK, "Map the networks that the message names, or set a default network.", _AGAIN
    ),
    FailoverErrorType.FALLBACK_REFUSED: _advice(_NETWORK, "Map the networks that the message names.", _AGAIN),
    FailoverErrorType.UNKNOWN_SOURCE_NETWORK: _advice(
        _NETWORK, "Name in network_mappings only networks that the source VM has.", _AGAIN
    ),
    FailoverErrorType.PRODUCTION_NETWORK_REFUSED: _advice(
        _NETWORK, "Map the test to networks that no production VM uses.", _AGAIN
    ),
    FailoverErrorType.DESTINATION_CHECK_FAILED: _advice(
        _CONFIGURED, "Correct in CloudStack or in the configuration what the message names.", _AGAIN
    ),
    FailoverErrorType.VM_NAME_TAKEN: _advice(
        _CONFIGURED, "Rename or remove the CloudStack VM that has this name.", _AGAIN
    ),
    FailoverErrorType.STORED_DATA_UNREADABLE: _advice(
        _CONFIGURED, "Mend the database row that the message names.", _AGAIN
    ),
    FailoverErrorType.PREFLIGHT_FAILED: _advice(
        _COMPATIBLE, "Do what each failed check of the result says under fix.", _AGAIN
    ),
    FailoverErrorType.LIVE_VM_EXISTS: _advice(
        _CONFIGURED,
        "Roll back the live failover whose VM the message names.",
        "If it was committed, this machine is that VM: remove it only when nobody needs it any more.",
    ),
    FailoverErrorType.SOURCE_NOT_LOST: _advice(
        _CONFIGURED,
        "Leave source_lost out of the request: the source VM runs and can be powered off.",
        _AGAIN,
    ),
    FailoverErrorType.CONVERSION_UNAVAILABLE: _advice(
        _COMPATIBLE, "Start the conversion worker on the appliance.", _AGAIN
    ),
    FailoverErrorType.CLOUDSTACK_REFUSED: _advice(
        _CONFIGURED, "Look in CloudStack's own log for the call that was refused at this step.", _AGAIN
    ),
    FailoverErrorType.CLOUDSTACK_NOT_PERMITTED: _advice(
        _CONFIGURED, "Check the CloudStack keys and the role of their user.", _AGAIN
    ),
    FailoverErrorType.QUOTA_EXCEEDED: _advice(
        _CONFIGURED, "Raise the limit that the message names, or free what counts against it.", _AGAIN
    ),
    FailoverErrorType.VM_CREATE_FAILED: _advice(
        _COMPATIBLE, "Check template, offering and free capacity in CloudStack.", _AGAIN
    ),
    FailoverErrorType.VM_START_FAILED: _advice(
        _COMPATIBLE, "Check hosts and free capacity in CloudStack.", _AGAIN
    ),
    FailoverErrorType.VM_LOST: _advice(_CONFIGURED, "Find out who removed the VM in CloudStack.", _AGAIN),
    FailoverErrorType.VERIFICATION_FAILED: _advice(
        _COMPATIBLE, "Compare the VM with what the message says of it, and look at its console.", _AGAIN
    ),
    FailoverErrorType.FENCE_BROKEN: _advice(
        _STORAGE,
        _HOLDER,
        _TERMINATED,
        "Else find out who started replication of this VM or switched its scheduler on; then start again.",
    ),
    FailoverErrorType.SOURCE_STILL_ON: _advice(_CONNECTED, "Power the source VM off in vCenter.", _AGAIN),
    FailoverErrorType.SYNC_FAILED: _advice(
        _STORAGE, "Look at the replication job that the message names and let it succeed once.", _AGAIN
    ),
    FailoverErrorType.SYNC_STALLED: _advice(
        _CONNECTED, "Check the tunnel to the VMA and the replication job that the message names.", _AGAIN
    ),
    FailoverErrorType.RECOVERY_POINT_REFUSED: _advice(
        _STORAGE,
        "Let one sync complete, or accept the recovery point with accept_recovery_point and a reason.",
    ),
    FailoverErrorType.SNAPSHOT_FAILED: _advice(
        _STORAGE, "Check secondary storage and the quota for snapshots.", _AGAIN
    ),
    FailoverErrorType.CONVERSION_FAILED: _advice(
        _COMPATIBLE,
        "Read the last lines of the conversion in the result, and mend the guest on the source.",
        _AGAIN,
    ),
    FailoverErrorType.DISK_ELSEWHERE: _advice(
        _STORAGE, "Bring the volume back to the appliance that the message names.", _AGAIN
    ),
    FailoverErrorType.DISK_MOVE_FAILED: _advice(
        _STORAGE, "Look in CloudStack why the volume can be neither attached nor detached.", _AGAIN
    ),
    FailoverErrorType.STORAGE_CHANGED: _advice(
        _STORAGE,
        "Move the volume back to the pool of the other disks, or into the appliance's cluster.",
        _AGAIN,
    ),
    FailoverErrorType.CLONE_FAILED: _advice(
        _STORAGE, "Check the free space of all pools of the zone and the quota for volumes.", _AGAIN
    ),
    FailoverErrorType.REVERT_FAILED: _advice(
        _STORAGE, "Revert the volume to the snapshot that the message names; both are kept.", _RESULT
    ),
    FailoverErrorType.REPLICA_ATTACHED: _advice(
        _STORAGE, "Detach the replicated volume from the VM before anybody removes that VM.", _RESULT
    ),
    FailoverErrorType.STEP_TIMED_OUT: _advice(
        _CONNECTED, "Check that a worker runs and reaches what the step needs.", _AGAIN
    ),
    FailoverErrorType.ACTIVITY_FAILED: _advice(
        _CONFIGURED, "Report the message and the worker's log: this is an error of the product.", _AGAIN
    ),
    FailoverErrorType.DATABASE_UNAVAILABLE: _advice(_CONNECTED, "Bring the database back.", _AGAIN),
    FailoverErrorType.CLOUDSTACK_UNAVAILABLE: _advice(_CONNECTED, "Bring CloudStack's API back.", _AGAIN),
    FailoverErrorType.CLOUDSTACK_OUTCOME_UNKNOWN: _advice(
        _CONNECTED, "Check the connection to CloudStack's API.", _AGAIN
    ),
    FailoverErrorType.CLOUDSTACK_NO_CAPACITY: _advice(
        _CONFIGURED, "Free capacity in the zone, or bring hosts back.", _AGAIN
    ),
    FailoverErrorType.SOURCE_UNREACHABLE: _advice(
        _CONNECTED,
        "Bring the VMA or its vCenter back.",
        "Only if the site is lost for good: say source_lost with a reason.",
    ),
    FailoverErrorType.VM_NAME_BUSY: _advice(
        _CONFIGURED, "Wait for the failover that makes a VM of the same name.", _AGAIN
    ),
    FailoverErrorType.VM_BUSY: _advice(_STORAGE, "Wait until CloudStack is done with the VM.", _AGAIN),
    FailoverErrorType.DISK_BUSY: _advice(_STORAGE, "Wait until CloudStack is done with the volume.", _AGAIN),
    FailoverErrorType.REPLICATION_UNAVAILABLE: _advice(_CONNECTED, "Bring replication's API back.", _AGAIN),
    FailoverErrorType.UNDO_INCOMPLETE: _advice(_CONFIGURED, _RESULT),
}
