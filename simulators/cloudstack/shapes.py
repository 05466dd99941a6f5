"""JSON objects key by key as a real server returned them (``cloudstack-shapes.json``)."""

from collections.abc import Mapping
from datetime import datetime

from simulators.cloudstack.entities import Account, Job, Network, NetworkType, Nic, Tag, Vm, VmState
from simulators.cloudstack.world import World

Json = dict[str, object]

DOMAIN = "ROOT"
OS_NAME = "CentOS 5.6 (64-bit)"
POD_NAME = "POD0"
_WITHOUT_GROUP = frozenset({"min", "nics", "stats"})
_WITHOUT_NICS = frozenset({"min"})


def moment(value: datetime) -> str:
    """Return a time as the API shows it: seconds, and a zone without a colon."""
    return value.strftime("%Y-%m-%dT%H:%M:%S%z")


def owner(world: World, account: Account) -> Json:
    """Return the keys that say whose something is: a project's thing names no account."""
    who: Json = (
        {"projectid": account.project, "project": account.name}
        if account.project
        else {"account": account.name}
    )
    return {**who, "domainid": world.domain_id, "domain": DOMAIN, "domainpath": DOMAIN}


def job(world: World, item: Job) -> Json:
    """Return a job; only a finished one has ``completed``, and not every failed one a result (section 8)."""
    body: Json = {
        "accountid": item.account.id,
        "account": item.account.name,
        "domainid": world.domain_id,
        "domainpath": DOMAIN,
        "userid": item.account.user_id,
        "cmd": item.command_class,
        "jobprocstatus": 0,
        "jobresultcode": item.result_code,
        "jobinstancetype": item.instance_type,
        "managementserverid": world.management_server_id,
        "managementservername": "localhost",
        "created": moment(item.created),
        "jobid": item.id,
        "jobstatus": item.status.number,
    }
    if item.instance_id:
        body["jobinstanceid"] = item.instance_id
    if item.completed is not None:
        body["completed"] = moment(item.completed)
        del body["managementserverid"], body["managementservername"]
    if item.result is not None:
        body["jobresulttype"] = "object"
        body["jobresult"] = _with_job_id(item.result, item.id)
    return body


def _with_job_id(result: Mapping[str, object], job_id: str) -> Json:
    """Put ``jobid`` and the misleading ``jobstatus`` 0 into the object inside, as observed (section 8)."""
    shown: Json = {}
    for key, value in result.items():
        has_id = isinstance(value, dict) and "id" in value
        shown[key] = {**value, "jobid": job_id, "jobstatus": 0} if has_id else value  # type: ignore[dict-item]  # has_id says that it is a dict
    return shown


def nic(item: Nic, device_id: int) -> Json:
    """Return a NIC: ``deviceid`` is text, L2 has no address, a VLAN shows once implemented (section 1)."""
    network = item.network
    body: Json = {"id": item.id, "networkid": network.id, "networkname": network.name}
    if network.type is not NetworkType.L2:
        body |= {"netmask": network.netmask, "gateway": network.gateway, "ipaddress": item.ip}
    if network.vlan is not None:
        body |= {"isolationuri": f"vlan://{network.vlan}", "broadcasturi": f"vlan://{network.vlan}"}
    return body | {
        "traffictype": "Guest",
        "type": network.type.value,
        "isdefault": item.is_default,
        "macaddress": item.mac,
        "secondaryip": [],
        "extradhcpoption": [],
        "deviceid": str(device_id),
    }


def tag(world: World, item: Tag) -> Json:
    """Return a tag."""
    return {
        "key": item.key,
        "value": item.value,
        "resourcetype": item.resource_type,
        "resourceid": item.resource_id,
        **owner(world, item.account),
    }


def tags_of(world: World, resource_id: str) -> list[Json]:
    """Return the tags on a resource."""
    return [tag(world, item) for item in world.tags if item.resource_id == resource_id]


