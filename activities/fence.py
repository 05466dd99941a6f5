"""The fence: replication is kept off a VM's disks, by its own scheduler's switch and a row of ours."""

from datetime import UTC, datetime

from temporalio import activity

from activities.messages.record import Recorded
from activities.messages.replication import Fence, FenceRequest
from activities.translate import typed_failures
from database import ReplicaRepository, ReplicationRepository, RunRepository, VmState
from rules.errors import FailoverErrorType, FailoverRefused


class FenceActivities:
    """Sets, looks at and takes away the fence of a VM context.

    The fence belongs to the failover's workflow id for as long as it stands, also when the workflow that
    waits for the commit, or cleans a drill up, acts for it.

    Args:
        replicas: Our row, and the scheduler's switch.
        replication: Whether a job runs.
        runs: Whether the run completed before.
    """

    def __init__(
        self, replicas: ReplicaRepository, replication: ReplicationRepository, runs: RunRepository
    ) -> None:
        self._replicas = replicas
        self._replication = replication
        self._runs = runs

    @activity.defn(name="FenceReplicationActivity")
    async def fence_replication(self, request: FenceRequest) -> Fence:
        """Switch the scheduler of this VM off, and say whether a job still runs.

        A repeated call finds its own fence and returns the scheduler's value from before the first.

        Raises:
            ApplicationError: FenceBroken when another failover holds the fence, UnknownContext,
                DatabaseUnavailable.
        """
        with typed_failures():
            await self._refuse_a_completed_run(request)
            before = await self._replicas.fence(
                request.context_id, request.workflow_id, now=datetime.now(UTC)
            )
            return Fence(
                scheduler_was_enabled=before, running=await self._replication.running(request.context_id)
            )

    @activity.defn(name="CheckFenceActivity")
    async def check_fence(self, request: FenceRequest) -> Recorded:
        """Look that the fence is ours, the scheduler off and no job running.

        Raises:
            ApplicationError: FenceBroken with what is wrong, DatabaseUnavailable.
        """
        with typed_failures():
            await self._refuse_a_completed_run(request)
            state = await self._replicas.state(request.context_id)
            if state.fenced_by != request.workflow_id:
                found = f"workflow {state.fenced_by} holds it" if state.fenced_by else "nobody holds it"
                raise _broken(f"the fence of context {request.context_id} is not ours: {found}")
            if state.scheduler_enabled:
                raise _broken(f"the scheduler of context {request.context_id} was switched on again")
            running = await self._replication.running(request.context_id)
            if running is not None and running.job_id != request.lost_job_id:
                raise _broken(
                    f"replication job {running.job_id} of context {request.context_id} runs: {running.status}"
                )
        return Recorded()

    @activity.defn(name="ReleaseFenceActivity")
    async def release_fence(self, request: FenceRequest) -> Recorded:
        """Give the scheduler its old value back, if the fence is ours; another's is left as it is.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            await self._replicas.release(request.context_id, request.workflow_id, now=datetime.now(UTC))
        return Recorded()

    async def _refuse_a_completed_run(self, request: FenceRequest) -> None:
        if not request.by_run:
            return
        record = await self._runs.get(request.workflow_id)
        if record is not None and record.vm_state is VmState.RUNNING:
            raise _broken(
                f"run {request.workflow_id} completed, and its VM {record.vm_id} is in use: "
                "a reset goes no further"
            )


def _broken(message: str) -> FailoverRefused:
    return FailoverRefused(FailoverErrorType.FENCE_BROKEN, message)
