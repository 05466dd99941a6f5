"""The replicated disks of a sample VM, in the simulated cloud and in the database of a site.

``replicas = await seed_replicas(site)`` gives ``pgtest1`` an appliance with its two disks, one completed sync
and a scheduler that is on. Keywords make it less fortunate.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from database import Database, ReplicaRepository, ReplicaState, ReplicationRepository
from database.tables import (
    cbt_history,
    ossea_configs,
    ossea_volumes,
    replication_jobs,
    vm_disks,
    vm_replication_contexts,
)
from embedded.row_writer import RowWriter
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from embedded.seed_disks import SampleDisk, add_disks, add_sync
from rules.disks import ReplicationFacts
from simulators.cloudstack import sample as cloud_sample
from simulators.cloudstack.entities import Vm
from simulators.cloudstack.storage import Volume
from tests.support.site import Site

_NAMES = {PGTEST1_CONTEXT: "pgtest1", PGTEST2_CONTEXT: "pgtest2", PGTEST3_CONTEXT: "pgtest3"}
_SCSI_CONTROLLER = 7
"""A place that no disk has."""

SEEDED_JOB = "job-seeded"
TORN_JOB = "job-torn"
SYNCED_BEFORE = timedelta(minutes=10)


@dataclass(frozen=True)
class Replicas:
    """The replicas of one VM, and what a test asks of them.

    Attributes:
        appliance: The VM that they hang on between failovers.
        disks: In the order of their places on the source.
    """

    site: Site
    context_id: str
    appliance: Vm
    disks: tuple[cloud_sample.Replica, ...]

    @property
    def volume_ids(self) -> tuple[str, ...]:
        """CloudStack's uuids, the boot disk's first."""
        return tuple(disk.volume_id for disk in self.disks)

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The volumes as the simulated cloud has them."""
        return tuple(self.site.cloud.world.volumes[volume_id] for volume_id in self.volume_ids)

    @property
    def places(self) -> dict[str, tuple[str, int | None]]:
        """Disk id to the id of the VM that has it (empty for none) and its place there."""
        return {
            disk.disk_id: ("" if volume.vm is None else volume.vm.id, volume.device_id)
            for disk, volume in zip(self.disks, self.volumes, strict=True)
        }

    @property
    def at_home(self) -> bool:
        """Whether every disk is attached to the appliance, as it was written by replication."""
        return all(
            volume.vm is self.appliance and volume.content == _content(disk)
            for disk, volume in zip(self.disks, self.volumes, strict=True)
        )

    async def sync(self, job_id: str, status: str = "completed") -> None:
        """Write a replication job as replication does: one that completed, broke off or runs.

        A job that is there already gets the new status.
        """
        async with _opened(self.site) as database, database.write() as connection:
            await connection.execute(delete(cbt_history).where(cbt_history.c.job_id == job_id))
            await connection.execute(delete(replication_jobs).where(replication_jobs.c.id == job_id))
            await add_sync(
                RowWriter(database, connection),
                connection,
                self.context_id,
                [disk.disk_id for disk in self.disks],
                job_id=job_id,
                ended_at=datetime.now(UTC),
                status=status,
            )

    async def facts(self) -> ReplicationFacts:
        """What the product reads."""
        async with _opened(self.site) as database:
            async with database.read() as connection:
                config = (await connection.execute(select(ossea_configs.c.id))).scalars().first()
            return await ReplicationRepository(database).facts(self.context_id, config or 0)

    async def state(self) -> ReplicaState:
        """Who fenced them, who wrote to them, and the scheduler's switch."""
        async with _opened(self.site) as database:
            return await ReplicaRepository(database).state(self.context_id)

    async def context(self) -> Mapping[str, Any]:
        """The row of ``vm_replication_contexts``."""
        async with _opened(self.site) as database, database.read() as connection:
            statement = database.features.select(vm_replication_contexts).where(
                vm_replication_contexts.c.context_id == self.context_id
            )
            return (await connection.execute(statement)).one()._asdict()

    async def change_ids(self) -> dict[str, str | None]:
        """Disk id to the change id from which the next sync goes on; None begins anew."""
        async with _opened(self.site) as database, database.read() as connection:
            rows = await connection.execute(
                select(vm_disks.c.disk_id, vm_disks.c.disk_change_id).where(
                    vm_disks.c.vm_context_id == self.context_id
                )
            )
            return {row.disk_id: row.disk_change_id for row in rows}


