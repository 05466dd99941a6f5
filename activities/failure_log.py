"""One line in the log for each failed try of an activity, no stack trace for an expected refusal."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

_log = structlog.get_logger(__name__)


class FailureLog(Interceptor):
    """Logs type and message of typed failures; everything else the SDK logs with its stack."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's own name
        """Stand before every activity."""
        return _Logging(next)


class _Logging(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        try:
            return await super().execute_activity(input)
        except ApplicationError as error:
            info = activity.info()
            log = _log.error if error.non_retryable else _log.warning
            log(
                "activity_failed",
                activity=info.activity_type,
                workflow_id=info.workflow_id,
                attempt=info.attempt,
                error_type=error.type,
                reason=error.message,
                will_retry=not error.non_retryable,
            )
            raise
