"""deployVirtualMachine: the checks, the VM, and its job (observed, sections 1 to 5 and 20)."""

import asyncio
from dataclasses import dataclass

from simulators.cloudstack.commands.deploy_networks import (
    NicRequest,
    place_nics,
    requested_nics,
    require_free_macs,
)
from simulators.cloudstack.commands.deploy_sizes import Size, root_disk_size, size_of
from simulators.cloudstack.commands.disk_sizes import blank_size, named_disk_offering
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.job_classes import job_class
from simulators.cloudstack.commands.leases import lease_of
from simulators.cloudstack.commands.lifecycle import first_password, start_in_place, vm_result
from simulators.cloudstack.commands.limits import CPU, MEMORY, PRIMARY_STORAGE, USER_VM, VOLUME, require_room
from simulators.cloudstack.commands.vm_names import (
    generated_name,
    require_free_name,
    require_good_display_name,
    require_good_name,
)
from simulators.cloudstack.entities import Account, Group, Lease, ServiceOffering, Template, Vm, VmState, Zone
from simulators.cloudstack.errors import (
    ApiError,
    Code,
    Detail,
    entity_exists,
    internal,
    refused,
    unknown_entity,
    uuid_taken,
)
from simulators.cloudstack.faults import FaultKind
from simulators.cloudstack.jobs import JobSpec, Progress
from simulators.cloudstack.storage import DiskOffering, VolumeState

_UEFI = "UEFI"
_FIRST_DATA_DISK = 1


@dataclass(frozen=True, slots=True)
class _Plan:
    """A deploy whose parameters are good."""

    owner: Account
    zone: Zone
    template: Template
    offering: ServiceOffering
    size: Size
    root_size: int
    data_disk: DiskOffering | None
    data_size: int
    name: str
    display_name: str
    nics: list[NicRequest]
    details: dict[str, str]
    custom_id: str
    lease: Lease | None


async def deploy(inv: Invocation) -> JobSpec:
    """Make the VM at once, and a job that starts it unless ``startvm`` is false.

    Raises:
        ApiError: The deploy is refused. Some refusals leave a VM behind, as observed: see ``_make``.
    """
    plan = _planned(inv)
    async with inv.server.deploys:
        _require_free(inv, plan)
        await asyncio.sleep(inv.latency.name_window)
        vm = _make(inv, plan)
    starts = inv.params.flag("startvm", default=True)

    async def work(progress: Progress) -> Json:
        async with vm.turn:
            if not starts:
                await progress.take(inv.latency.deploy)
                return vm_result(inv, vm)
            await asyncio.sleep(inv.latency.deploy)
            try:
                await start_in_place(inv, vm, progress)
            except ApiError:
                _fail(inv, vm)
                raise
            return vm_result(inv, vm, first_password(inv, vm))

    return JobSpec(job_class(inv, "vm", "DeployVMCmd"), "VirtualMachine", vm.id, work, created_id=vm.id)


def _planned(inv: Invocation) -> _Plan:
    """Read and check everything that does not depend on other VMs."""
    params = inv.params
    zone = inv.find("zoneid", inv.world.zones)
    if not zone.enabled and not inv.caller.is_root_admin:
        # CloudStack's source; not observed.
        raise ApiError(
            Code.PERMISSION,
            f"Cannot perform this operation, Zone is currently disabled: {zone.name}",
            Detail.PERMISSION,
        )
    offering = inv.find("serviceofferingid", inv.world.offerings)
    if params.get("hostid") and params.get("hostid") not in {host.id for host in inv.world.hosts}:
        raise unknown_entity(params.command, "hostid", params.get("hostid"))
    if "name" in params:
        require_good_name(params.command, params.get("name"))
    require_good_display_name(params.get("displayname"))
    if not params.get("templateid"):
        raise internal(
            "Please provide only one of the following parameters - template ID, volume ID or snapshot ID",
            Detail.RUNTIME,
        )
    template = inv.find("templateid", inv.world.templates)
    owner = inv.owner()
    details = params.mapping("details")
    size = size_of(offering, details)
    if params.get("rootdisksize"):
        details["rootdisksize"] = params.get("rootdisksize")
    if params.get("boottype").upper() == _UEFI:
        if not params.get("bootmode"):
            # CloudStack's source; not observed.
            raise refused("bootmode must be specified for the selected boot type")
        details[_UEFI] = params.get("bootmode").upper()
    data_disk = named_disk_offering(inv)
    nics = requested_nics(inv, owner, zone)
    _require_userdata_service(inv, template, nics)
    return _Plan(
        owner=owner,
        zone=zone,
        template=template,
        offering=offering,
        size=size,
        root_size=root_disk_size(template, details.get("rootdisksize", "")),
        data_disk=data_disk,
        data_size=0 if data_disk is None else blank_size(inv, data_disk),
        name=params.get("name"),
        display_name=params.get("displayname"),
        nics=nics,
        details=details,
        custom_id=params.get("customid"),
        lease=lease_of(inv),
    )


