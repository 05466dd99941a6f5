"""The preflight: every check by name, what came of it, and the way to fix it."""

from enum import StrEnum

from rules.disks import DiskPlan, Firmware, RecoveryPoint
from rules.models import Record


class CheckStatus(StrEnum):
    """What came of a check. A check that could not be made is a warning or a failure, never a pass."""

    PASS = "pass"  # noqa: S105 - not a password
    WARNING = "warning"
    FAILURE = "failure"


class Check(Record):
    """One thing that was looked at before anything was changed.

    Attributes:
        name: Stable, in snake case; ``docs/preflight.md`` lists all.
        status: What came of it.
        message: What was found, for people.
        fix: What to do about it; empty for a pass.
    """

    name: str
    status: CheckStatus
    message: str
    fix: str = ""


class Preflight(Record):
    """All checks, and what follows from them.

    Attributes:
        disks: In the order of their device ids; empty when the disks cannot be planned.
        firmware: How the new VM boots.
        convert: Whether the guest must be converted before it boots.
        lease_days: For a drill on clones where CloudStack has the feature: the instance lease; 0 for none.
        snapshot_seconds: How long the snapshots of all disks are expected to take, one after the other.
    """

    checks: tuple[Check, ...] = ()
    disks: tuple[DiskPlan, ...] = ()
    recovery_point: RecoveryPoint = RecoveryPoint()
    firmware: Firmware = Firmware.UNKNOWN
    convert: bool = False
    lease_days: int = 0
    snapshot_seconds: float = 0.0

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that forbid the run."""
        return tuple(check for check in self.checks if check.status is CheckStatus.FAILURE)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings, one sentence each."""
        return tuple(
            f"{check.name}: {check.message}" for check in self.checks if check.status is CheckStatus.WARNING
        )
