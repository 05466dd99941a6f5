"""Messages about the power of the source VM."""

from datetime import datetime
from enum import StrEnum

from rules.context import VMContext
from rules.models import Record


class PowerState(StrEnum):
    """Whether the source VM runs. Unreachable is never off, and never lost."""

    ON = "on"
    OFF = "off"
    SUSPENDED = "suspended"
    """Counts as on."""
    UNREACHABLE = "unreachable"
    """Neither the agent nor its vCenter says anything."""


class PowerQuery(Record):
    """Ask for the power state, or for power-on."""

    context: VMContext


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


class PowerOffRequest(Record):
    """Ask for the power-off.

    Attributes:
        force: Pull the plug.
        timeout_seconds: How long the agent may wait for the guest.
    """

    context: VMContext
    force: bool
    timeout_seconds: float


class PowerOffReply(Record):
    """What came of it; ``power`` was read afresh afterwards, and only that decides.

    Attributes:
        shutdown_method: ``graceful``, ``forced`` or ``already-off``, as the agent says; empty when its reply
            was lost.
    """

    power: SourcePower
    shutdown_method: str = ""
