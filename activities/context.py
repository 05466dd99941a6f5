"""The VM's context, from the database."""

from temporalio import activity

from activities.messages.context import LoadContextRequest, LoadedContext
from activities.translate import typed_failures
from database import ContextRepository, DestinationConfigRepository
from rules.contradictions import check_against_policy
from rules.errors import FailoverErrorType, FailoverRefused
from rules.policy import FailoverPolicy
from rules.request import check_against_context


class ContextActivities:
    """Reads what the request left out.

    Args:
        contexts: The protected VMs.
        configs: The CloudStack configurations.
        policy: The site's, handed to every run.
    """

    def __init__(
        self, contexts: ContextRepository, configs: DestinationConfigRepository, policy: FailoverPolicy
    ) -> None:
        self._contexts = contexts
        self._configs = configs
        self._policy = policy

    @activity.defn(name="LoadContextActivity")
    async def load_context(self, request: LoadContextRequest) -> LoadedContext:
        """Read the context and its configuration, and check the request against them.

        Raises:
            ApplicationError: UnknownContext, InvalidRequest, ConfigurationError, DatabaseUnavailable.
        """
        with typed_failures():
            context = await self._contexts.get(request.config.context_id)
            if context is None:
                raise FailoverRefused(
                    FailoverErrorType.UNKNOWN_CONTEXT, "context_id: there is no such replication context"
                )
            check_against_context(request.config, context)
            check_against_policy(request.config, self._policy)
            destination = await self._configs.for_context(context)
            return LoadedContext(context=context, destination=destination, policy=self._policy)