def virtual_machine(
    world: World, vm: Vm, viewer: Account, parts: frozenset[str] = frozenset(), password: str = ""
) -> Json:
    """Return a VM.

    Args:
        world: The cloud.
        vm: The VM.
        viewer: An ordinary user does not see the host and the instance name.
        parts: The request's ``details``; ``min`` leaves out NICs, and some leave out the group (section 15).
        password: Shown in the result of the first start only (section 20).
    """
    body: Json = {
        "id": vm.id,
        "name": vm.name,
        "displayname": vm.display_name,
        **owner(world, vm.account),
        "userid": vm.account.user_id,
        "username": vm.account.name,
        "created": moment(vm.created),
        "lastupdated": moment(vm.updated),
        "state": vm.state.value,
        "haenable": False,
        "zoneid": vm.zone.id,
        "zonename": vm.zone.name,
    }
    if vm.group is not None and not (parts & _WITHOUT_GROUP):
        body |= {"groupid": vm.group.id, "group": vm.group.name}
    if vm.host is not None and viewer.is_root_admin:
        body |= {"hostid": vm.host.id, "hostname": vm.host.name, "hostcontrolstate": "Enabled"}
    body |= {
        "templateid": vm.template.id,
        "templatename": vm.template.name,
        "templatetype": "BUILTIN",
        "templateformat": "VHD",
        "templatedisplaytext": vm.template.name,
        "passwordenabled": vm.template.password_enabled,
        "serviceofferingid": vm.offering.id,
        "serviceofferingname": vm.offering.name,
        "cpunumber": vm.cpu_number,
        "cpuspeed": vm.cpu_speed,
        "memory": vm.memory,
        "guestosid": world.os_type_id,
        **_root_keys(world, vm, parts),
        "securitygroup": [],
        "nic": [] if parts & _WITHOUT_NICS else [nic(item, place) for place, item in enumerate(vm.nics)],
        "hypervisor": world.hypervisor,
    }
    if viewer.is_root_admin:
        body["instancename"] = f"i-2-{vm.number}-VM"
    body |= {
        "details": dict(vm.details),
        "affinitygroup": [],
        "displayvm": True,
        "isdynamicallyscalable": False,
        "deleteprotection": False,
        "ostypeid": world.os_type_id,
        "osdisplayname": OS_NAME,
        "bootmode": vm.boot_mode,
        "boottype": vm.boot_type,
        "receivedbytes": 0,
        "sentbytes": 0,
        "arch": "x86_64",
        "tags": tags_of(world, vm.id),
        "hasannotations": False,
        **_lease(vm),
    }
    return body | ({"password": password} if password else {})


def _lease(vm: Vm) -> Json:
    if vm.lease is None:
        return {}
    return {
        "leaseduration": vm.lease.days,
        "leaseexpirydate": moment(vm.lease.expires),
        "leaseexpiryaction": vm.lease.action,
    }


def _root_keys(world: World, vm: Vm, parts: frozenset[str]) -> Json:
    root = world.root_of(vm)
    if root is None or parts & _WITHOUT_NICS:
        return {}
    keys: Json = {"rootdeviceid": 0, "rootdevicetype": "ROOT"}
    return keys if root.pool is None else {**keys, "pooltype": "NetworkFilesystem"}


EXPUNGED: Json = {
    "securitygroup": [],
    "nic": [],
    "affinitygroup": [],
    "deleteprotection": False,
    "tags": [],
}
"""What a job says of a VM that it expunged: no id (observed, section 10)."""


def network(world: World, item: Network, viewer: Account, *, usable: bool) -> Json:
    """Return a network; an ordinary user does not see VLAN, details and displaynetwork (section 18).

    Args:
        world: The cloud.
        item: The network.
        viewer: Who asks.
        usable: ``canusefordeploy``: an L2 network always is, another while it has a free address.
    """
    offering = item.offering
    body: Json = {
        "id": item.id,
        "name": item.name,
        "displaytext": item.display_text,
        "broadcastdomaintype": "Vlan",
        "traffictype": "Guest",
        "zoneid": item.zone.id,
        "zonename": item.zone.name,
        "networkofferingid": offering.id,
        "networkofferingname": offering.name,
        "networkofferingdisplaytext": offering.display_text,
        "networkofferingconservemode": True,
        "networkofferingavailability": "Optional",
        "issystem": False,
        "state": item.state.value,
        "related": item.id,
        "dns1": "10.147.28.6",
        "type": item.type.value,
        "acltype": "Account" if item.account else "Domain",
    }
    if item.type is not NetworkType.L2:
        prefix = item.gateway.rpartition(".")[0]
        body |= {"gateway": item.gateway, "netmask": item.netmask, "cidr": f"{prefix}.0/24"}
    if item.domain is not None:
        body["networkdomain"] = item.domain
    body |= (
        owner(world, item.account)
        if item.account
        else {"domainid": world.domain_id, "domain": DOMAIN, "domainpath": DOMAIN}
    )
    body |= {
        "service": [{"name": name} for name in offering.services],
        "physicalnetworkid": world.physical_network_id,
        "restartrequired": False,
        "specifyvlan": offering.specify_vlan,
        "specifyipranges": item.type is NetworkType.SHARED,
        "canusefordeploy": usable,
        "ispersistent": False,
        "tags": tags_of(world, item.id),
        "strechedl2subnet": False,
        "redundantrouter": False,
        "supportsvmautoscaling": False,
        "created": moment(item.created),
        "receivedbytes": 0,
        "sentbytes": 0,
        "publicmtu": 1500,
        "privatemtu": 1500,
        "hasannotations": False,
    }
    if viewer.is_root_admin:
        body |= {"details": {}, "displaynetwork": item.displayed}
        if item.vlan is not None:
            body |= {"vlan": str(item.vlan), "broadcasturi": f"vlan://{item.vlan}"}
    return body


def is_visible(vm: Vm, viewer: Account) -> bool:
    """Tell whether a list may show the VM: not expunged, and Destroyed to a root admin only (section 10)."""
    going = vm.state in (VmState.DESTROYED, VmState.EXPUNGING)
    return not vm.removed and (viewer.is_root_admin or not going)
