"""Everything around one protected VM at one moment, read from the simulators and the database themselves."""

import contextlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.vma.sample import PGTEST1_ID
from tests.support.whole import WholeSite


@dataclass(frozen=True)
class World:
    """Everything around one protected VM at one moment.

    Attributes:
        vms: Id to name and state; expunged ones excepted.
        nics: VM id to (network, MAC) in order.
        volumes: Id to (VM, place, pool, content, name); removed ones excepted.
        snapshots: Id to (name, volume, state).
        replicas: Disk id to (volume, VM, content).
        syncs: Replication job to its status; those from before the test excepted.
        rows: What the database's tables say.
    """

    vms: Mapping[str, tuple[str, str]]
    nics: Mapping[str, tuple[tuple[str, str], ...]]
    volumes: Mapping[str, tuple[str, int | None, str, str, str]]
    snapshots: Mapping[str, tuple[str, str, str]]
    replicas: Mapping[str, tuple[str, str, str]]
    source: str
    syncs: Mapping[str, str]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]

    def row(self, table: str, **where: str) -> Mapping[str, Any]:
        """The one row that matches; empty when there is none."""
        found = [one for one in self.rows[table] if all(one[name] == value for name, value in where.items())]
        assert len(found) <= 1, f"{table}: {found}"
        return found[0] if found else {}

    @property
    def leases(self) -> dict[str, str]:
        """Resource to the workflow that holds it."""
        return {row["resource"]: row["owner_workflow_id"] for row in self.rows["failover_leases"]}

    @property
    def change_ids(self) -> dict[str, str | None]:
        """Disk id to where the next sync goes on; None begins anew."""
        return {row["disk_id"]: row["disk_change_id"] for row in self.rows["vm_disks"]}


_TABLES = (
    "failover_leases",
    "failover_runs",
    "failover_jobs",
    "failover_replicas",
    "vm_replication_contexts",
    "vm_disks",
    "ossea_volumes",
)


def look(whole: WholeSite) -> World:
    """Read everything."""
    cloud = whole.site.cloud.world
    context_id = whole.replicas.context_id
    return World(
        vms={vm.id: (vm.name, vm.state.value) for vm in cloud.vms_existing()},
        nics={vm.id: tuple((nic.network.id, nic.mac) for nic in vm.nics) for vm in cloud.vms_existing()},
        volumes={
            one.id: (
                one.vm.id if one.vm else "",
                one.device_id,
                one.pool.id if one.pool else "",
                one.content,
                one.name,
            )
            for one in cloud.volumes.values()
            if not one.removed
        },
        snapshots={
            one.id: (one.name, one.volume.id, one.state.value)
            for one in cloud.snapshots.values()
            if not one.removed
        },
        replicas={
            disk.disk_id: (volume.id, volume.vm.id if volume.vm else "", volume.content)
            for disk, volume in zip(whole.replicas.disks, whole.replicas.volumes, strict=True)
        },
        source=whole.site.vma.vm(PGTEST1_ID).power_state,
        syncs={job.id: job.status for job in whole.replication.jobs.values()},
        rows=_read(whole.site.url, context_id),
    )


def _read(url: str, context_id: str) -> dict[str, list[dict[str, Any]]]:
    with contextlib.closing(sqlite3.connect(url.partition(":///")[2], timeout=30)) as connection:
        connection.row_factory = sqlite3.Row
        rows = {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table}")] for table in _TABLES
        }
    for table, column in (("vm_replication_contexts", "context_id"), ("vm_disks", "vm_context_id")):
        rows[table] = [row for row in rows[table] if row[column] == context_id]
    return rows
