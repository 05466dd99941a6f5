"""One activity call: its time limits, its line in the Web UI.

All activities are told of a cancel and waited for (``WAIT_CANCELLATION_COMPLETED``), so that no step overlaps
its undo. Database steps are retried until the database is back. The others have a budget from the policy,
counted in tries: the time in which no worker was there must not end a failover.
"""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from rules.models import Record

Reply = TypeVar("Reply", bound=Record)

LONGEST_PAUSE = timedelta(seconds=15)
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=LONGEST_PAUSE)
TWICE = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=2)
ONCE = RetryPolicy(maximum_attempts=1)
DATABASE_CALL = timedelta(seconds=30)
CLOUD_CALL = timedelta(seconds=180)
_FEWEST_TRIES = 5


async def step(  # noqa: PLR0913 - one line per limit of a step
    name: str,
    request: Record,
    reply: type[Reply],
    summary: str,
    *,
    start_to_close: timedelta = DATABASE_CALL,
    heartbeat: timedelta | None = None,
    retry: RetryPolicy = PATIENT,
    task_queue: str | None = None,
    schedule_to_start: timedelta | None = None,
) -> Reply:
    """Run one activity and return its reply.

    Args:
        name: The activity's.
        request: Its one argument.
        reply: What it answers.
        summary: For the Web UI.
        start_to_close: How long one try may take.
        heartbeat: After this silence a try counts as lost.
        retry: How often.
        task_queue: Where, if not on the workflow's own queue.
        schedule_to_start: How long a worker may take to begin.

    Raises:
        ActivityError: With the typed failure as its cause.
    """
    answer: Reply = await workflow.execute_activity(
        name,
        request,
        result_type=reply,
        summary=summary,
        start_to_close_timeout=start_to_close,
        heartbeat_timeout=heartbeat,
        retry_policy=retry,
        task_queue=task_queue,
        schedule_to_start_timeout=schedule_to_start,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
    return answer


def within(budget_seconds: float) -> RetryPolicy:
    """Return the retries that fit a budget, however short their tries are."""
    tries = _FEWEST_TRIES + int(budget_seconds / LONGEST_PAUSE.total_seconds())
    return RetryPolicy(
        initial_interval=timedelta(seconds=1), maximum_interval=LONGEST_PAUSE, maximum_attempts=tries
    )
