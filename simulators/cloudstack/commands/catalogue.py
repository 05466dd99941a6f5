"""What a VM is made from and where: zones, compute offerings, templates, hosts (observed, section 20)."""

from simulators.cloudstack import shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import chosen, paged
from simulators.cloudstack.entities import Host, ServiceOffering, Template, VmState, Zone

_INTERNAL_SIZE_KEYS = ("min_cpu_number", "max_cpu_number", "min_memory", "max_memory")


async def list_zones(inv: Invocation) -> Json:
    """Return the zones."""
    return paged(inv, "zone", chosen(inv, inv.world.zones), _zone)


def _zone(zone: Zone) -> Json:
    return {
        "id": zone.id,
        "name": zone.name,
        "dns1": "10.147.28.6",
        "internaldns1": "10.147.28.6",
        "guestcidraddress": "10.1.1.0/24",
        "networktype": "Advanced",
        "securitygroupsenabled": False,
        "gputotal": 80,
        "gpuused": 0,
        "allocationstate": "Enabled" if zone.enabled else "Disabled",
        "zonetoken": f"simulated-{zone.id}",
        "dhcpprovider": "VirtualRouter",
        "localstorageenabled": False,
        "tags": [],
        "allowuserspecifyvrmtu": False,
        "routerprivateinterfacemaxmtu": 1500,
        "routerpublicinterfacemaxmtu": 1500,
        "type": "Core",
        "isnsxenabled": False,
        "ismultiarch": False,
        "asnrange": "",
        "routedmodeenabled": True,
        "hasannotations": False,
    }


async def list_service_offerings(inv: Invocation) -> Json:
    """Return the compute offerings; a custom one has none of cpunumber, cpuspeed and memory."""
    return paged(inv, "serviceoffering", chosen(inv, inv.world.offerings), _offering)


def _offering(item: ServiceOffering) -> Json:
    size = {"cpunumber": item.cpu_number, "cpuspeed": item.cpu_speed, "memory": item.memory}
    bounds = {
        name.replace("_", ""): str(value) for name in _INTERNAL_SIZE_KEYS if (value := getattr(item, name))
    }
    return {
        "id": item.id,
        "name": item.name,
        "state": "Active",
        "displaytext": item.name,
        **{key: value for key, value in size.items() if value is not None},
        "created": shapes.moment(item.created),
        "storagetype": "shared",
        "provisioningtype": "thin",
        "offerha": False,
        "limitcpuuse": False,
        "isvolatile": False,
        "issystem": False,
        "defaultuse": False,
        "iscustomized": item.is_customized,
        "rootdisksize": 0,
        "dynamicscalingenabled": True,
        "diskofferingstrictness": False,
        "diskofferingid": item.id,
        "diskofferingname": item.name,
        "diskofferingdisplaytext": item.name,
        "encryptroot": False,
        "hasannotations": False,
        **({"serviceofferingdetails": bounds} if bounds else {}),
    }


async def list_templates(inv: Invocation) -> Json:
    """Return the templates."""
    return paged(inv, "template", chosen(inv, inv.world.templates), lambda item: _template(inv, item))


def _template(inv: Invocation, item: Template) -> Json:
    world = inv.world
    return {
        "id": item.id,
        "name": item.name,
        "displaytext": item.name,
        "ispublic": True,
        "created": shapes.moment(item.created),
        "isready": True,
        "passwordenabled": item.password_enabled,
        "format": "VHD",
        "isfeatured": True,
        "crossZones": True,
        "ostypeid": world.os_type_id,
        "ostypename": shapes.OS_NAME,
        "account": "system",
        "zoneid": world.zone.id,
        "zonename": world.zone.name,
        "status": "Download Complete",
        "size": item.size,
        "physicalsize": item.size,
        "templatetype": "BUILTIN",
        "hypervisor": inv.world.hypervisor,
        "domain": shapes.DOMAIN,
        "domainpath": shapes.DOMAIN,
        "domainid": world.domain_id,
        "isextractable": False,
        "checksum": "",
        "details": {},
        "downloaddetails": [
            {
                "downloadState": "DOWNLOADED",
                "datastore": pool.name,
                "datastoreRole": "Primary",
                "downloadPercent": "100",
                "datastoreId": pool.id,
            }
            for pool in world.pools
        ],
        "arch": "x86_64",
        "bits": 0,
        "sshkeyenabled": False,
        "isdynamicallyscalable": False,
        "directdownload": False,
        "deployasis": False,
        "forcks": False,
        "requireshvm": False,
        "url": f"http://templates.example.invalid/{item.id}.vhd.bz2",
        "tags": [],
        "hasannotations": False,
    }


async def list_hosts(inv: Invocation) -> Json:
    """Return the hypervisor hosts; all are Disconnected for a while after a restart (section 21)."""
    hosts = chosen(inv, {host.id: host for host in inv.world.hosts})
    return paged(inv, "host", hosts, lambda host: _host(inv, host))


def _host(inv: Invocation, host: Host) -> Json:
    world = inv.world
    running = [vm for vm in world.vms_existing() if vm.host is host and vm.state is VmState.RUNNING]
    return {
        "id": host.id,
        "name": host.name,
        "state": "Up" if world.hosts_connected else "Disconnected",
        "type": "Routing",
        "zoneid": world.zone.id,
        "zonename": world.zone.name,
        "podid": world.pod_id,
        "podname": shapes.POD_NAME,
        "clusterid": host.cluster_id,
        "clustername": host.cluster,
        "hypervisor": inv.world.hypervisor,
        "resourcestate": "Enabled",
        "cpunumber": host.cpus,
        "memorytotal": host.memory * 1024 * 1024,
        "memoryallocated": sum(vm.memory for vm in running) * 1024 * 1024,
        "hasannotations": False,
    }


COMMANDS = (
    Command("listZones", list_zones),
    Command("listServiceOfferings", list_service_offerings),
    Command("listTemplates", list_templates, required=("templatefilter",)),
    Command("listHosts", list_hosts, admin_only=True),
)
