"""What goes on after a completed run, read from the history of the workflow that does it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from client.endings import not_completed, trouble_of
from client.outages import Pause, passes, through_outages, typed_errors
from client.progress import Progress
from client.runs import Aftermath
from rules.models import Record
from rules.outcomes import EndReport
from rules.temporal_names import EXTEND_UPDATE, VERIFIED_SIGNAL

_RECORD_END: Final = "RecordEndActivity"
_SOURCE_RETURNED: Final = "SourceReturnedActivity"


class _Order(Record):
    """Of the input of the workflow that goes on: what a reader needs."""

    duration_seconds: float | None = None
    until: datetime | None = None
    source_returned: bool = False


class _Ended(Record):
    report: EndReport


class AftermathReader:
    """What the events of one history, given in their order, say of a drill's or a live VM's time.

    Attributes:
        until: How long the drill lives.
        source_returned: A lost source was seen again.
        report: What was recorded last of an end.
        taken: The ids of the orders that were taken.
    """

    def __init__(self, converter: DataConverter) -> None:
        self._converter = converter
        self._progress = Progress(converter)
        self._seconds: float | None = None
        self._recording: dict[int, EndReport] = {}
        self._looking: set[int] = set()
        self._extending: set[str] = set()
        self.taken: set[str] = set()
        self.until: datetime | None = None
        self.source_returned = False
        self.report: EndReport | None = None

    @property
    def step(self) -> str:
        """What is under way."""
        return self._progress.step

    async def read(self, event: HistoryEvent) -> bool:
        """Take in the next event; True when it completes the record of an end."""
        await self._progress.read(event)
        kind = event.event_type
        if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            await self._begin(event)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            if event.workflow_execution_signaled_event_attributes.signal_name == VERIFIED_SIGNAL:
                self._begin_time(event)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request
            self.taken.add(request.meta.update_id)
            if request.input.name == EXTEND_UPDATE:
                self._extending.add(request.meta.update_id)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            await self._end_update(event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            await self._schedule(event)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            return self._complete(event.activity_task_completed_event_attributes.scheduled_event_id)
        return False

    async def _begin(self, event: HistoryEvent) -> None:
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        order = await self._decoded(payloads, _Order)
        if order is None:
            return
        self._seconds, self.source_returned = order.duration_seconds, order.source_returned
        self.until = order.until
        if self.until is None:
            self._begin_time(event)

    def _begin_time(self, event: HistoryEvent) -> None:
        if self._seconds is not None:
            self.until = event.event_time.ToDatetime(tzinfo=UTC) + timedelta(seconds=self._seconds)

    async def _end_update(self, event: HistoryEvent) -> None:
        attributes = event.workflow_execution_update_completed_event_attributes
        if attributes.meta.update_id in self._extending and attributes.outcome.HasField("success"):
            until = await self._decoded(attributes.outcome.success.payloads, datetime)
            self.until = until or self.until

    async def _schedule(self, event: HistoryEvent) -> None:
        attributes = event.activity_task_scheduled_event_attributes
        if attributes.activity_type.name == _SOURCE_RETURNED:
            self._looking.add(event.event_id)
        if attributes.activity_type.name == _RECORD_END:
            ended = await self._decoded(attributes.input.payloads, _Ended)
            if ended is not None:
                self._recording[event.event_id] = ended.report

    def _complete(self, scheduled: int) -> bool:
        self.source_returned = self.source_returned or scheduled in self._looking
        if scheduled not in self._recording:
            return False
        self.report = self._recording.pop(scheduled)
        return True

    async def _decoded(self, payloads: Any, kind: type[Any]) -> Any:  # noqa: ANN401 - as the kind says
        try:
            (value,) = await self._converter.decode(payloads, [kind])
        except (ValidationError, ValueError, RuntimeError):
            # A worker of another version may write otherwise; what it did is not hidden by that.
            return None
        return value


async def aftermath_of(client: Client, workflow_id: str) -> Aftermath | None:
    """Tell how the workflow that goes on after a run stands; None when Temporal does not keep it."""
    handle = client.get_workflow_handle(workflow_id)
    with typed_errors(client, workflow_id):
        try:
            run = await through_outages(handle.describe)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and not passes(error):
                return None
            raise
        reader = AftermathReader(client.data_converter)
        async for event in client.get_workflow_handle(workflow_id, run_id=run.run_id).fetch_history_events():
            await reader.read(event)
    is_open = run.status is WorkflowExecutionStatus.RUNNING
    return Aftermath(
        workflow_id=workflow_id,
        open=is_open,
        until=reader.until if is_open else None,
        source_returned=reader.source_returned,
        step=reader.step if is_open else "",
        trouble=trouble_of(run.raw_description.pending_activities, reader.step) if is_open else None,
        report=reader.report,
        ended_as="" if is_open or reader.report else _way_it_ended(run),
    )


async def end_of(client: Client, workflow_id: str, update_id: str) -> EndReport:
    """Wait for what an order leads to: the end, or a try that left something behind.

    Args:
        client: Connected with the pydantic converter.
        workflow_id: The workflow that took the order.
        update_id: The order's; a record of an end that was made before it is none of its.

    Raises:
        FailoverNotCompleted: It was terminated or failed.
        FailoverNotFound: Temporal knows no such workflow.
        RPCError: A code that does not pass.
    """
    handle = client.get_workflow_handle(workflow_id)
    with typed_errors(client, workflow_id):
        run = await through_outages(handle.describe)
        reader = AftermathReader(client.data_converter)
        async for event in _events(client, workflow_id, run.run_id or ""):
            recorded = await reader.read(event)
            if recorded and reader.report is not None and update_id in reader.taken:
                return reader.report
        try:
            # Closed, or continued as new: then the order's own record comes in a later run of it.
            result: EndReport = await through_outages(
                client.get_workflow_handle(workflow_id, run_id=run.run_id, result_type=EndReport).result
            )
        except WorkflowFailureError as error:
            raise not_completed(workflow_id, error.cause) from error
    return result


async def _events(client: Client, workflow_id: str, run_id: str) -> AsyncIterator[HistoryEvent]:
    """Yield every event of a run, none twice, until the run is over."""
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id, run_id=run_id)
    pause, last = Pause(), 0
    while True:
        try:
            async for event in handle.fetch_history_events(wait_new_event=True):
                if event.event_id <= last:
                    continue
                last = event.event_id
                pause.reset()
                yield event
        except RPCError as error:
            if not passes(error):
                raise
        else:
            return
        await pause.take()


def _way_it_ended(run: WorkflowExecutionDescription) -> str:
    return run.status.name.lower() if run.status is not None else "unknown"
