"""The mapping rows of a VM, for those who want to read them."""

from temporalio import activity

from activities.messages.networks import MappingsRequest
from activities.translate import typed_failures
from database import ContextRepository, NetworkMappingRepository
from rules.errors import FailoverErrorType, FailoverRefused
from rules.explanation import MappingList


class MappingActivities:
    """Reads mappings.

    Args:
        contexts: The protected VMs.
        mappings: Their rows.
    """

    def __init__(self, contexts: ContextRepository, mappings: NetworkMappingRepository) -> None:
        self._contexts = contexts
        self._mappings = mappings

    @activity.defn(name="ListMappingsActivity")
    async def list_mappings(self, request: MappingsRequest) -> MappingList:
        """List the rows that a failover of the context would use, of both kinds, by id.

        Raises:
            ApplicationError: UnknownContext, DatabaseUnavailable.
        """
        with typed_failures():
            context = await self._contexts.get(request.context_id)
            if context is None:
                raise FailoverRefused(
                    FailoverErrorType.UNKNOWN_CONTEXT, "context_id: there is no such replication context"
                )
            rows = await self._mappings.get_by_context_id(context.context_id, context.vmware_vm_id)
        return MappingList(context_id=request.context_id, rows=tuple(rows))
