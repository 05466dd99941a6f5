"""``failover_runs``, as it is asked: one run, or those that match."""

import json
from typing import Any

from sqlalchemy import Row, Select, or_, select

from database.engine import Database
from database.keys import stored_key
from database.own_tables import runs
from database.run_records import RunRecord, RunState

_Records = list[RunRecord]
"""Said in another word, since the class below has a method named list."""


class RunReader:
    """Reads what runs recorded.

    Args:
        database: Where the table is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, workflow_id: str) -> RunRecord | None:
        """Return the run, None where there is none."""
        found = await self._records(select(runs).where(runs.c.workflow_key == stored_key(workflow_id)))
        return found[0] if found else None

    async def list(
        self,
        *,
        failover_type: str | None = None,
        state: RunState | None = None,
        vm_id: str | None = None,
        context_id: str | None = None,
        limit: int = 100,
    ) -> _Records:
        """Return runs, the latest first, that match every filter which is given.

        Args:
            failover_type: ``live`` or ``test``.
            state: How far they got.
            vm_id: Of the source VM in VMware or of the VM in CloudStack.
            context_id: Of the VM context.
            limit: At most so many.
        """
        statement = select(runs).order_by(runs.c.started_at.desc(), runs.c.workflow_key).limit(limit)
        if failover_type is not None:
            statement = statement.where(runs.c.failover_type == failover_type)
        if state is not None:
            statement = statement.where(runs.c.state == state)
        if vm_id is not None:
            statement = statement.where(or_(runs.c.vmware_vm_id == vm_id, runs.c.vm_id == vm_id))
        if context_id is not None:
            statement = statement.where(runs.c.context_id == context_id)
        return await self._records(statement)

    async def _records(self, statement: Select[Any]) -> _Records:
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return [_record(row) for row in rows]


def _record(row: Row[Any]) -> RunRecord:
    values = {name: value for name, value in row._asdict().items() if value is not None}
    for name in ("decisions", "result", "request", "end_report"):
        if name in values:
            values[name] = json.loads(values[name])
    return RunRecord.model_validate(values)
