"""What the Volume Daemon says of an operation."""

from enum import StrEnum
from typing import Self

from rules.models import Record


class OperationStatus(StrEnum):
    """How far an operation has come, in the daemon's words."""

    PENDING = "pending"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    """No proof: it is said after a success too, when the daemon's own bookkeeping failed."""
    CANCELLED = "cancelled"
    OTHER = "other"
    """A word that we do not know."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        _ = value
        return cls(cls.OTHER.value)


class Operation(Record):
    """An attach or a detach that the daemon works on.

    Its response and error are not read: only where the volume is decides.

    Attributes:
        volume_id: The volume; empty when the daemon does not say.
        vm_id: Where it is to be attached; None for a detach.
    """

    id: str
    status: OperationStatus
    volume_id: str = ""
    vm_id: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the daemon works on it no more."""
        return self.status not in {OperationStatus.PENDING, OperationStatus.EXECUTING}