def _require_userdata_service(inv: Invocation, template: Template, nics: list[NicRequest]) -> None:
    """Check that the default network can hand a password or user data to the guest."""
    network = next(nic.network for nic in nics if nic.is_default)
    if network.has_userdata:
        return
    lacking = (
        f"but there is no support for UserData service in the default network {network.name}/{network.id}"
    )
    if template.password_enabled:
        shown = f"Template {{id: {template.id}, name: {template.name}}}"
        raise refused(f"Unable to deploy VM as template {shown} is password enabled, {lacking}")
    if inv.params.get("userdata"):
        raise refused(f"Unable to deploy VM as UserData is provided while deploying the VM, {lacking}.")


def _require_free(inv: Invocation, plan: _Plan) -> None:
    """Check customid, then the name, against the VMs that are there now."""
    if plan.custom_id:
        inv.require_custom_id_permission()
        inv.custom_id("customid")
        _require_free_id(inv, plan)
    if plan.name:
        require_free_name(inv.world, plan.name, [nic.network for nic in plan.nics])


def _require_free_id(inv: Invocation, plan: _Plan) -> None:
    holder = inv.world.vms.get(plan.custom_id)
    if holder is not None and not holder.removed:
        raise uuid_taken(plan.custom_id)


def _make(inv: Invocation, plan: _Plan) -> Vm:
    """Insert the VM; from here on a refusal may leave one behind.

    Raises:
        ApiError: 431 or 530 for a customid that came to be taken or was expunged (nothing is left), 535
            over the limit (nothing is left), 530 for an IP that cannot be had (leaves a VM in Error
            without NICs), 431 for extraconfig (leaves a Stopped VM).
    """
    world = inv.world
    _require_free_id(inv, plan)
    if plan.custom_id in world.vms:
        raise entity_exists(Detail.NONE)
    require_free_macs(inv, plan.nics)
    for resource, amount in (
        (USER_VM, 1),
        (VOLUME, 1 if plan.data_disk is None else 2),
        (PRIMARY_STORAGE, plan.root_size + plan.data_size),
        (CPU, plan.size.cpu_number),
        (MEMORY, plan.size.memory),
    ):
        require_room(world, plan.owner, resource, Detail.UNSPECIFIED, amount)
    vm = _row(inv, plan)
    world.vms[vm.id] = vm
    try:
        if inv.has_fault(FaultKind.INTERNAL_WITH_ERROR_VM):
            raise internal("Insufficient address capacity")
        place_nics(inv, vm, plan.nics)
    except ApiError:
        vm.state = VmState.ERROR
        vm.nics.clear()
        raise
    _add_disks(inv, plan, vm)
    if "extraconfig" in inv.params:
        raise refused("Please enable enable.additional.vm.configuration to use this feature")
    return vm


def _add_disks(inv: Invocation, plan: _Plan, vm: Vm) -> None:
    inv.world.add_root_volume(vm, plan.root_size)
    if plan.data_disk is not None:
        disk = inv.world.add_volume(
            f"DATA-{vm.number}",
            account=plan.owner,
            zone=plan.zone,
            size=plan.data_size,
            disk_offering=plan.data_disk,
        )
        disk.attach(vm, _FIRST_DATA_DISK)


def _row(inv: Invocation, plan: _Plan) -> Vm:
    world, now = inv.world, inv.world.now()
    vm_id = plan.custom_id or world.ids.uuid()
    name = plan.name or generated_name(vm_id)
    is_uefi = _UEFI in plan.details
    return Vm(
        id=vm_id,
        number=world.ids.number(),
        name=name,
        display_name=plan.display_name or name,
        account=plan.owner,
        zone=plan.zone,
        template=plan.template,
        offering=plan.offering,
        cpu_number=plan.size.cpu_number,
        cpu_speed=plan.size.cpu_speed,
        memory=plan.size.memory,
        created=now,
        updated=now,
        details={"deployvm": "true", **plan.details},
        boot_type="Uefi" if is_uefi else "Bios",
        boot_mode=plan.details[_UEFI].lower() if is_uefi else "legacy",
        lease=plan.lease,
        group=_group(inv, plan.owner),
    )


def _group(inv: Invocation, owner: Account) -> Group | None:
    """Return the owner's group of the name asked for, made if it is not there (section 15)."""
    name = inv.params.get("group")
    if not name:
        return None
    for group in inv.world.groups:
        if group.name == name and group.account is owner:
            return group
    group = Group(inv.world.ids.uuid(), name, owner)
    inv.world.groups.append(group)
    return group


def _fail(inv: Invocation, vm: Vm) -> None:
    """Leave what a failed start of a deploy leaves: VM in Error, its root volume in Destroy (section 5)."""
    vm.state = VmState.ERROR
    for volume in inv.world.volumes_of(vm):
        volume.state = VolumeState.DESTROY


COMMANDS = (Command("deployVirtualMachine", deploy, required=("zoneid", "serviceofferingid"), is_async=True),)
