"""Every way in which a failover can fail, by type: the one list that code, tests and documents share.

::

    FailoverErrorType
    |-- refused before anything was changed (never retried)
    |     InvalidRequest, UnknownContext, FailoverInProgress, ConfigurationError,
    |     SourceVmNotFound, SourceRefused, SourceNicsUnknown,
    |     AmbiguousMapping, DuplicateNetwork, NoFallbackNetwork, FallbackRefused, UnknownSourceNetwork,
    |     ProductionNetworkRefused, DestinationCheckFailed, VmNameTaken, VmNameBusy,
    |     StoredDataUnreadable, PreflightFailed, LiveVmExists, SourceNotLost, ConversionUnavailable
    |-- refused by CloudStack (never retried; what was made is removed)
    |     CloudStackRefused, CloudStackNotPermitted, QuotaExceeded
    |-- failed on the way (never retried; what was made is removed)
    |     VmCreateFailed, VmStartFailed, VmLost, VerificationFailed,
    |     FenceBroken, SourceStillOn, SyncFailed, SyncStalled, RecoveryPointRefused, SnapshotFailed,
    |     ConversionFailed, DiskElsewhere, DiskMoveFailed, StorageChanged, CloneFailed, RevertFailed,
    |     ReplicaAttached, StepTimedOut, ActivityFailed
    |-- passing (Temporal retries with backoff)
    |     DatabaseUnavailable, CloudStackUnavailable, CloudStackOutcomeUnknown, CloudStackNoCapacity,
    |     SourceUnreachable, VmBusy, DiskBusy, ReplicationUnavailable
    `-- after the failure
          UndoIncomplete

``SourceUnreachable`` is retried a few times only; then the NICs come from the database.
"""

from enum import StrEnum


class FailoverErrorType(StrEnum):
    """The ``type`` of every ``ApplicationError`` of this product."""

    INVALID_REQUEST = "InvalidRequest"
    UNKNOWN_CONTEXT = "UnknownContext"
    FAILOVER_IN_PROGRESS = "FailoverInProgress"
    CONFIGURATION_ERROR = "ConfigurationError"
    SOURCE_VM_NOT_FOUND = "SourceVmNotFound"
    SOURCE_REFUSED = "SourceRefused"
    SOURCE_NICS_UNKNOWN = "SourceNicsUnknown"
    AMBIGUOUS_MAPPING = "AmbiguousMapping"
    DUPLICATE_NETWORK = "DuplicateNetwork"
    NO_FALLBACK_NETWORK = "NoFallbackNetwork"
    FALLBACK_REFUSED = "FallbackRefused"
    UNKNOWN_SOURCE_NETWORK = "UnknownSourceNetwork"
    PRODUCTION_NETWORK_REFUSED = "ProductionNetworkRefused"
    DESTINATION_CHECK_FAILED = "DestinationCheckFailed"
    VM_NAME_TAKEN = "VmNameTaken"
    STORED_DATA_UNREADABLE = "StoredDataUnreadable"
    PREFLIGHT_FAILED = "PreflightFailed"
    LIVE_VM_EXISTS = "LiveVmExists"
    SOURCE_NOT_LOST = "SourceNotLost"
    CONVERSION_UNAVAILABLE = "ConversionUnavailable"
    CLOUDSTACK_REFUSED = "CloudStackRefused"
    CLOUDSTACK_NOT_PERMITTED = "CloudStackNotPermitted"
    QUOTA_EXCEEDED = "QuotaExceeded"
    VM_CREATE_FAILED = "VmCreateFailed"
    VM_START_FAILED = "VmStartFailed"
    VM_LOST = "VmLost"
    VERIFICATION_FAILED = "VerificationFailed"
    FENCE_BROKEN = "FenceBroken"
    SOURCE_STILL_ON = "SourceStillOn"
    SYNC_FAILED = "SyncFailed"
    SYNC_STALLED = "SyncStalled"
    RECOVERY_POINT_REFUSED = "RecoveryPointRefused"
    SNAPSHOT_FAILED = "SnapshotFailed"
    CONVERSION_FAILED = "ConversionFailed"
    DISK_ELSEWHERE = "DiskElsewhere"
    DISK_MOVE_FAILED = "DiskMoveFailed"
    STORAGE_CHANGED = "StorageChanged"
    CLONE_FAILED = "CloneFailed"
    REVERT_FAILED = "RevertFailed"
    REPLICA_ATTACHED = "ReplicaAttached"
    STEP_TIMED_OUT = "StepTimedOut"
    ACTIVITY_FAILED = "ActivityFailed"
    DATABASE_UNAVAILABLE = "DatabaseUnavailable"
    CLOUDSTACK_UNAVAILABLE = "CloudStackUnavailable"
    CLOUDSTACK_OUTCOME_UNKNOWN = "CloudStackOutcomeUnknown"
    CLOUDSTACK_NO_CAPACITY = "CloudStackNoCapacity"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    VM_NAME_BUSY = "VmNameBusy"
    VM_BUSY = "VmBusy"
    DISK_BUSY = "DiskBusy"
    REPLICATION_UNAVAILABLE = "ReplicationUnavailable"
    UNDO_INCOMPLETE = "UndoIncomplete"

    @property
    def retryable(self) -> bool:
        """Whether Temporal tries the activity again."""
        return self in _PASSING


_PASSING = frozenset(
    {
        FailoverErrorType.DATABASE_UNAVAILABLE,
        FailoverErrorType.CLOUDSTACK_UNAVAILABLE,
        FailoverErrorType.CLOUDSTACK_OUTCOME_UNKNOWN,
        FailoverErrorType.CLOUDSTACK_NO_CAPACITY,
        FailoverErrorType.SOURCE_UNREACHABLE,
        FailoverErrorType.VM_BUSY,
        FailoverErrorType.DISK_BUSY,
        FailoverErrorType.REPLICATION_UNAVAILABLE,
    }
)


class FailoverRefused(ValueError):
    """A rule says no. Nothing was changed.

    Args:
        error_type: The type that the run ends with.
        message: For people; names fields, NICs, networks and rows, never a value of the request.
        details: Models that travel with the refusal.
    """

    def __init__(self, error_type: FailoverErrorType, message: str, *details: object) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.details = details
