"""What the database knows of a VM's replication."""

from temporalio import activity

from activities.messages.replication import ReplicationQuery
from activities.translate import typed_failures
from database import ReplicationRepository
from rules.disks import ReplicationFacts


class ReplicationFactsActivities:
    """Reads replication's own tables.

    Args:
        replication: Where the rows are.
    """

    def __init__(self, replication: ReplicationRepository) -> None:
        self._replication = replication

    @activity.defn(name="LoadReplicationActivity")
    async def load_replication(self, request: ReplicationQuery) -> ReplicationFacts:
        """Read disks, volumes, syncs and scheduler, as far as the schema has them.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            return await self._replication.facts(
                request.context.context_id, request.destination.config_id, workflow_id=request.workflow_id
            )
