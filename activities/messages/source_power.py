"""Messages about the power of the source VM."""

from rules.context import VMContext
from rules.models import Record
from rules.source_power import PowerState, SourcePower

__all__ = ["PowerOffReply", "PowerOffRequest", "PowerQuery", "PowerState", "SourcePower"]


class PowerQuery(Record):
    """Ask for the power state, or for power-on."""

    context: VMContext


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
