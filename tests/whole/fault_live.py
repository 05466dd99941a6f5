"""Live failovers: what is struck, and how that must end."""

from tests.support.activity_faults import Fault, Strike
from tests.support.whole import LOST, WHOLE_LIVE
from tests.whole import fault_plots as plots
from tests.whole.fault_rows import (
    CANCELLED,
    EARLY,
    FAILED,
    FEW,
    FIVE,
    HELD,
    LATER,
    LEASES,
    LEFT,
    MADE,
    MAKES,
    NAMED,
    READS,
    REFUSED,
    SIX,
    STARTED,
    STARTS,
    VERIFIES,
    Act,
    Scenario,
    acts,
)

_CANCELLED_WHILE_HELD = {
    Fault.CANCEL: f"{HELD}, {CANCELLED}",
    Fault.CANCEL_AFTER: f"{HELD}, {CANCELLED}",
}
_ASKS_THE_GUEST = {Fault.CANCEL: f"{HELD}, {CANCELLED}", Fault.CANCEL_AFTER: f"{HELD}, {CANCELLED}"}
"""A question that fails is a warning; a cancel is one all the same."""

LIVE = Scenario(
    "live",
    WHOLE_LIVE,
    (
        *acts((*READS, "DescribeDrill", "ReadSourcePower"), EARLY, FIVE),
        *acts(LEASES, EARLY, FIVE),
        *acts(MAKES, MADE),
        *acts(("FenceReplication", "PowerOffSource", "StartSync", "CreateSnapshot", "MarkReplica"), MADE),
        *acts(("WatchSync", "RecordSnapshots"), MADE, FIVE),
        *acts(("FindTemplateRoot", "CheckFence"), MADE, FIVE),
        Act("ReadSourcePower", MADE, 2, FEW),
        Act("ReadSourcePower", MADE, 3, FEW),
        Act("LoadReplication", MADE, 2, FEW),
        Act("LoadReplication", MADE, 3, FEW),
        Act("CreateSnapshot", MADE, 3, FEW),
        Act("WaitForJob", MADE, 3, FEW),
        Act("CheckFence", MADE, 2, FEW),
        Act("MoveDisk", MADE, 7, FEW),
        *acts(STARTS, STARTED),
        *acts(VERIFIES, STARTED, FIVE),
        Act("WaitForJob", STARTED, 9, FEW),
        Act("CheckGuest", _ASKS_THE_GUEST, faults=FIVE),
        Act("FinishRun"),
    ),
    plots.run,
    faults=SIX,
)

UNDO = Scenario(
    "live, undone",
    WHOLE_LIVE,
    (
        *acts(("BeginUndo", "RevertDisk", "RemoveSnapshots", "PowerOnSource"), NAMED),
        *acts(("RemoveVM", "ReleaseFence"), NAMED),
        Act("MoveDisk", NAMED, 12, FEW),
        Act("MoveDisk", NAMED, 14, FEW),
        Act("WaitForJob", NAMED, 10, FEW),
        Act("MarkReplica", NAMED, 2, FEW),
        Act("RecordSnapshots", NAMED, 2, FEW),
        Act("FinishRun", faults=FEW),
    ),
    plots.run,
    end=FAILED,
    also=(Strike("MarkReplicaActivity", Fault.FINAL_AFTER),),
)

HELD_UNDO = Scenario(
    "live, held, rolled back",
    WHOLE_LIVE,
    (
        Act("RecordHeld", _CANCELLED_WHILE_HELD, faults=FIVE),
        Act("StopVM", NAMED, faults=FIVE),
        Act("RevertDisk", NAMED),
        Act("RemoveVM", NAMED),
        Act("FinishRun"),
    ),
    plots.run,
    faults=LATER,
    end=f"{HELD}, {FAILED}",
    also=(Strike("VerifyDisksActivity", Fault.FINAL),),
)

UNREVERTED = Scenario(
    "live, undone without revert",
    WHOLE_LIVE,
    (Act("ClearChangeIds"), Act("MarkReplica", number=2, faults=FEW), Act("RevertDisk", faults=FEW)),
    plots.run_without_revert,
    end=f"{FAILED}{LEFT}",
    also=(Strike("MarkReplicaActivity", Fault.FINAL_AFTER),),
)

LOST_SOURCE = Scenario(
    "live, source lost",
    LOST,
    (Act("LoadStoredSource", EARLY), Act("ReadSourcePower", MADE, 2, FEW)),
    plots.run_without_source,
)

CLOSED_HOLDER = Scenario(
    "live, the lease is a closed run's",
    WHOLE_LIVE,
    (Act("DescribeOwner", EARLY),),
    plots.after_a_closed_run,
)

REFUSED_LEASE = Scenario(
    "live, the lease was refused for good",
    WHOLE_LIVE,
    (Act("ReleaseLease", {Fault.CANCEL: CANCELLED, Fault.CANCEL_AFTER: CANCELLED}),),
    plots.run,
    end=REFUSED,
    also=(Strike("AcquireLeaseActivity", Fault.FINAL_AFTER),),
)

_NOBODY_CONVERTS = EARLY | {Fault.BEFORE: REFUSED, Fault.AFTER: REFUSED, Fault.KILL: REFUSED}
"""The question is asked once: who does not answer cannot convert."""
_CONVERTS_ANEW = {Fault.CANCEL: CANCELLED, Fault.CANCEL_AFTER: CANCELLED}
"""The disk is restored, and the guest converted once more."""

CONVERSION = Scenario(
    "live, converted",
    WHOLE_LIVE,
    (Act("ProbeConversion", _NOBODY_CONVERTS), Act("ConvertGuest", _CONVERTS_ANEW)),
    plots.run_with_converter,
    settings={"FAILOVER_CONVERSION_QUEUE_SECONDS": 10},
    # The sample's two volumes would have one serial: it is cut to 20 characters.
    replicas={"windows": True, "disks": 1},
)
