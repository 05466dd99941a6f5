"""The power of the source VM, as the VMA reads it."""

from datetime import datetime
from enum import StrEnum

from rules.models import Record


class PowerState(StrEnum):
    """Whether the source VM runs. Unreachable is never off, and never lost."""

    ON = "on"
    OFF = "off"
    SUSPENDED = "suspended"
    """Counts as on."""
    UNREACHABLE = "unreachable"
    """Neither the agent nor its vCenter says anything."""


class SourcePower(Record):
    """The power state as the VMA reads it.

    Attributes:
        tools_status: As VMware says; a guest without tools cannot be shut down gently.
        observed_at: UTC.
        reason: Why nobody can say, when nobody can.
    """

    state: PowerState
    tools_status: str = ""
    observed_at: datetime | None = None
    reason: str = ""

    @property
    def has_tools(self) -> bool:
        """Whether a gentle power-off is one: observed, without tools the agent pulls the plug."""
        return self.tools_status in {"toolsOk", "toolsOld"}
