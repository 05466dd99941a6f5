"""listVirtualMachines, updateVirtualMachine, listResourceDetails (observed, sections 11 and 15)."""

from simulators.cloudstack import shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.leases import change_lease
from simulators.cloudstack.commands.lifecycle import vm_result
from simulators.cloudstack.commands.listing import keyword_of, one_of, paged, same_name, shown_owner, tagged
from simulators.cloudstack.commands.vm_names import require_good_display_name, require_good_name
from simulators.cloudstack.entities import Vm
from simulators.cloudstack.errors import refused, unknown_entity
from simulators.cloudstack.faults import FaultKind

_DETAIL_PARTS = frozenset(
    {
        "all", "group", "nics", "stats", "secgrp", "tmpl", "servoff", "diskoff", "backoff", "iso", "volume",
        "min", "affgrp", "none",
    }
)  # fmt: skip


async def list_virtual_machines(inv: Invocation) -> Json:
    """Return VMs; ``name`` is exact, ``keyword`` a part, neither regards letter case."""
    parts = _parts(inv)
    wanted = _wanted_ids(inv)
    shown = shown_owner(inv, by_id="id" in inv.params)
    keyword, has_tag = keyword_of(inv), tagged(inv, "UserVm")
    vms = [
        vm
        for vm in inv.world.vms.values()
        if shapes.is_visible(vm, inv.caller)
        and shown(vm.account)
        and (wanted is None or vm.id in wanted)
        and keyword in f"{vm.name}\n{vm.display_name}".lower()
        and has_tag(vm.id)
        and _fits(inv, vm)
    ]
    return paged(inv, "virtualmachine", vms, lambda vm: _shape(inv, vm, parts))


def _fits(inv: Invocation, vm: Vm) -> bool:
    params = inv.params
    state = params.get("state")
    return (
        same_name(params.get("name"), vm.name)
        and (state == "Present" or one_of(state, [vm.state.value]))
        and one_of(params.get("zoneid"), [vm.zone.id])
        and one_of(params.get("templateid"), [vm.template.id])
        and one_of(params.get("serviceofferingid"), [vm.offering.id])
        and one_of(params.get("groupid"), [vm.group.id] if vm.group else [])
        and one_of(params.get("hostid"), [vm.host.id] if vm.host else [])
        and one_of(params.get("leased"), [str(vm.lease is not None)])
        and one_of(params.get("networkid"), [nic.network.id for nic in vm.nics])
    )


def _wanted_ids(inv: Invocation) -> set[str] | None:
    """Return the ids asked for; one that never existed makes the whole call fail (section 11)."""
    params = inv.params
    ids = params.many("ids")
    if params.get("id") and ids:
        raise refused("Specify either id or ids but not both parameters")
    if params.get("id"):
        vm = inv.find("id", inv.world.vms)
        inv.require_access(vm.account)
        return {vm.id}
    for value in ids:
        if value.lower() not in inv.world.vms:
            raise unknown_entity(params.command, "ids", value)
    return {value.lower() for value in ids} or None


def _parts(inv: Invocation) -> frozenset[str]:
    parts = frozenset(inv.params.many("details"))
    if not parts <= _DETAIL_PARTS or inv.params.array("details"):
        allowed = ", ".join(sorted(_DETAIL_PARTS))
        raise refused(
            f"The details parameter contains a non permitted value. The allowed values are [{allowed}]"
        )
    return parts


def _shape(inv: Invocation, vm: Vm, parts: frozenset[str]) -> Json:
    """Return the VM, with the lies that were ordered about its NICs."""
    body = shapes.virtual_machine(inv.world, vm, inv.caller, parts)
    if parts & {"min"}:
        return body
    if inv.has_fault(FaultKind.WRONG_NIC_ORDER):
        body["nic"] = [shapes.nic(nic, place) for place, nic in enumerate(reversed(vm.nics))]
    if inv.has_fault(FaultKind.WRONG_MAC):
        body["nic"] = [
            {**shapes.nic(nic, place), "macaddress": inv.world.ids.mac()} for place, nic in enumerate(vm.nics)
        ]
    return body


async def update_virtual_machine(inv: Invocation) -> Json:
    """Change names or details. Details are replaced as a whole: what is not repeated is gone (section 15)."""
    vm = inv.vm_to_change()
    params = inv.params
    if "name" in params:
        require_good_name(params.command, params.get("name"))
        vm.name = params.get("name")
    if "displayname" in params:
        require_good_display_name(params.get("displayname"))
        vm.display_name = params.get("displayname")
    change_lease(inv, vm)
    if params.array("details"):
        vm.details = params.mapping("details")
    vm.updated = inv.world.now()
    return vm_result(inv, vm)


async def list_resource_details(inv: Invocation) -> Json:
    """Return details of VMs, of expunged ones too.

    A root admin finds them by key and value over all accounts; anybody else has to name the resource, and
    then sees those of a foreign one too (observed, section 15).
    """
    params = inv.params
    resource, key, value = params.get("resourceid"), params.get("key"), params.get("value")
    if not resource and not (inv.caller.is_root_admin and key and value):
        raise refused("Insufficient parameters passed for listing by resourceId OR key,value pair")
    if resource:
        vm = inv.find("resourceid", inv.world.vms)
        if vm.removed:
            raise unknown_entity(params.command, "resourceid", resource)
    found: list[Json] = [
        {"resourceid": vm.id, "resourcetype": "UserVm", "key": name, "value": text, "fordisplay": True}
        for vm in inv.world.vms.values()
        for name, text in vm.details.items()
        if one_of(resource, [vm.id]) and same_name(key, name) and same_name(value, text)
    ]
    return paged(inv, "resourcedetail", found, lambda item: item)


COMMANDS = (
    Command("listVirtualMachines", list_virtual_machines),
    Command("updateVirtualMachine", update_virtual_machine, required=("id",)),
    Command("listResourceDetails", list_resource_details, required=("resourcetype",)),
)
