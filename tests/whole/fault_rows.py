"""The rows of the fault table: every activity of every runbook, every fault, and how it must end."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.activity_faults import Fault, Strike
from tests.support.whole import WHOLE_LIVE, WHOLE_TEST, ROLL_BACK
from tests.whole.fault_stage import Stage

Plot = Callable[[Stage], Awaitable[None]]


async def run(stage: Stage) -> None:
    """The strike befalls the run itself."""
    async with stage.working(stage.strike, *stage.also):
        handle = await stage.start()
        await stage.suffer(handle)
        claim = await stage.end_of(handle)
        if claim.outcome == "completed":
            follower = stage.whole.client.get_workflow_handle(claim.result.continues_as)
            await follower.terminate("the row is over")


@dataclass(frozen=True)
class Scenario:
    title: str
    request: Mapping[str, Any]
    on: str
    plot: Plot
    activities: tuple[tuple[str, int], ...]
    ends: Callable[[str, int, Fault], str]
    faults: tuple[Fault, ...] = tuple(one for one in Fault if one is not Fault.KILL_BEFORE)
    workflow: str = "FailoverWorkflow"
    also: tuple[Strike, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    scenario: Scenario
    activity: str
    number: int
    fault: Fault

    @property
    def strike(self) -> Strike:
        return Strike(self.activity, self.fault, self.number, self.scenario.workflow)

    @property
    def expected(self) -> str:
        return self.scenario.ends(self.activity, self.number, self.fault)

    def __str__(self) -> str:
        number = f" {self.number}" if self.number > 1 else ""
        return f"{self.scenario.title}: {self.activity.removesuffix('Activity')}{number}, {self.fault.value}"


def rows_of(scenario: Scenario) -> Iterator[Row]:
    for name, number in scenario.activities:
        for fault in scenario.faults:
            yield Row(scenario, f"{name}Activity", number, fault)

LIVE = Scenario(
    "live", WHOLE_LIVE, "replica", run,
    tuple((n,i) for n,i in [("LoadContext",1),("AcquireLease",1),("BeginRun",1),("DiscoverSource",1),("ResolveNetwork",1),("DescribeDrill",1),("CheckDestination",1),("RecordPlan",1),("LoadReplication",1),("LoadReplication",2),("LoadReplication",3),("ReadSourcePower",1),("ReadSourcePower",2),("InspectStorage",1),("JudgePreflight",1),("CreateVM",1),("WaitForJob",1),("RecordVM",1),("FindTemplateRoot",1),("MoveDisk",1),("MoveDisk",7),("RemoveVolume",1),("FenceReplication",1),("PowerOffSource",1),("StartSync",1),("WatchSync",1),("CheckFence",1),("CheckFence",2),("CreateSnapshot",1),("CreateSnapshot",3),("WaitForJob",3),("RecordSnapshots",1),("MarkReplica",1),("StartVM",1),("RecordStart",1),("WaitForJob",9),("VerifyVM",1),("VerifyDisks",1),("CheckGuest",1),("FinishRun",1)]),
    lambda *a: "?",
)
