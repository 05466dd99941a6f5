"""Test failovers: what is struck, and how that must end."""

from tests.support.activity_faults import Fault, Strike
from tests.support.whole import WHOLE_TEST
from tests.whole import fault_plots as plots
from tests.whole.fault_rows import (
    CANCELLED,
    EARLY,
    FAILED,
    FEW,
    FIVE,
    LATER,
    LEASES,
    MADE,
    MAKES,
    NAMED,
    ON_THE_REPLICA,
    READS,
    SIX,
    STARTS,
    VERIFIES,
    Act,
    Scenario,
    acts,
)

DRILL = Scenario(
    "drill",
    WHOLE_TEST,
    (
        *acts((*READS, *LEASES), EARLY, (Fault.FINAL,)),
        *acts(MAKES, MADE),
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
        *acts((*STARTS, *VERIFIES), MADE),
        Act("CheckGuest", {Fault.CANCEL: CANCELLED, Fault.CANCEL_AFTER: CANCELLED}),
        Act("FinishRun"),
    ),
    plots.run,
    on="clones",
    faults=LATER,
)

DRILL_UNDO = Scenario(
    "drill, undone",
    WHOLE_TEST,
    (
        *acts(("BeginUndo", "StopVM", "RemoveVM", "RemoveSnapshots"), NAMED),
        Act("RemoveClones", NAMED, faults=FIVE),
        Act("FinishRun"),
    ),
    plots.run,
    end=FAILED,
    on="clones",
    faults=FEW,
    also=(Strike("VerifyDisksActivity", Fault.FINAL),),
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
        *acts((*STARTS, *VERIFIES), MADE),
        Act("FinishRun"),
    ),
    plots.run,
    faults=(Fault.AFTER,),
    settings=ON_THE_REPLICA,
)
