"""What there is room for and how the server is set, for a root admin (observed, section 19)."""

from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import one_of, paged, same_name
from simulators.cloudstack.entities import VmState
from simulators.cloudstack.storage import Volume

_MEMORY, _CPU, _STORAGE, _STORAGE_ALLOCATED = 0, 1, 2, 3
_NAMES = {
    _MEMORY: "MEMORY",
    _CPU: "CPU",
    _STORAGE: "STORAGE",
    _STORAGE_ALLOCATED: "STORAGE_ALLOCATED",
}


async def list_capacity(inv: Invocation) -> Json:
    """Return used and total of memory, CPU and primary storage, of the zone or of one cluster."""
    cluster, kind = inv.params.get("clusterid"), inv.params.number("type")
    rows = [_row(inv, number, cluster) for number in _NAMES if kind is None or kind == number]
    return paged(inv, "capacity", rows, lambda row: row)


def _row(inv: Invocation, kind: int, cluster: str) -> Json:
    used, total = _storage(inv, kind, cluster) if kind >= _STORAGE else _compute(inv, kind, cluster)
    return {
        "type": kind,
        "name": _NAMES[kind],
        "zoneid": inv.world.zone.id,
        "zonename": inv.world.zone.name,
        "capacityused": used,
        "capacitytotal": total,
        "percentused": f"{100 * used / total:.2f}" if total else "0",
    }


def _storage(inv: Invocation, kind: int, cluster: str) -> tuple[int, int]:
    pools = [pool for pool in inv.world.pools if one_of(cluster, [pool.cluster_id])]
    if kind == _STORAGE:
        return sum(pool.used for pool in pools), sum(pool.size for pool in pools)
    stored: list[Volume] = [item for item in inv.world.volumes.values() if not item.removed]
    return (
        sum(item.size for item in stored if item.pool in pools),
        sum(2 * pool.size for pool in pools),  # overprovisionfactor
    )


def _compute(inv: Invocation, kind: int, cluster: str) -> tuple[int, int]:
    hosts = [host for host in inv.world.hosts if one_of(cluster, [host.cluster_id])]
    running = [vm for vm in inv.world.vms_existing() if vm.host in hosts and vm.state is VmState.RUNNING]
    if kind == _CPU:
        mhz = 2000
        return sum(vm.cpu_number * vm.cpu_speed for vm in running), sum(host.cpus * mhz for host in hosts)
    mib = 1024 * 1024
    return sum(vm.memory for vm in running) * mib, sum(host.memory for host in hosts) * mib


async def list_configurations(inv: Invocation) -> Json:
    """Return the server's settings; ``name`` is exact."""
    rows: list[Json] = [
        {"category": "Advanced", "name": name, "value": value, "scope": "Global", "isdynamic": True}
        for name, value in inv.world.settings.items()
        if same_name(inv.params.get("name"), name)
    ]
    return paged(inv, "configuration", rows, lambda row: row)


async def list_hypervisor_capabilities(inv: Invocation) -> Json:
    """Return what the hypervisor allows (CloudStack's source; not observed)."""
    world = inv.world
    rows: list[Json] = [
        {
            "hypervisor": world.hypervisor,
            "hypervisorversion": "default",
            "maxguestslimit": 50,
            "maxdatavolumeslimit": world.max_data_disks,
            "maxhostspercluster": 0,
            "securitygroupenabled": False,
            "storagemotionenabled": True,
            "vmsnapshotenabled": True,
        }
    ]
    shown = [row for row in rows if same_name(inv.params.get("hypervisor"), world.hypervisor)]
    return paged(inv, "hypervisorCapabilities", shown, lambda row: row)


COMMANDS = (
    Command("listCapacity", list_capacity, admin_only=True),
    Command("listConfigurations", list_configurations, admin_only=True),
    Command("listHypervisorCapabilities", list_hypervisor_capabilities, admin_only=True),
)
