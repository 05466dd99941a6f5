"""Every runbook whose activities are struck: what is struck, and how it must end."""

from collections.abc import Iterable, Mapping

from tests.support.activity_faults import Fault, Strike
from tests.support.whole import LOST, WHOLE_LIVE, WHOLE_TEST
from tests.whole import fault_plots as plots
from tests.whole.fault_rows import (
    AGAIN,
    CANCELLED,
    COMPLETED,
    EARLY,
    FAILED,
    FEW,
    FIVE,
    HELD,
    LEFT,
    MADE,
    NAMED,
    REFUSED,
    SIX,
    STARTED,
    UNRECORDED,
    Act,
    Scenario,
)

_LATER = (Fault.AFTER, Fault.FINAL, Fault.CANCEL_AFTER)
_REPLICA_DRILL = {"FAILOVER_DRILL_DISKS": "replica"}
_CANCELLED_WHILE_HELD = {
    Fault.CANCEL: f"{HELD}, {CANCELLED}",
    Fault.CANCEL_AFTER: f"{HELD}, {CANCELLED}",
}
_ASKS_THE_GUEST = {Fault.CANCEL: f"{HELD}, {CANCELLED}", Fault.CANCEL_AFTER: f"{HELD}, {CANCELLED}"}
"""A question that fails is a warning; a cancel is one all the same."""

_READS = (
    "LoadContext",
    "DiscoverSource",
    "ResolveNetwork",
    "CheckDestination",
    "LoadReplication",
    "InspectStorage",
    "JudgePreflight",
)
_LEASES = ("AcquireLease", "BeginRun", "RecordPlan")
_MAKES = ("CreateVM", "WaitForJob", "RecordVM", "MoveDisk", "RemoveVolume")
_STARTS = ("StartVM", "RecordStart")
_VERIFIES = ("VerifyVM", "VerifyDisks")


def _acts(names: Iterable[str], ends: Mapping[Fault, str], faults: tuple[Fault, ...] = ()) -> tuple[Act, ...]:
    return tuple(Act(name, ends, faults=faults) for name in names)


