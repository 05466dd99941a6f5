"""Start, stop, destroy, recover and expunge (observed, sections 5 and 10).

Jobs on one VM take turns: the second one waits for the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from simulators.cloudstack import shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.job_classes import job_class
from simulators.cloudstack.entities import NetworkState, NetworkType, Vm, VmState
from simulators.cloudstack.errors import ApiError, Code, Detail, internal, refused
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.storage import VolumeState

_EXPUNGE = "org.apache.cloudstack.api.command.admin.vm.ExpungeVMCmd"


@contextmanager
def _changing(vm: Vm, meanwhile: VmState, otherwise: VmState) -> Iterator[None]:
    """Show a state while something is done to the VM, and another if it fails or the server goes down."""
    vm.state = meanwhile
    try:
        yield
    except BaseException:
        vm.state = otherwise
        raise


def vm_result(inv: Invocation, vm: Vm, password: str = "") -> Json:
    """Return the VM as a job's result."""
    return {"virtualmachine": shapes.virtual_machine(inv.world, vm, inv.caller, password=password)}


def first_password(inv: Invocation, vm: Vm) -> str:
    """Return the guest's password on its first start from such a template, else nothing (section 20)."""
    first, vm.started_once = not vm.started_once, True
    return inv.world.ids.password() if first and vm.template.password_enabled else ""


async def start_in_place(inv: Invocation, vm: Vm, progress: Progress) -> None:
    """Start a VM that may be started.

    Raises:
        ApiError: 533 when no host takes it, 530 when it has nothing to boot from; it is Stopped then.
    """
    world = inv.world
    builds_router = any(
        nic.network.type is NetworkType.ISOLATED and nic.network.state is NetworkState.ALLOCATED
        for nic in vm.nics
    )
    with _changing(vm, VmState.STARTING, otherwise=VmState.STOPPED):
        _require_root(inv, vm)
        await progress.take(inv.latency.start + (inv.latency.router if builds_router else 0))
        fits = any(host.cpus >= vm.cpu_number and host.memory >= vm.memory for host in world.hosts)
        boots = vm.boot_type == "Bios" or world.can_boot_uefi
        if not world.hosts_connected or not fits or not boots:
            raise ApiError(
                Code.NO_CAPACITY,
                f"No destination found for a deployment for VM instance {{id: {vm.number}}}.",
                Detail.NONE,
            )
        try:
            world.place(vm)
        except LookupError as error:
            raise ApiError(Code.NO_CAPACITY, str(error), Detail.NONE) from None
    vm.state, vm.updated = VmState.RUNNING, world.now()


def _require_root(inv: Invocation, vm: Vm) -> None:
    """Check that there is a disk to boot from (observed, sections 5 and 9).

    Raises:
        ApiError: 530, there is none, with one text for a VM without any disk and one for a VM with others.
    """
    usable = [item for item in inv.world.volumes_of(vm) if item.state is not VolumeState.DESTROY]
    if not usable:
        raise internal(f"Unable to create deployment, no usable volumes found for the VM: {vm.id}")
    if not any(volume.is_root for volume in usable):
        raise internal(f"Unable to deploy VM [{vm.id}] because the ROOT volume is missing.")


async def start(inv: Invocation) -> JobSpec:
    """Start a Stopped VM; one that is Running is refused, one that is just being started is waited for."""
    vm = inv.vm_to_change()
    waits = any(job.instance_id == vm.id for job in inv.server.jobs.unfinished())

    async def work(progress: Progress) -> Json:
        async with vm.turn:
            if vm.state is VmState.RUNNING and waits:
                return vm_result(inv, vm)
            if vm.state is VmState.RUNNING:
                raise refused(f"The virtual machine {vm.id} ({vm.name}) is already running")
            if vm.state in (VmState.DESTROYED, VmState.EXPUNGING):
                raise internal(f"Unable to start a VM [{vm.id}] in state {vm.state}")
            was = vm.state
            try:
                await start_in_place(inv, vm, progress)
            except ApiError:
                vm.state = was
                raise
            return vm_result(inv, vm, first_password(inv, vm))

    return JobSpec(job_class(inv, "vm", "StartVMCmd"), "VirtualMachine", vm.id, work)


