"""``failover_jobs``: the appliance's own list, so that its GUI and reports show our runs too.

The table has fewer words than a run has states. The nearest legal one is written:

    ==================  ==================
    state of the run    ``status``
    ==================  ==================
    accepted            validating
    planned             creating_vm
    vm_created          creating_vm
    starting            powering_on
    held                powering_on
    completed           completed
    undoing             cleanup
    failed              failed
    cancelled           failed
    refused             failed
    ==================  ==================

And for what ended the VM's time afterwards: ``cleanup`` while something stays, else ``completed``.

``job_id`` is the workflow id, or a hashed form of one that the column cannot hold exactly (keys.job_key).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from database.errors import SchemaMismatch
from database.keys import KEY_LENGTH, job_key
from database.run_records import FINAL_STATES, Ending, RunStart, RunState
from database.schema import SchemaFeatures
from database.tables import failover_jobs, vm_replication_contexts

JOB_STATUS: dict[RunState, str] = {
    RunState.ACCEPTED: "validating",
    RunState.PLANNED: "creating_vm",
    RunState.VM_CREATED: "creating_vm",
    RunState.STARTING: "powering_on",
    RunState.HELD: "powering_on",
    RunState.COMPLETED: "completed",
    RunState.UNDOING: "cleanup",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "failed",
    RunState.REFUSED: "failed",
}

_TABLE = failover_jobs.name
_FILLED = frozenset(column.name for column in failover_jobs.columns)


def check(features: SchemaFeatures) -> None:
    """Check at start that a row can be written, instead of finding out in the middle of a failover.

    Raises:
        SchemaMismatch: ``status`` lacks a word of the table above, or a column that we do not know refuses
            NULL and has no default.
    """
    legal = features.words.get((_TABLE, "status"))
    missing = sorted(set(JOB_STATUS.values()) - legal) if legal is not None else []
    if missing:
        raise SchemaMismatch(
            f"{_TABLE}.status does not take {', '.join(missing)}", table=_TABLE, column="status"
        )
    for column in sorted(features.unfilled - _FILLED):
        raise SchemaMismatch(
            f"{_TABLE}.{column} refuses NULL, has no default, and is not known here",
            table=_TABLE,
            column=column,
        )


async def begin(
    connection: AsyncConnection, features: SchemaFeatures, run: RunStart, *, server: bool
) -> None:
    """Insert the job, or put that of an earlier execution of the same workflow id back to its beginning.

    Nothing is written for a context that does not exist: the table's foreign key would refuse it.
    """
    known = select(vm_replication_contexts.c.context_id).where(
        vm_replication_contexts.c.context_id == run.context_id
    )
    if run.context_id not in (await connection.execute(known)).scalars().all():
        return
    again: dict[str, Any] = {
        "status": JOB_STATUS[RunState.ACCEPTED],
        "job_type": run.failover_type,
        "vm_context_id": run.context_id,
        "vm_id": run.vmware_vm_id,
        "source_vm_name": run.vm_name,
        "error_message": None,
        "started_at": run.started_at,
        "updated_at": run.started_at,
        "completed_at": None,
    }
    first = {"job_id": _job_id(features, run.workflow_id), "created_at": run.started_at, **again}
    if "replication_job_id" in features.unfilled:
        first["replication_job_id"] = ""
    values, changed = features.writable(failover_jobs, first), features.writable(failover_jobs, again)
    if server:
        await connection.execute(mysql.insert(failover_jobs).values(values).on_duplicate_key_update(changed))
    else:
        await connection.execute(
            sqlite.insert(failover_jobs).values(values).on_conflict_do_update(["job_id"], set_=changed)
        )


async def advance(
    connection: AsyncConnection,
    features: SchemaFeatures,
    workflow_id: str,
    *,
    at: datetime,
    state: RunState,
    **facts: str | None,
) -> None:
    """Bring the job up to date.

    Args:
        connection: In the transaction that changes the run.
        features: Which columns there are.
        workflow_id: Whose job.
        at: When it happened (UTC).
        state: The run's new state.
        facts: ``destination_vm_id``, ``network_mappings``, ``error_message``.
    """
    values: dict[str, Any] = {"updated_at": at, "status": JOB_STATUS[state], **facts}
    if state in FINAL_STATES:
        values["completed_at"] = at
    written = features.writable(failover_jobs, values)
    if written:
        await connection.execute(
            update(failover_jobs)
            .where(failover_jobs.c.job_id == _job_id(features, workflow_id))
            .values(written)
        )


async def end(
    connection: AsyncConnection, features: SchemaFeatures, workflow_id: str, *, at: datetime, ending: Ending
) -> None:
    """Bring the job up to date when the time of its VM is over, in the transaction that changes the run."""
    status = "cleanup" if ending is Ending.CLEANUP_REQUIRED else "completed"
    await connection.execute(
        update(failover_jobs)
        .where(failover_jobs.c.job_id == _job_id(features, workflow_id))
        .values(features.writable(failover_jobs, {"status": status, "updated_at": at}))
    )


def _job_id(features: SchemaFeatures, workflow_id: str) -> str:
    return job_key(workflow_id, features.lengths.get((_TABLE, "job_id"), KEY_LENGTH))
