"""What a run does, step by step, read from its history while it grows."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from rules.models import Record

_ENDS: Final = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: ("activity_task_completed_event_attributes", "done"),
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: ("activity_task_failed_event_attributes", "failed"),
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: ("activity_task_timed_out_event_attributes", "failed"),
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: ("activity_task_canceled_event_attributes", "cancelled"),
}


class StepState(StrEnum):
    """Where a step of a run stands."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Step(Record):
    """One step of a run.

    Attributes:
        number: Tells two steps of one name apart; rises along the run.
        activity: The activity's registered name.
        summary: What the Web UI shows for it; the name where it has none.
        state: Where it stands. A failed step may be undone or done otherwise: the run's end decides.
        at: When Temporal recorded that, in UTC.
    """

    number: int
    activity: str
    summary: str
    state: StepState
    at: datetime


class StepReader:
    """Turns the events of one history, given in their order, into steps."""

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._open: dict[int, Step] = {}

    async def read(self, event: HistoryEvent) -> Step | None:
        """Return the step that the event begins or ends, if it does either."""
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            activity = event.activity_task_scheduled_event_attributes.activity_type.name
            step = Step(
                number=event.event_id,
                activity=activity,
                summary=await self.summary(event) or activity,
                state=StepState.STARTED,
                at=_time(event),
            )
            self._open[event.event_id] = step
            return step
        if event.event_type not in _ENDS:
            return None
        attributes, state = _ENDS[event.event_type]
        begun = self._open.pop(getattr(event, attributes).scheduled_event_id)
        return begun.model_copy(update={"state": StepState(state), "at": _time(event)})

    async def summary(self, event: HistoryEvent) -> str:
        """Return what the Web UI shows for the event; empty where it has none."""
        if not event.user_metadata.HasField("summary"):
            return ""
        (summary,) = await self._converter.decode([event.user_metadata.summary], [str])
        return str(summary)


def _time(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
