"""What a failover holds and has, read anew where it acts: a reset replays what was true before."""

from activities.failures import failure
from activities.lease import LeaseActivities
from activities.messages.context import LeaseRequest, OwnerQuery
from activities.messages.vm import VmOwner
from activities.owner import OwnerActivities
from activities.record import completed_vm_id
from activities.translate import typed_failures
from database import RunRepository
from rules.errors import FailoverErrorType
from rules.naming import live_vm_name


class Tenure:
    """Asks and takes again on behalf of a run that was reset.

    Args:
        leases: The lease that such a run's earlier execution may have given back.
        owners: Whether whoever has it now still runs.
        runs: What that earlier execution recorded.
    """

    def __init__(self, leases: LeaseActivities, owners: OwnerActivities, runs: RunRepository) -> None:
        self._leases = leases
        self._owners = owners
        self._runs = runs

    async def hold(self, owner: VmOwner) -> None:
        """Hold the lease again, re-entrant as it is.

        Raises:
            ApplicationError: FailoverInProgress, VmNameBusy, DatabaseUnavailable.
        """
        take_over_from = take_over_token = ""
        while True:
            reply = await self._leases.acquire(
                LeaseRequest(
                    context_id=owner.context_id,
                    failover_type=owner.failover_type,
                    owner=owner.workflow_id,
                    vm_name=live_vm_name(owner.source_vm_name),
                    take_over_from=take_over_from,
                    take_over_token=take_over_token,
                )
            )
            if reply.granted:
                return
            if (await self._owners.describe_owner(OwnerQuery(workflow_id=reply.held_by))).open:
                kind = (
                    FailoverErrorType.VM_NAME_BUSY
                    if reply.name_only
                    else FailoverErrorType.FAILOVER_IN_PROGRESS
                )
                raise failure(kind, f"Another failover holds this VM now: workflow {reply.held_by}")
            take_over_from, take_over_token = reply.held_by, reply.held_token

    async def completed_vm_id(self, workflow_id: str) -> str:
        """Return the VM that an earlier execution completed, empty where there is none.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            found = await self._runs.get(workflow_id)
        return completed_vm_id(found) if found is not None else ""
