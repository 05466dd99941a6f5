"""How far an open run is, read from its history: it needs no worker, which may be what is missing."""

from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from client.runs import HOLDING
from client.steps import StepReader, StepState
from rules.disks import RecoveryPoint
from rules.models import Record
from rules.outcomes import FailoverVm
from rules.preflight import Check, Preflight
from rules.resolution import NetworkDecision
from rules.temporal_names import OUTCOME_ATTRIBUTE

_DECIDE: Final = frozenset({"ResolveNetworkActivity", "CheckDestinationActivity", "GuardNetworksActivity"})
_CREATE: Final = "CreateVMActivity"
_VERIFY: Final = "VerifyVMActivity"
_JUDGE: Final = "JudgePreflightActivity"


class _Decided(Record):
    decisions: tuple[NetworkDecision, ...]


class _Created(Record):
    vm: FailoverVm


class _Judged(Record):
    preflight: Preflight


class Progress:
    """What the events of one history, given in their order, say of the run.

    Attributes:
        picked_up: Whether a worker has ever worked on it.
        decisions: Those of the last step that made or changed them.
        vm: As it was last created or verified.
        checks: The preflight, once it is judged.
        recovery_point: As the preflight found it.
        held: Why the run holds for an order; empty when it does not.
    """

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._steps = StepReader(converter)
        self._under_way: dict[int, str] = {}
        self.picked_up = False
        self.decisions: tuple[NetworkDecision, ...] = ()
        self.vm: FailoverVm | None = None
        self.checks: tuple[Check, ...] = ()
        self.recovery_point: RecoveryPoint | None = None
        self.held = ""
        self._last_failure = ""

    @property
    def step(self) -> str:
        """What is under way, the latest of it; empty while the run decides, or waits for a worker."""
        return self._under_way[max(self._under_way)] if self._under_way else ""

    async def read(self, event: HistoryEvent) -> None:
        """Take in the next event."""
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            self.picked_up = True
        elif event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            self._under_way[event.event_id] = await self._steps.summary(event) or "wait"
        elif event.event_type == EventType.EVENT_TYPE_TIMER_FIRED:
            self._under_way.pop(event.timer_fired_event_attributes.started_event_id, None)
        elif event.event_type == EventType.EVENT_TYPE_TIMER_CANCELED:
            self._under_way.pop(event.timer_canceled_event_attributes.started_event_id, None)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
            self._last_failure = "it was cancelled"
        elif event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
            outcome = await outcome_said(self._converter, event)
            if outcome:
                self.held = self._last_failure if outcome in HOLDING else ""
        else:
            await self._read_step(event)

    async def _read_step(self, event: HistoryEvent) -> None:
        step = await self._steps.read(event)
        if step is None:
            return
        if step.state is StepState.STARTED:
            self._under_way[step.number] = step.summary
            return
        self._under_way.pop(step.number, None)
        if step.state is StepState.FAILED:
            self._last_failure = f"{step.summary}: {_reason(event)}"
        if step.state is StepState.DONE:
            payloads = event.activity_task_completed_event_attributes.result.payloads
            try:
                await self._learn(step.activity, payloads)
            except (ValidationError, RuntimeError):
                # A worker of another version may answer otherwise; what it found is in the run's end as well.
                return

    async def _learn(self, activity: str, payloads: Sequence[Payload]) -> None:
        if activity in _DECIDE:
            (decided,) = await self._converter.decode(payloads, [_Decided])
            self.decisions = decided.decisions
        elif activity == _CREATE:
            (created,) = await self._converter.decode(payloads, [_Created])
            self.vm = created.vm
        elif activity == _JUDGE:
            (judged,) = await self._converter.decode(payloads, [_Judged])
            self.checks = judged.preflight.checks
            self.recovery_point = judged.preflight.recovery_point
        elif activity == _VERIFY:
            (self.vm,) = await self._converter.decode(payloads, [FailoverVm])


async def outcome_said(converter: DataConverter, event: HistoryEvent) -> str:
    """Return the outcome that an upsert of search attributes shows; empty where it shows none."""
    fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    if OUTCOME_ATTRIBUTE not in fields:
        return ""
    (outcome,) = await converter.decode([fields[OUTCOME_ATTRIBUTE]])
    # A keyword travels as a text or as a list of one.
    return str(outcome[0] if isinstance(outcome, list) else outcome)


def _reason(event: HistoryEvent) -> str:
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
        return "it took too long"
    return event.activity_task_failed_event_attributes.failure.message or "it failed"
