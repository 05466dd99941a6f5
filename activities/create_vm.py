"""CreateVMActivity: exactly one VM per failover, whatever is retried, lost or repeated.

Look up before create; adopt what is found; after any answer but a plain success look again. The look decides:

=======================  ==========================================================================
what the look finds      what follows
=======================  ==========================================================================
our VM, usable           it is adopted
our VM, Error/Destroyed  it is removed, and the generation rises, since its id is spent (observed, 2)
our id, expunged         the generation rises
nothing                  the create call's own answer decides: passing errors are retried, others end it
=======================  ==========================================================================

A key that may not choose ids (531) has only name and mark to find a VM by, and CloudStack lets two parallel
creates of one name pass (observed, 3): there an unanswered create call is first left to expire.
"""

import asyncio

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.failures import CERTAINLY_NOT_MADE, failure
from activities.guarding import Guard
from activities.heartbeats import heartbeats, to_the_end
from activities.messages.vm import CreateVMReply, CreateVMRequest
from activities.our_vms import DEAD, USABLE, OurVMs
from activities.tenure import Tenure
from activities.translate import type_of, typed_failures
from cloudstack import (
    CloudStackError,
    DeploySpec,
    Existence,
    InvalidParameter,
    NetworkRequest,
    NotPermitted,
    OutcomeUnknown,
    Refused,
    ServerFault,
    VirtualMachine,
)
from rules.errors import FailoverErrorType
from rules.identity import vm_marks
from rules.naming import display_name
from rules.outcomes import FailoverVm

_log = structlog.get_logger(__name__)

_MOST_GENERATIONS = 20
_STOPPED = "Stopped"


class CreateVMActivities:
    """Creates the VM of a failover.

    Args:
        clouds: The clients.
        tenure: What a run that was reset must know anew.
        guard: Asked for a test right before each create call, since a retry may come much later.
    """

    def __init__(self, clouds: Clouds, tenure: Tenure, guard: Guard) -> None:
        self._clouds = clouds
        self._tenure = tenure
        self._guard = guard

    @activity.defn(name="CreateVMActivity")
    async def create_vm(self, request: CreateVMRequest) -> CreateVMReply:
        """Create the VM stopped, with its NICs in order, or adopt the one that is ours already.

        Raises:
            ApplicationError: CloudStackRefused, CloudStackNotPermitted, QuotaExceeded, VmCreateFailed;
                VmLost when the VM in use is destroyed, FailoverInProgress when a reset comes too late;
                CloudStackUnavailable, CloudStackOutcomeUnknown, CloudStackNoCapacity and VmBusy are retried.
        """
        with typed_failures():
            async with heartbeats():
                if request.after_reset:
                    request = await self._renewed(request)
                cloud = await self._clouds.of(request.owner.destination)
                return await _Creation(cloud, request, self._guard).run()

    async def _renewed(self, request: CreateVMRequest) -> CreateVMRequest:
        await self._tenure.hold(request.owner)
        completed = await self._tenure.completed_vm_id(request.owner.workflow_id)
        return request.model_copy(update={"completed_vm_id": completed})


class _GenerationSpent(Exception):
    """CloudStack knows this generation's id and will never take it again."""


