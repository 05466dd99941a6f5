"""Start the VM and verify it: what CloudStack reads back decides."""

from temporalio import activity

from activities.clouds import Clouds
from activities.failures import failure
from activities.guarding import Guard
from activities.heartbeats import heartbeats, to_the_end
from activities.messages.vm import StartReply, StartVMRequest, VerifyRequest
from activities.our_vms import read_nics
from activities.translate import typed_failures
from cloudstack import InvalidParameter, VirtualMachine
from rules.context import DestinationConfig
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverVm
from rules.verification import nic_differences

_RUNNING = "Running"
_STARTABLE = frozenset({"Stopped", "Starting"})
_PASSING = frozenset({"Starting", "Stopping", "Migrating", "Restoring", "Unknown", "Shutdown"})


class RunVMActivities:
    """Starts and verifies.

    Args:
        clouds: The clients.
        guard: Asked for a test right before the start, since a retry may come much later.
    """

    def __init__(self, clouds: Clouds, guard: Guard) -> None:
        self._clouds = clouds
        self._guard = guard

    @activity.defn(name="StartVMActivity")
    async def start_vm(self, request: StartVMRequest) -> StartReply:
        """Submit the start of a VM whose NICs are the decided ones; a running one is left alone.

        A second start beside one that is under way waits for it and succeeds (observed, section 5).

        Raises:
            ApplicationError: VerificationFailed before anything runs on a wrong network; VmLost;
                VmStartFailed after a code that no repetition mends; VmBusy is retried.
        """
        with typed_failures():
            async with heartbeats():
                vm = await self._read(request.owner.destination, request.vm)
                if differences := nic_differences(request.decisions, read_nics(vm)):
                    raise failure(FailoverErrorType.VERIFICATION_FAILED, "; ".join(differences))
                if vm.state == _RUNNING:
                    return StartReply(state=vm.state)
                if request.refused_with is not None:
                    raise failure(
                        FailoverErrorType.VM_START_FAILED,
                        f"CloudStack refused to start {vm.name} ({vm.id}): job code {request.refused_with}",
                    )
                if vm.state not in _STARTABLE:
                    raise _wrong_state(vm)
                cloud = await self._clouds.of(request.owner.destination)
                if request.guard is not None:
                    await self._guard(request.guard)
                try:
                    submitted = await to_the_end(cloud.client.start_vm(vm.id))
                except InvalidParameter:
                    # It may run by now: what is read back decides, not the refusal.
                    vm = await self._read(request.owner.destination, request.vm)
                    if vm.state != _RUNNING:
                        raise
                    return StartReply(state=vm.state)
                return StartReply(state=vm.state, job_id=submitted.jobid)

    @activity.defn(name="VerifyVMActivity")
    async def verify_vm(self, request: VerifyRequest) -> FailoverVm:
        """Read the VM back: running, NICs in order on the decided networks, with the kept MAC addresses.

        Raises:
            ApplicationError: VerificationFailed, VmLost; VmBusy is retried.
        """
        with typed_failures():
            async with heartbeats():
                vm = await self._read(request.owner.destination, request.vm)
        nics = read_nics(vm)
        differences = nic_differences(request.decisions, nics)
        if vm.state in _PASSING:
            raise _wrong_state(vm)
        if vm.state != _RUNNING:
            differences.append(f"the VM is {vm.state}")
        if differences:
            raise failure(FailoverErrorType.VERIFICATION_FAILED, "; ".join(differences))
        read_back = {"state": vm.state, "name": vm.name, "nics": nics, "lease_days": vm.leaseduration or 0}
        return request.vm.model_copy(update=read_back)

    async def _read(self, destination: DestinationConfig, known: FailoverVm) -> VirtualMachine:
        cloud = await self._clouds.of(destination)
        lookup = await cloud.client.find_vm(known.id)
        if lookup.vm is None:
            raise failure(
                FailoverErrorType.VM_LOST, f"VM {known.name} ({known.id}) is gone: {lookup.existence.value}"
            )
        return lookup.vm


def _wrong_state(vm: VirtualMachine) -> Exception:
    error_type = FailoverErrorType.VM_BUSY if vm.state in _PASSING else FailoverErrorType.VM_LOST
    return failure(error_type, f"VM {vm.name} ({vm.id}) is in state {vm.state}")
