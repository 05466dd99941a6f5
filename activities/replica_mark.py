"""What the database says of the replicas themselves: written to, reverted, snapshotted."""

from datetime import UTC, datetime

from temporalio import activity

from activities.messages.record import Recorded
from activities.messages.replication import ChangeIdRequest, RecordSnapshotsRequest, ReplicaMark
from activities.translate import typed_failures
from database import ReplicaRepository


class ReplicaMarkActivities:
    """Marks replicas, for this product and for replication.

    Args:
        replicas: ``failover_replicas``, change ids and the volumes' snapshots.
    """

    def __init__(self, replicas: ReplicaRepository) -> None:
        self._replicas = replicas

    @activity.defn(name="MarkReplicaActivity")
    async def mark_replica(self, request: ReplicaMark) -> Recorded:
        """Record that the replica is about to be written to, or that it is as it was.

        Raises:
            ApplicationError: FenceBroken when another failover wrote to it, or when it is to be marked dirty
                without the fence; DatabaseUnavailable.
        """
        with typed_failures():
            await self._replicas.mark(
                request.context_id, request.workflow_id, dirty=request.dirty, now=datetime.now(UTC)
            )
        return Recorded()

    @activity.defn(name="ClearChangeIdsActivity")
    async def clear_change_ids(self, request: ChangeIdRequest) -> Recorded:
        """Forget how far replication got with these disks: its next sync of them is a full one.

        Raises:
            ApplicationError: ConfigurationError when the schema keeps no change id per disk, so that nobody
                may think it was cleared; DatabaseUnavailable.
        """
        with typed_failures():
            await self._replicas.clear_change_ids(request.context_id, request.disk_ids, now=datetime.now(UTC))
        return Recorded()

    @activity.defn(name="RecordSnapshotsActivity")
    async def record_snapshots(self, request: RecordSnapshotsRequest) -> Recorded:
        """Record the snapshots where the appliance keeps them, as far as its schema has the columns.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            await self._replicas.record_snapshots(
                {one.volume_id: one.snapshot_id for one in request.snapshots},
                gone=request.gone,
                now=datetime.now(UTC),
            )
        return Recorded()
