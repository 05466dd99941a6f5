"""Every runbook whose activities are struck."""

from tests.whole.fault_afterwards import CLEANUP, COMMIT, EXTEND, REPLICA_CLEANUP, ROLLBACK, WATCH
from tests.whole.fault_drills import DRILL, DRILL_UNDO, GONE_VM, REPLICA_DRILL
from tests.whole.fault_live import (
    CLOSED_HOLDER,
    CONVERSION,
    HELD_UNDO,
    LIVE,
    LOST_SOURCE,
    REFUSED_LEASE,
    UNDO,
    UNREVERTED,
)

SCENARIOS = (
    LIVE,
    UNDO,
    HELD_UNDO,
    UNREVERTED,
    LOST_SOURCE,
    CLOSED_HOLDER,
    REFUSED_LEASE,
    CONVERSION,
    COMMIT,
    ROLLBACK,
    WATCH,
    DRILL,
    DRILL_UNDO,
    CLEANUP,
    EXTEND,
    GONE_VM,
    REPLICA_DRILL,
    REPLICA_CLEANUP,
)
