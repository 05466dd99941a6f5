"""What ends a VM's time: commit, rollback, cleanup. What is struck, and how that must end."""

from tests.support.activity_faults import Fault
from tests.support.whole import LOST, WHOLE_LIVE, WHOLE_TEST
from tests.whole import fault_plots as plots
from tests.whole.fault_rows import (
    AGAIN,
    COMPLETED,
    FEW,
    FIVE,
    NAMED,
    ON_THE_REPLICA,
    UNRECORDED,
    Act,
    Scenario,
    acts,
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
    *acts(("StopVM", "WaitForJob", "MoveDisk"), AGAIN),
    Act("RevertDisk", NAMED),
    *acts(("MarkReplica", "RemoveSnapshots", "RecordSnapshots", "RemoveVM"), AGAIN),
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

CLEANUP = Scenario(
    "cleanup",
    WHOLE_TEST,
    (
        Act("MoveDisk"),
        *acts(("StopVM", "WaitForJob", "RemoveVM", "RemoveClones"), AGAIN),
        Act("RemoveSnapshots", AGAIN),
        Act("RecordEnd", UNRECORDED),
    ),
    plots.clean_up,
    end=f"{COMPLETED}, cleaned_up",
    on="clones",
    workflow="CleanupWorkflow",
    faults=FEW,
)

REPLICA_CLEANUP = Scenario(
    "replica drill's cleanup",
    WHOLE_TEST,
    _WAY_BACK,
    plots.clean_up,
    end=f"{COMPLETED}, cleaned_up",
    workflow="CleanupWorkflow",
    faults=(Fault.FINAL,),
    settings=ON_THE_REPLICA,
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
