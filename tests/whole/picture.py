"""What the world looks like around one protected VM, so that two moments can be compared."""

from typing import Any

from sqlalchemy import inspect, select, text

from database import Database, context_resource
from database.tables import failover_jobs
from embedded.seed import PGTEST1_CONTEXT
from simulators.vma.inventory import VirtualMachine
from simulators.vma.sample import PGTEST1_ID
from tests.support.leases import holder
from tests.support.whole import WholeSite


def source(whole: WholeSite) -> VirtualMachine:
    """The protected VM in its vCenter."""
    return whole.site.vma.vm(PGTEST1_ID)


def cloud(whole: WholeSite) -> dict[str, Any]:
    """VMs, volumes, snapshots and tags that exist in CloudStack; places on the appliance do not count."""
    world = whole.site.cloud.world
    return {
        "vms": {vm.id: (vm.name, vm.state.value) for vm in world.vms_existing()},
        "volumes": {
            volume.id: (
                volume.vm.id if volume.vm else "",
                volume.state.value,
                volume.content,
                volume.pool.id if volume.pool else "",
            )
            for volume in world.volumes.values()
            if not volume.removed
        },
        "snapshots": {one.id: one.state.value for one in world.snapshots.values() if not one.removed},
        "volume tags": sorted(
            (tag.resource_id, tag.key, tag.value) for tag in world.tags if tag.resource_type == "Volume"
        ),
    }


async def picture(whole: WholeSite) -> dict[str, Any]:
    """The cloud, the source, and everything that keeps replication going or off."""
    state = await whole.replicas.state()
    context = await whole.replicas.context()
    return {
        **cloud(whole),
        "source": source(whole).power_state,
        "scheduler": state.scheduler_enabled,
        "fenced by": state.fenced_by,
        "dirty by": state.dirty_by,
        "next sync is a full one": [not one for one in (await whole.replicas.change_ids()).values()],
        "status": context["current_status"],
        "live lease": await lease(whole, "live"),
        "test lease": await lease(whole, "test"),
    }


async def lease(whole: WholeSite, kind: str) -> str | None:
    """The workflow that holds the context for this kind of failover."""
    database = await Database.open(whole.site.url, pool_size=1)
    try:
        return await holder(database, context_resource(PGTEST1_CONTEXT, kind))
    finally:
        await database.close()


async def rows(whole: WholeSite) -> dict[str, list[str]]:
    """Every row of every table."""
    database = await Database.open(whole.site.url, pool_size=1)
    try:
        async with database.engine.connect() as connection:
            names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
            return {
                name: sorted(map(repr, (await connection.execute(text(f"SELECT * FROM {name}"))).all()))
                for name in names
            }
    finally:
        await database.close()


async def job_status(whole: WholeSite, workflow_id: str) -> str:
    """What the original's own table says of a failover."""
    database = await Database.open(whole.site.url, pool_size=1)
    try:
        async with database.read() as connection:
            asked = select(failover_jobs.c.status).where(failover_jobs.c.job_id == workflow_id)
            return str((await connection.execute(asked)).scalar_one())
    finally:
        await database.close()
