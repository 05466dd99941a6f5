"""The source VM as the database last knew it, for when the source side cannot be asked."""

import structlog
from temporalio import activity

from activities.failures import failure
from activities.messages.networks import SourceRequest
from activities.translate import typed_failures
from database import NetworkMappingRepository, StoredNicRepository
from rules.errors import FailoverErrorType
from rules.nics import NicSource, SourceNic, SourceVm

_log = structlog.get_logger(__name__)


class StoredSourceActivities:
    """Falls back, and says so.

    Args:
        stored: ``vm_disks.network_config``.
        mappings: The last resort: their source names.
    """

    def __init__(self, stored: StoredNicRepository, mappings: NetworkMappingRepository) -> None:
        self._stored = stored
        self._mappings = mappings

    @activity.defn(name="LoadStoredSourceActivity")
    async def load_stored_source(self, request: SourceRequest) -> SourceVm:
        """Take the NICs from what was stored, failing that from the mapping rows, marked as inferred.

        Raises:
            ApplicationError: SourceNicsUnknown when neither knows a NIC; StoredDataUnreadable;
                DatabaseUnavailable.
        """
        context = request.context
        with typed_failures():
            stored = await self._stored.source_vm(context)
            found = stored if stored is not None and stored.nics else await self._inferred(request)
        if found is None:
            raise failure(
                FailoverErrorType.SOURCE_NICS_UNKNOWN,
                f"{request.reason} The database has no NICs of this VM either: add mapping rows for it, "
                "or bring the VMware agent back",
            )
        _log.warning("source_from_database", context_id=context.context_id, source=found.source.value)
        return found.model_copy(update={"reason": request.reason})

    async def _inferred(self, request: SourceRequest) -> SourceVm | None:
        context = request.context
        rows = await self._mappings.get_by_context_id(context.context_id, context.vmware_vm_id)
        names = list(
            dict.fromkeys(row.source_network_name for row in rows if row.source_network_name.strip())
        )
        if not names:
            return None
        return SourceVm(
            source=NicSource.MAPPINGS,
            nics=tuple(SourceNic(index=index, network_name=name) for index, name in enumerate(names)),
            inferred=True,
            cpu_count=context.cpu_count,
            memory_mb=context.memory_mb,
        )
