"""What the open failovers of other VMs are about to take of CloudStack's storage.

What they have made already is in CloudStack's own numbers. A run counts until the order to start its VM: by
then its snapshots and clones are there, so what it takes may be counted twice, and is never left out.
"""

import json
from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from database.keys import stored_key
from database.own_tables import leases, runs
from database.replication_rows import StoredRow, newest, rows_of
from database.run_records import RunState
from database.schema import SchemaFeatures
from database.tables import number, text, vm_disks
from rules.disks import DisksMode
from rules.request import FailoverType

_GIB = 1024**3
_YET_TO_TAKE = (RunState.ACCEPTED, RunState.PLANNED, RunState.VM_CREATED)


class InFlight(NamedTuple):
    """Sums over runs and their disks; sizes in GiB, of whole disks."""

    snapshots: int = 0
    snapshot_gib: int = 0
    clone_gib: int = 0
    clones: int = 0
    vms: int = 0


class _Run(NamedTuple):
    context_id: str
    failover_type: str
    request: str | None
    state: str


async def in_flight(
    connection: AsyncConnection, features: SchemaFeatures, context_id: str, workflow_id: str = ""
) -> InFlight:
    """Add up what other runs take; two statements, however many they are.

    Args:
        connection: To read on.
        features: Which columns there are.
        context_id: Whose runs do not count, where the next is empty.
        workflow_id: The one run that does not count.
    """
    found = await _open_runs(connection, context_id, workflow_id)
    vms = sum(run.state != RunState.VM_CREATED for run in found)
    others = [run for run in found if _takes(run)]
    if not others or not features.has(vm_disks.name, "vm_context_id"):
        return InFlight(vms=vms)
    contexts = sorted({run.context_id for run in others})
    rows = newest(await rows_of(connection, features, vm_disks, vm_disks.c.vm_context_id.in_(contexts)))
    sizes: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        sizes[text(row["vm_context_id"])].append(disk_gib(row))
    drills = [run for run in others if run.failover_type == FailoverType.TEST]
    return InFlight(
        snapshots=sum(len(sizes[run.context_id]) for run in others),
        snapshot_gib=sum(sum(sizes[run.context_id]) for run in others),
        clone_gib=sum(sum(sizes[run.context_id]) for run in drills),
        clones=sum(len(sizes[run.context_id]) for run in drills),
        vms=vms,
    )


def disk_gib(row: StoredRow) -> int:
    """Return the size of a row of ``vm_disks`` in GiB, 0 where it does not say."""
    return number(row.get("size_gb")) or -(-number(row.get("capacity_bytes")) // _GIB)


async def _open_runs(connection: AsyncConnection, context_id: str, workflow_id: str) -> list[_Run]:
    """Read the runs that hold their VM: one that was terminated and taken over does not."""
    other: ColumnElement[bool] = runs.c.context_id != context_id
    if workflow_id:
        other = runs.c.workflow_key != stored_key(workflow_id)
    found = await connection.execute(
        select(runs.c.context_id, runs.c.failover_type, runs.c.request, runs.c.state).where(
            runs.c.state.in_(_YET_TO_TAKE), runs.c.workflow_key.in_(select(leases.c.owner_key)), other
        )
    )
    return [_Run(*row) for row in found]


def _takes(run: _Run) -> bool:
    """Whether it makes snapshots: what it takes by a site's setting is not recorded, so it counts."""
    request = json.loads(run.request or "{}")
    if request.get("disks") == DisksMode.NONE:
        return False
    return run.failover_type == FailoverType.TEST or not request.get("waive_snapshots")
