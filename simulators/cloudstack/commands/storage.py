"""listStoragePools and listDiskOfferings (observed, section 19 and the shapes)."""

from simulators.cloudstack import storage_shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import chosen, one_of, paged


async def list_storage_pools(inv: Invocation) -> Json:
    """Return the pools; an ordinary user does not have this command."""
    pools = [
        pool
        for pool in chosen(inv, {pool.id: pool for pool in inv.world.pools})
        if one_of(inv.params.get("clusterid"), [pool.cluster_id])
        and one_of(inv.params.get("zoneid"), [inv.world.zone.id])
    ]
    return paged(inv, "storagepool", pools, lambda pool: storage_shapes.storage_pool(inv.world, pool))


async def list_disk_offerings(inv: Invocation) -> Json:
    """Return what blank volumes are made from."""
    return paged(inv, "diskoffering", chosen(inv, inv.world.disk_offerings), storage_shapes.disk_offering)


COMMANDS = (
    Command("listStoragePools", list_storage_pools, admin_only=True),
    Command("listDiskOfferings", list_disk_offerings),
)
