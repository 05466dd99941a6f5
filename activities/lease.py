"""The lease on a VM's context, in the database."""

import uuid
from datetime import UTC, datetime

from temporalio import activity

from activities.messages.context import (
    HolderQuery,
    Holders,
    LeaseReply,
    LeaseRequest,
    ReleaseLeaseRequest,
)
from activities.messages.record import Recorded
from activities.translate import typed_failures
from database import LeaseRepository, RunRepository, context_resource, name_resource
from database.leases import LeaseAnswer
from database.run_records import VM_STATES_IN_USE
from rules.errors import FailoverErrorType, FailoverRefused
from rules.request import FailoverType


class LeaseActivities:
    """Asks for leases. A run that has begun gives them back by ``FinishRunActivity``, one that has not here.

    Args:
        leases: The table.
        runs: What a workflow id already stands for.
    """

    def __init__(self, leases: LeaseRepository, runs: RunRepository) -> None:
        self._leases = leases
        self._runs = runs

    @activity.defn(name="AcquireLeaseActivity")
    async def acquire(self, request: LeaseRequest) -> LeaseReply:
        """Ask for the context, and for live also for the name that will be created.

        A test yields to a live failover of the same VM; a live failover is never refused because of a test.

        Raises:
            ApplicationError: InvalidRequest when the workflow id belongs to the VM of another failover;
                DatabaseUnavailable.
        """
        live = context_resource(request.context_id, FailoverType.LIVE.value)
        is_live = request.failover_type is FailoverType.LIVE
        wanted = [
            (context_resource(request.context_id, request.failover_type.value), () if is_live else (live,))
        ]
        if is_live:
            wanted.append((name_resource(request.vm_name), ()))
        fresh = True
        token = str(uuid.uuid4())
        with typed_failures():
            await self._refuse_another_failover(request)
            for resource, blocking in wanted:
                answer = await self._ask(request, resource, blocking, token)
                fresh = fresh and not answer.reentrant and answer.taken_over_from is None
                if not answer.granted:
                    return LeaseReply(
                        granted=False,
                        fresh=fresh,
                        held_by=answer.held_by or "",
                        held_token=answer.held_token or "",
                        name_only=resource == name_resource(request.vm_name),
                    )
        return LeaseReply(granted=True, fresh=fresh)

    @activity.defn(name="ReleaseLeaseActivity")
    async def release(self, request: ReleaseLeaseRequest) -> Recorded:
        """Give the context back, of a run that ends while it waits for its VM's name.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        with typed_failures():
            await self._leases.release(request.owner)
        return Recorded()

    @activity.defn(name="FindHolderActivity")
    async def find_holder(self, request: HolderQuery) -> Holders:
        """Name those who hold what a run of this kind would ask for; nothing is taken.

        A test needs its own lease and that nobody fails the VM over live. A test is no reason against a live
        failover. The lease on a VM's name is left out: it is held for moments, and waited for.

        Raises:
            ApplicationError: DatabaseUnavailable.
        """
        asked = dict.fromkeys((request.failover_type, FailoverType.LIVE))
        with typed_failures():
            found = [
                await self._leases.holder(context_resource(request.context_id, kind.value)) for kind in asked
            ]
        return Holders(workflow_ids=tuple(dict.fromkeys(one for one in found if one)))

    async def _refuse_another_failover(self, request: LeaseRequest) -> None:
        """One workflow id, one VM: its record and the VM's identity are made from it."""
        known = await self._runs.get(request.owner)
        asked = (request.context_id, request.failover_type.value)
        if known is None or known.vm_state not in VM_STATES_IN_USE:
            return
        if (known.context_id, known.failover_type) != asked:
            raise FailoverRefused(
                FailoverErrorType.INVALID_REQUEST,
                f"workflow id: it stands for the {known.failover_type} failover of context "
                f"{known.context_id}, whose VM may exist; start this failover under another id",
            )

    async def _ask(
        self, request: LeaseRequest, resource: str, blocking: tuple[str, ...], token: str
    ) -> LeaseAnswer:
        return await self._leases.acquire(
            resource=resource,
            owner=request.owner,
            context_id=request.context_id,
            failover_type=request.failover_type.value,
            now=datetime.now(UTC),
            token=token,
            take_over_from=request.take_over_from or None,
            take_over_token=request.take_over_token or None,
            blocking=blocking,
        )