async def seed_replicas(
    site: Site,
    *,
    context_id: str = PGTEST1_CONTEXT,
    disks: int = 2,
    windows: bool = False,
    firmware: str = "bios",
    torn: bool = False,
    scheduler: bool = True,
    without_volume: bool = False,
    volume_gone: bool = False,
) -> Replicas:
    """Give a sample VM replicas, in the cloud and in the database; other sample VMs keep theirs.

    Args:
        site: Whose cloud and database.
        context_id: Of which VM.
        disks: How many it has.
        windows: The guest needs a conversion.
        firmware: What ``bios_setup`` says; empty leaves it unknown.
        torn: A sync after the completed one broke off.
        scheduler: The scheduler's switch.
        without_volume: Replication made no volume for the last disk.
        volume_gone: CloudStack does not have the volume of the last disk.
    """
    name = _NAMES[context_id]
    chosen = tuple(_replica(name, number) for number in range(disks))
    others = tuple(one for one in cloud_sample.REPLICAS if one.source_vm != name)
    appliance = cloud_sample.add_replicas(site.cloud.world, (*chosen, *others))
    if volume_gone or without_volume:
        site.cloud.world.remove_volume(site.cloud.world.volumes[chosen[-1].volume_id])
    written = [
        SampleDisk(
            one.disk_id,
            "" if without_volume and one is chosen[-1] else one.volume_id,
            one.size_gb,
            one.unit_number,
        )
        for one in chosen
    ]
    replicas = Replicas(site, context_id, appliance, chosen)
    async with _opened(site) as database, database.write() as connection:
        writer = RowWriter(database, connection)
        of_vm = await _forget(connection, database, context_id)
        of_vm |= {
            "os_type": "windows2019srv_64Guest" if windows else "ubuntu64Guest",
            "bios_setup": f'{{"firmware": "{firmware}"}}' if firmware else None,
        }
        config = (await connection.execute(select(ossea_configs.c.id))).scalars().first()
        await add_disks(writer, context_id, written, config_id=config, of_vm=of_vm)
        await connection.execute(
            update(vm_replication_contexts)
            .where(vm_replication_contexts.c.context_id == context_id)
            .values(
                writer.takes(
                    vm_replication_contexts,
                    {"os_type": of_vm["os_type"], "scheduler_enabled": int(scheduler)},
                )
            )
        )
        now = datetime.now(UTC)
        for job_id, status, ago in (
            (SEEDED_JOB, "completed", SYNCED_BEFORE),
            *(((TORN_JOB, "failed", SYNCED_BEFORE / 2),) if torn else ()),
        ):
            await add_sync(
                writer,
                connection,
                context_id,
                [one.disk_id for one in chosen],
                job_id=f"{job_id}-{name}",
                ended_at=now - ago,
                status=status,
            )
    return replicas


def _replica(name: str, number: int) -> cloud_sample.Replica:
    """Return the sample's disk with this number, or one like it where the sample has fewer."""
    known = [one for one in cloud_sample.REPLICAS if one.source_vm == name]
    if number < len(known):
        return known[number]
    unit = number if number < _SCSI_CONTROLLER else number + 1
    volume_id = f"{known[0].volume_id[:-3]}{number + 1:03}"
    return cloud_sample.Replica(name, f"disk-{2000 + number}", volume_id, 5, unit)


def _content(disk: cloud_sample.Replica) -> str:
    return f"{disk.source_vm} {disk.disk_id}"


async def _forget(connection: AsyncConnection, database: Database, context_id: str) -> dict[str, Any]:
    """Remove what replication wrote of a VM; return what its disk rows repeated of the VM itself."""
    rows = await connection.execute(
        database.features.select(vm_disks).where(vm_disks.c.vm_context_id == context_id)
    )
    row = rows.all()[0]._asdict()
    jobs = select(replication_jobs.c.id).where(replication_jobs.c.vm_context_id == context_id)
    await connection.execute(delete(cbt_history).where(cbt_history.c.job_id.in_(jobs)))
    for table in (replication_jobs, vm_disks, ossea_volumes):
        await connection.execute(delete(table).where(table.c.vm_context_id == context_id))
    repeated = ("cpu_count", "memory_mb", "power_state", "network_config", "created_at", "updated_at")
    return {column: row[column] for column in repeated if column in row}


@asynccontextmanager
async def _opened(site: Site) -> AsyncIterator[Database]:
    """Open the site's database for the time of a question."""
    database = await Database.open(site.url, pool_size=1)
    try:
        yield database
    finally:
        await database.close()