async def stop(inv: Invocation) -> JobSpec:
    """Stop a VM; one that does not run is left as it is, with success."""
    vm = inv.vm_to_change()

    async def work(progress: Progress) -> Json:
        async with vm.turn:
            if vm.state is VmState.RUNNING:
                with _changing(vm, VmState.STOPPING, otherwise=VmState.RUNNING):
                    await progress.take(inv.latency.stop)
                _halted(inv, vm, VmState.STOPPED)
                vm.details["Message.ReservedCapacityFreed.Flag"] = "true"
            else:
                await progress.take(0)
            return vm_result(inv, vm)

    return JobSpec(job_class(inv, "vm", "StopVMCmd"), "VirtualMachine", vm.id, work)


async def destroy(inv: Invocation) -> JobSpec:
    """Destroy a VM from whatever state, with ``expunge`` for good; data disks are detached and kept."""
    vm = inv.vm_to_change()
    expunges = inv.params.flag("expunge", default=False)

    async def work(progress: Progress) -> Json:
        if expunges and not inv.caller.is_root_admin:
            raise internal("Account does not have permission for expunging.")
        async with vm.turn:
            await _destroy(inv, vm, progress)
            if expunges:
                await _expunge(inv, vm, progress)
                return {"virtualmachine": dict(shapes.EXPUNGED)}
            return vm_result(inv, vm)

    return JobSpec(job_class(inv, "vm", "DestroyVMCmd"), "VirtualMachine", vm.id, work)


async def expunge(inv: Invocation) -> JobSpec:
    """Expunge a VM that was destroyed before."""
    vm = inv.vm_to_change()

    async def work(progress: Progress) -> Json:
        if not inv.caller.is_root_admin:
            raise internal("Account does not have permission for expunging.")
        async with vm.turn:
            if vm.state not in (VmState.DESTROYED, VmState.ERROR):
                raise refused("Please destroy vm with specified id before expunge")
            await _expunge(inv, vm, progress)
            return {"success": True}

    return JobSpec(_EXPUNGE, "VirtualMachine", vm.id, work)


async def recover(inv: Invocation) -> Json:
    """Bring a Destroyed VM back as a Stopped one; synchronous."""
    vm = inv.vm_to_change()
    if vm.state is not VmState.DESTROYED:
        raise refused(f"Unable to recover VM {vm.id}, it is not in the right state")
    vm.state, vm.updated = VmState.STOPPED, inv.world.now()
    return vm_result(inv, vm)


async def _destroy(inv: Invocation, vm: Vm, progress: Progress) -> None:
    if vm.removed or vm.state is VmState.DESTROYED:
        return
    was = vm.state
    with _changing(vm, VmState.STOPPING if was is VmState.RUNNING else was, otherwise=was):
        await progress.take(inv.latency.destroy)
    _halted(inv, vm, VmState.DESTROYED)
    vm.lease = None
    inv.world.keep_data_disks(vm)


async def _expunge(inv: Invocation, vm: Vm, progress: Progress) -> None:
    if vm.removed:
        return
    with _changing(vm, VmState.EXPUNGING, otherwise=vm.state):
        await progress.take(inv.latency.expunge)
    inv.world.expunge(vm)


def _halted(inv: Invocation, vm: Vm, state: VmState) -> None:
    vm.state, vm.host, vm.updated = state, None, inv.world.now()


COMMANDS = (
    Command("startVirtualMachine", start, required=("id",), is_async=True),
    Command("stopVirtualMachine", stop, required=("id",), is_async=True),
    Command("destroyVirtualMachine", destroy, required=("id",), is_async=True),
    Command("expungeVirtualMachine", expunge, required=("id",), is_async=True),
    Command("recoverVirtualMachine", recover, required=("id",)),
)
