"""What the database keeps of the time after a run: its end, a source that came back, who holds a replica."""

from contextlib import suppress
from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities.messages.aftermath import DrillHolder, DrillQuery, End, RecordEndRequest, SourceReturned
from activities.messages.record import Recorded
from activities.summaries import end_summary, status_after
from activities.translate import typed_failures
from database import (
    ContextRepository,
    Ending,
    LeaseRepository,
    ReplicaRepository,
    RunRepository,
    UnknownRun,
)
from rules.request import FailoverType
from rules.temporal_names import cleanup_workflow_id

_log = structlog.get_logger(__name__)


class AftermathActivities:
    """Records ends and gives the VM's context back.

    Args:
        runs: ``failover_runs`` and ``failover_jobs``.
        contexts: ``current_status`` and ``last_operation_summary``.
        leases: ``failover_leases``.
        replicas: Who fenced a replica, and who wrote to it.
    """

    def __init__(
        self,
        runs: RunRepository,
        contexts: ContextRepository,
        leases: LeaseRepository,
        replicas: ReplicaRepository,
    ) -> None:
        self._runs = runs
        self._contexts = contexts
        self._leases = leases
        self._replicas = replicas

    @activity.defn(name="RecordEndActivity")
    async def record_end(self, request: RecordEndRequest) -> Recorded:
        """Record the end, then the status that it leads to, then give the context back.

        A commit also lets go of the replicas: they are the new VM's disks, and whoever protects the machine
        anew must be able to. Their scheduler stays off until somebody does.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        now = datetime.now(UTC)
        report = {
            "removed": list(request.removed),
            "left_behind": list(request.left_behind),
            "report": request.report,
        }
        status, unless = status_after(request)
        with typed_failures():
            with suppress(UnknownRun):  # a database that lost the run still has the context and the lease
                await self._runs.end(
                    request.workflow_id, Ending(request.end.value), ended_at=now, report=report
                )
            if request.end is End.COMMITTED:
                await self._replicas.hand_over(request.context_id, request.workflow_id, now=now)
            await self._contexts.record_operation(
                request.context_id, end_summary(request, now), status=status, unless=unless, at=now
            )
            if request.release:
                await self._leases.release(request.holder)
        return Recorded()

    @activity.defn(name="SourceReturnedActivity")
    async def source_returned(self, request: SourceReturned) -> Recorded:
        """Record that a source which was declared lost is there again; the log says so the first time.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        first = True  # a database that lost the run cannot say whether it was told before
        with typed_failures(), suppress(UnknownRun):
            first = await self._runs.source_returned(
                request.workflow_id, request.power_state, at=datetime.now(UTC)
            )
        if first:
            _log.warning(
                "source_returned",
                workflow_id=request.workflow_id,
                context_id=request.context_id,
                power_state=request.power_state,
            )
        return Recorded()

    @activity.defn(name="DescribeDrillActivity")
    async def describe_drill(self, request: DrillQuery) -> DrillHolder:
        """Name the workflow that gives the replica back which a drill took: its fence stands until then.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            drill = (await self._replicas.state(request.context_id)).fenced_by
            if not drill:
                return DrillHolder()
            run = await self._runs.get(drill)
            if run is None or run.failover_type != FailoverType.TEST.value:
                return DrillHolder()
        # Whoever holds the lease by now: the fence is this drill's, and its own cleanup gives it back.
        return DrillHolder(cleanup_workflow_id=cleanup_workflow_id(drill))