class _Creation:
    def __init__(self, cloud: Cloud, request: CreateVMRequest, guard: Guard) -> None:
        self._guard = guard
        self._client = cloud.client
        self._request = request
        self._vms = OurVMs(cloud, request.owner)
        self._only_attempt = activity.info().attempt == 1 and request.settled
        self._all_answered = True
        self._cleared: dict[str, str] = {}

    async def run(self) -> CreateVMReply:
        first = max(1, self._request.first_generation)
        for generation in range(first, first + _MOST_GENERATIONS):
            try:
                reply = await self._create(generation)
                return reply.model_copy(update={"cleared": tuple(self._cleared.values())})
            except _GenerationSpent:
                _log.warning("vm_generation_spent", identity=self._vms.identity(generation))
            except Refused as error:
                certain = [CERTAINLY_NOT_MADE] if self._only_attempt and self._all_answered else []
                raise failure(type_of(error), str(error), *certain) from error
        raise failure(
            FailoverErrorType.VM_CREATE_FAILED, f"{_MOST_GENERATIONS} generations of the VM were all lost"
        )

    async def _create(self, generation: int) -> CreateVMReply:
        found = await self._look(generation) or await self._look_by_mark(generation)
        if found is not None:
            return found
        try:
            return await self._submit(generation, self._vms.identity(generation))
        except NotPermitted:
            # The key may not choose ids, or may not do this at all: the same call without an id tells.
            return await self._create_without_id(generation)
        except (InvalidParameter, ServerFault, OutcomeUnknown) as error:
            return await self._settle(generation, error)

    async def _create_without_id(self, generation: int) -> CreateVMReply:
        if not self._only_attempt:
            await asyncio.sleep(self._request.policy.settle_seconds)
            found = await self._look_by_mark(generation)
            if found is not None:
                return found
        try:
            return await self._submit(generation, None)
        except (InvalidParameter, ServerFault, OutcomeUnknown) as error:
            return await self._settle(generation, error)

    async def _settle(self, generation: int, error: CloudStackError) -> CreateVMReply:
        if isinstance(error, OutcomeUnknown):
            self._all_answered = False
        cleared = len(self._cleared)
        found = await self._look(generation) or await self._look_by_mark(generation)
        if found is not None:
            return found
        if len(self._cleared) > cleared and self._only_attempt and self._all_answered:
            raise _GenerationSpent  # the call left a dead VM, and nothing is under way: go on at once
        raise error

    async def _look(self, generation: int) -> CreateVMReply | None:
        lookup = await self._vms.by_identity(generation)
        if lookup.existence is Existence.EXPUNGED:
            raise _GenerationSpent
        return None if lookup.vm is None else await self._take(lookup.vm, generation)

    async def _look_by_mark(self, generation: int) -> CreateVMReply | None:
        found = await self._vms.by_mark()
        dead = [vm for vm in found if vm.state in DEAD and vm.id not in self._cleared]
        for vm in dead:
            await self._clear_away(vm)
        if any(self._vms.generation_of(vm, _MOST_GENERATIONS) >= generation for vm in dead):
            # A key that may not expunge leaves the name taken.
            raise _GenerationSpent
        alive = [vm for vm in found if vm.state not in DEAD]
        if len(alive) > 1:
            # Observed, section 3: parallel creates of one name. Only an operator may choose which one lives.
            raise failure(
                FailoverErrorType.VM_CREATE_FAILED,
                f"CloudStack holds {len(alive)} VMs of this failover: {', '.join(vm.id for vm in alive)}",
            )
        if not alive:
            return None
        return await self._take(alive[0], self._vms.generation_of(alive[0], _MOST_GENERATIONS))

    async def _take(self, vm: VirtualMachine, generation: int) -> CreateVMReply:
        if vm.state in DEAD:
            await self._clear_away(vm)
            raise _GenerationSpent
        if vm.state not in USABLE:
            raise failure(FailoverErrorType.VM_BUSY, f"VM {vm.name} ({vm.id}) is in state {vm.state}")
        _log.info("vm_adopted", vm_id=vm.id, vm_name=vm.name, state=vm.state)
        described = self._describe(vm.id, vm.name, generation, vm.state, adopted=True)
        return CreateVMReply(vm=described.model_copy(update={"lease_days": vm.leaseduration or 0}))

    async def _clear_away(self, vm: VirtualMachine) -> None:
        if vm.id == self._request.completed_vm_id:
            # A destroyed VM can be recovered for a while, and this one may have been in use.
            raise failure(
                FailoverErrorType.VM_LOST,
                f"VM {vm.name} ({vm.id}), which an earlier run of this workflow completed, is in state "
                f"{vm.state}: recover or expunge it in CloudStack first",
            )
        self._cleared[vm.id] = f"{vm.name} ({vm.id}), found in state {vm.state}: {await self._vms.remove(vm)}"
        _log.warning("vm_cleared_away", what=self._cleared[vm.id])

    async def _submit(self, generation: int, customid: str | None) -> CreateVMReply:
        name = self._vms.name(generation)
        if self._request.guard is not None:
            await self._guard(self._request.guard)
        return await to_the_end(self._deploy(generation, name, customid))

    async def _deploy(self, generation: int, name: str, customid: str | None) -> CreateVMReply:
        submitted = await self._client.deploy_vm(
            self._spec(generation, name, customid),
            expires_in=self._request.policy.create_expiry_seconds,
        )
        if submitted.id is None:
            raise OutcomeUnknown("deployVirtualMachine", None, None, "the reply names no VM")
        _log.info("vm_submitted", vm_id=submitted.id, vm_name=name, job_id=submitted.jobid)
        vm = self._describe(submitted.id, name, generation, _STOPPED, adopted=False)
        if self._request.lease_days:
            vm = vm.model_copy(update={"lease_days": await self._lease_of(vm.id)})
        return CreateVMReply(vm=vm, job_id=submitted.jobid)

    async def _lease_of(self, vm_id: str) -> int:
        """Read the lease back: where the feature is off it is dropped without a word (observed, 17)."""
        try:
            vm = (await self._vms.find(vm_id)).vm
        except CloudStackError:
            return 0  # the VM is made, and its verification reads this again
        return 0 if vm is None else vm.leaseduration or 0

    def _spec(self, generation: int, name: str, customid: str | None) -> DeploySpec:
        request, compute = self._request, self._request.compute
        owner = request.owner
        return DeploySpec(
            name=name,
            displayname=self._display(name),
            zoneid=compute.zone_id,
            templateid=compute.template_id,
            serviceofferingid=compute.service_offering_id,
            networks=tuple(
                NetworkRequest(one.destination_network_id, one.mac_address or None)
                for one in request.decisions
                if one.connected
            ),
            customid=customid,
            details=vm_marks(
                owner.workflow_id,
                owner.context_id,
                owner.failover_type.value,
                self._vms.identity(generation),
            ),
            cpu_number=compute.cpu_count or None,
            cpu_speed=compute.cpu_speed_mhz or None,
            memory=compute.memory_mb or None,
            uefi=compute.uefi,
            lease_days=request.lease_days,
        )

    def _describe(self, vm_id: str, name: str, generation: int, state: str, *, adopted: bool) -> FailoverVm:
        return FailoverVm(
            id=vm_id,
            name=name,
            display_name=self._display(name),
            generation=generation,
            state=state,
            adopted=adopted,
        )

    def _display(self, name: str) -> str:
        source_name = self._request.owner.source_vm_name
        return display_name(source_name if name == source_name else f"{source_name} ({name})")