LIVE = Scenario(
    "live",
    WHOLE_LIVE,
    (
        *_acts((*_READS, "DescribeDrill", "ReadSourcePower"), EARLY, FIVE),
        *_acts(_LEASES, EARLY, FIVE),
        *_acts(_MAKES, MADE),
        *_acts(("FenceReplication", "PowerOffSource", "StartSync", "CreateSnapshot", "MarkReplica"), MADE),
        *_acts(("WatchSync", "RecordSnapshots"), MADE, FIVE),
        *_acts(("FindTemplateRoot", "CheckFence"), MADE, FIVE),
        Act("ReadSourcePower", MADE, 2, FEW),
        Act("ReadSourcePower", MADE, 3, FEW),
        Act("LoadReplication", MADE, 2, FEW),
        Act("LoadReplication", MADE, 3, FEW),
        Act("CreateSnapshot", MADE, 3, FEW),
        Act("WaitForJob", MADE, 3, FEW),
        Act("CheckFence", MADE, 2, FEW),
        Act("MoveDisk", MADE, 7, FEW),
        *_acts(_STARTS, STARTED),
        *_acts(_VERIFIES, STARTED, FIVE),
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
        *_acts(("BeginUndo", "RevertDisk", "RemoveSnapshots", "PowerOnSource"), NAMED),
        *_acts(("RemoveVM", "ReleaseFence"), NAMED),
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
    faults=_LATER,
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

COMMIT = Scenario(
    "commit",
    WHOLE_LIVE,
    (Act("RemoveSnapshots", NAMED, faults=FEW), Act("RecordEnd", UNRECORDED)),
    plots.commit,
    end=f"{COMPLETED}, committed",
    workflow="CommitWorkflow",
)

_WAY_BACK = (
    *_acts(("StopVM", "WaitForJob", "MoveDisk"), AGAIN),
    Act("RevertDisk", NAMED),
    *_acts(("MarkReplica", "RemoveSnapshots", "RecordSnapshots", "RemoveVM"), AGAIN),
    Act("ReleaseFence", AGAIN),
    Act("RecordEnd", UNRECORDED),
)

ROLLBACK = Scenario(
    "rollback",
    WHOLE_LIVE,
    (*_WAY_BACK, Act("PowerOnSource", AGAIN)),
    plots.roll_back,
    end=f"{COMPLETED}, rolled_back",
    faults=FEW,
    workflow="CommitWorkflow",
)

WATCH = Scenario(
    "live, source returns",
    LOST,
    (Act("ReadSourcePower", faults=FEW), Act("SourceReturned")),
    plots.watch_for_the_source,
    end=f"{COMPLETED}, committed",
    workflow="CommitWorkflow",
)


DRILL = Scenario(
    "drill",
    WHOLE_TEST,
    (
        *_acts((*_READS, *_LEASES), EARLY, (Fault.FINAL,)),
        *_acts(_MAKES, MADE),
        Act("FindTemplateRoot", MADE, faults=(Fault.FINAL,)),
        Act("GuardNetworks", MADE, faults=SIX),
        Act("GuardNetworks", MADE, 2),
        Act("LoadReplication", MADE, 2, FEW),
        Act("LoadReplication", MADE, 3, FEW),
        Act("CreateSnapshot", MADE),
        Act("CreateSnapshot", MADE, 3, FEW),
        Act("CreateClone", MADE, faults=SIX),
        Act("CreateClone", MADE, 2, FEW),
        Act("MoveDisk", MADE, 5),
        *_acts((*_STARTS, *_VERIFIES), MADE),
        Act("CheckGuest", {Fault.CANCEL: CANCELLED, Fault.CANCEL_AFTER: CANCELLED}),
        Act("FinishRun"),
    ),
    plots.run,
    on="clones",
    faults=_LATER,
)

DRILL_UNDO = Scenario(
    "drill, undone",
    WHOLE_TEST,
    (
        *(
            Act(name, NAMED)
            for name in ("BeginUndo", "StopVM", "RemoveVM", "RemoveClones", "RemoveSnapshots")
        ),
        Act("FinishRun"),
    ),
    plots.run,
    end=FAILED,
    on="clones",
    faults=FEW,
    also=(Strike("VerifyDisksActivity", Fault.FINAL),),
)

CLEANUP = Scenario(
    "cleanup",
    WHOLE_TEST,
    (
        Act("MoveDisk"),
        *_acts(("StopVM", "WaitForJob", "RemoveVM", "RemoveClones"), AGAIN),
        Act("RemoveSnapshots", AGAIN),
        Act("RecordEnd", UNRECORDED),
    ),
    plots.clean_up,
    end=f"{COMPLETED}, cleaned_up",
    on="clones",
    workflow="CleanupWorkflow",
    faults=FEW,
)

REPLICA_DRILL = Scenario(
    "replica drill",
    WHOLE_TEST,
    (
        Act("FenceReplication", MADE),
        Act("CheckFence", MADE),
        Act("CreateSnapshot", MADE),
        Act("RecordSnapshots", MADE),
        Act("MoveDisk", MADE, 7),
        Act("MarkReplica", MADE),
        *_acts((*_STARTS, *_VERIFIES), MADE),
        Act("FinishRun"),
    ),
    plots.run,
    faults=(Fault.AFTER,),
    settings=_REPLICA_DRILL,
)

REPLICA_CLEANUP = Scenario(
    "replica drill's cleanup",
    WHOLE_TEST,
    _WAY_BACK,
    plots.clean_up,
    end=f"{COMPLETED}, cleaned_up",
    workflow="CleanupWorkflow",
    faults=(Fault.FINAL,),
    settings=_REPLICA_DRILL,
)

CONVERSION = Scenario(
    "live, converted",
    WHOLE_LIVE,
    (Act("ProbeConversion", EARLY), Act("ConvertGuest", MADE)),
    plots.run_with_converter,
    replicas={"windows": True},
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

EXTEND = Scenario(
    "drill, extended",
    WHOLE_TEST,
    (Act("RenewLease", faults=FIVE),),
    plots.extend,
    end=f"{COMPLETED}, cleaned_up",
    on="clones",
    workflow="CleanupWorkflow",
)

GONE_VM = Scenario(
    "drill, on the network of a live VM that is gone",
    {
        **WHOLE_TEST,
        "network_strategy": "custom",
        "network_mappings": {"VM Network": "b30fcb06-a6c1-4d8f-a906-e732b10f4db7"},
    },
    (Act("FindGoneVMs", EARLY),),
    plots.on_a_network_of_a_vm_that_is_gone,
    on="clones",
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
