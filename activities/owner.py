"""The holder of a lease, as Temporal knows it."""

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import failure
from activities.messages.context import OwnerQuery, OwnerState
from rules.errors import FailoverErrorType

_NOT_ALLOWED = frozenset({RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED})


class OwnerActivities:
    """Asks Temporal; a lease is never judged by its age.

    Args:
        client: Of the namespace that all failovers run in.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name="DescribeOwnerActivity")
    async def describe_owner(self, request: OwnerQuery) -> OwnerState:
        """Say whether a workflow is open. One that Temporal does not know, or no longer, is not.

        Raises:
            ApplicationError: ConfigurationError when the worker may not ask.
        """
        try:
            found = await self._client.get_workflow_handle(request.workflow_id).describe()
        except RPCError as error:
            if error.status in _NOT_ALLOWED:
                raise failure(
                    FailoverErrorType.CONFIGURATION_ERROR,
                    f"Temporal does not let the worker describe workflows: {error.status.name}",
                ) from error
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise  # Temporal is away: asked again
            return OwnerState(open=False)
        return OwnerState(open=found.status is WorkflowExecutionStatus.RUNNING)
