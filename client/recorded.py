"""What a run wrote down about its own end: a cancelled workflow carries no report, its history does."""

from typing import Final

from pydantic import ValidationError
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from client.following import handle_of
from client.outages import typed_errors
from rules.models import Record
from rules.outcomes import FailureReport

_FINISH: Final = "FinishRunActivity"


class _Finished(Record):
    report: FailureReport


async def recorded_report(client: Client, workflow_id: str, run_id: str | None) -> FailureReport | None:
    """Return the last report of a failure that the run recorded; None where it recorded none."""
    report: FailureReport | None = None
    with typed_errors(client, workflow_id):
        async for event in handle_of(client, workflow_id, run_id).fetch_history_events():
            if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                continue
            attributes = event.activity_task_scheduled_event_attributes
            if attributes.activity_type.name != _FINISH:
                continue
            try:
                (ended,) = await client.data_converter.decode(attributes.input.payloads, [_Finished])
            except (ValidationError, ValueError, RuntimeError):
                # A completion, or a worker of another version.
                continue
            report = ended.report
    return report
