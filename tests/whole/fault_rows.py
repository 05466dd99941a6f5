"""One row of the fault table: an activity of a runbook, what befalls it, and how that ends."""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.activity_faults import Fault, Strike
from tests.whole.fault_stage import Stage

COMPLETED, FAILED, CANCELLED, REFUSED, HELD = "completed", "failed", "cancelled", "refused", "held"
LEFT = " and names what is left"

Plot = Callable[[Stage], Awaitable[None]]

EARLY = {
    Fault.FINAL: REFUSED,
    Fault.FINAL_AFTER: REFUSED,
    Fault.CANCEL: CANCELLED,
    Fault.CANCEL_AFTER: CANCELLED,
}
"""Nothing was changed yet."""
MADE = EARLY | {Fault.FINAL: FAILED, Fault.FINAL_AFTER: FAILED}
"""What was made is removed again, and what was taken is given back."""
STARTED = {fault: f"{HELD}, {end}" for fault, end in MADE.items()}
"""The new VM may have run: the run holds, and the test orders the rollback."""


NAMED = {Fault.FINAL: LEFT, Fault.FINAL_AFTER: LEFT}
"""The undo goes on without it, and says what it could not do."""
AGAIN = {Fault.FINAL: "again", Fault.FINAL_AFTER: "again"}
"""The end leaves something behind and says so; a second order ends it."""
UNRECORDED = {Fault.FINAL: "unrecorded", Fault.FINAL_AFTER: "unrecorded"}
"""The end is not recorded, and the workflow stays for a second order."""
EVERY = tuple(Fault)
FIVE = (Fault.BEFORE, Fault.AFTER, Fault.FINAL, Fault.CANCEL_AFTER, Fault.KILL)
SIX = (*FIVE, Fault.CANCEL)
FEW = (Fault.AFTER, Fault.FINAL)
FULL = os.environ.get("FAULT_TABLE") == "full"
"""Whether every fault is played everywhere; else what is played elsewhere already is played in part."""


_BETWEEN = {"again": "cleanup_required", "unrecorded": "unrecorded"}


@dataclass(frozen=True, eq=False)
class Act:
    """An execution of an activity.

    Attributes:
        name: Without "Activity".
        ends: How a fault ends, if not as the scenario does.
        number: Which execution, from 1.
        faults: Which are played, if not those of the scenario.
    """

    name: str
    ends: Mapping[Fault, str] = field(default_factory=dict)
    number: int = 1
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, eq=False)
class Scenario:
    """A runbook, and the activities of it that are struck.

    Attributes:
        title: For people.
        request: The failover's.
        acts: What is struck.
        end: How it ends when every fault is survived.
        on: What the VM runs from: ``replica`` or ``clones``.
        workflow: Whose activities they are.
        also: What befalls the run before, so that it comes to where the strike is.
        faults: Which are played.
        settings: Of the worker.
        replicas: Whatever ``seed_replicas`` takes.
    """

    title: str
    request: Mapping[str, Any]
    acts: tuple[Act, ...]
    plot: Plot
    end: str = COMPLETED
    on: str = "replica"
    workflow: str = "FailoverWorkflow"
    also: tuple[Strike, ...] = ()
    faults: tuple[Fault, ...] = FIVE
    settings: Mapping[str, Any] = field(default_factory=dict)
    replicas: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Row:
    """One activity and one fault."""

    scenario: Scenario
    act: Act
    fault: Fault

    @property
    def activity(self) -> str:
        """As Temporal knows it."""
        return f"{self.act.name}Activity"

    @property
    def strike(self) -> Strike:
        """What befalls it."""
        return Strike(self.activity, self.fault, self.act.number, self.scenario.workflow)

    @property
    def expected(self) -> str:
        """How it ends."""
        end = self.act.ends.get(self.fault, "")
        if end in _BETWEEN:
            return self.scenario.end.replace(", ", f", {_BETWEEN[end]}, ")
        return end if end and not end.startswith(" ") else f"{self.scenario.end}{end}"

    @property
    def step(self) -> str:
        """The activity, and which of its executions."""
        return f"{self.act.name} {self.act.number}" if self.act.number > 1 else self.act.name

    def __str__(self) -> str:
        return f"{self.scenario.title}: {self.step}: {self.fault.value}"


def rows_of(scenario: Scenario) -> Iterator[Row]:
    """Every activity of a scenario with every fault."""
    for act in scenario.acts:
        for fault in EVERY if FULL else act.faults or scenario.faults:
            yield Row(scenario, act, fault)


LATER = (Fault.AFTER, Fault.FINAL, Fault.CANCEL_AFTER)
ON_THE_REPLICA = {"FAILOVER_DRILL_DISKS": "replica"}
READS = (
    "LoadContext",
    "DiscoverSource",
    "ResolveNetwork",
    "CheckDestination",
    "LoadReplication",
    "InspectStorage",
    "JudgePreflight",
)
LEASES = ("AcquireLease", "BeginRun", "RecordPlan")
MAKES = ("CreateVM", "WaitForJob", "RecordVM", "MoveDisk", "RemoveVolume")
STARTS = ("StartVM", "RecordStart")
VERIFIES = ("VerifyVM", "VerifyDisks")


def acts(names: Iterable[str], ends: Mapping[Fault, str], faults: tuple[Fault, ...] = ()) -> tuple[Act, ...]:
    """Several activities that end alike."""
    return tuple(Act(name, ends, faults=faults) for name in names)
