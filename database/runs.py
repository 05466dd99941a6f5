"""``failover_runs``: every run with its exact state, for when Temporal's retention is over."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import (
    ColumnElement,
    Row,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from database import failover_jobs, hand_over
from database.errors import UnknownRun
from database.keys import stored_key
from database.network_keys import squeezed
from database.own_tables import run_networks, runs
from database.run_reading import RunReader
from database.run_records import FINAL_STATES, Ending, PreviousRun, RunStart, RunState, VmState
from database.tables import text

_SAYS_OF_VM: dict[RunState, ColumnElement[str]] = {
    RunState.VM_CREATED: case(
        (runs.c.vm_state == VmState.RUNNING, VmState.RUNNING.value), else_=VmState.CREATED.value
    ),
    RunState.COMPLETED: literal(VmState.RUNNING.value),
}
"""What a state of the run says of its VM, where the caller does not say it. A VM that an earlier execution
completed is found by the next one, and stays known as completed."""

_STATE_AFTER: dict[Ending, RunState] = {
    Ending.COMMITTED: RunState.COMPLETED,
    Ending.ROLLED_BACK: RunState.FAILED,
    Ending.CLEANED_UP: RunState.FAILED,
    Ending.CLEANUP_REQUIRED: RunState.FAILED,
}
"""Where a run that never recorded its own end stands once somebody else ended its VM's time."""

_MESSAGE_CHARACTERS = 4000
_NAME_CHARACTERS = 255


class RunRepository(RunReader):
    """Writes what a run does, into our table and into the appliance's job list. Every write may be repeated.

    Args:
        database: Where the tables are.
    """

    async def begin(self, run: RunStart) -> PreviousRun | None:
        """Record that a run has begun, and return what an earlier execution of its workflow id recorded.

        State and failure start anew. What is known of a VM stays, for the VM stays too. A retry of this call
        returns its own first record, with the same run id.
        """
        key = stored_key(run.workflow_id)
        again: dict[str, Any] = {
            "run_id": run.run_id,
            "context_id": run.context_id,
            "vm_name": run.vm_name,
            "vmware_vm_id": run.vmware_vm_id,
            "failover_type": run.failover_type,
            "state": RunState.ACCEPTED,
            "failure_type": None,
            "failure_message": None,
            "result": None,
            "started_at": run.started_at,
            "updated_at": run.started_at,
            "finished_at": None,
            "request": json.dumps(dict(run.request)),
            "ending": None,
            "ended_at": None,
            "end_report": None,
            "source_returned_at": None,
            "source_power": None,
        }
        first = {
            "workflow_key": key,
            "workflow_id": run.workflow_id,
            "vm_state": VmState.NONE,
            "generation": 0,
            **again,
        }
        async with self._database.write() as connection:
            previous = (
                await connection.execute(select(runs).where(runs.c.workflow_key == key))
            ).one_or_none()
            if self._database.on_server:
                await connection.execute(mysql.insert(runs).values(first).on_duplicate_key_update(again))
            else:
                await connection.execute(
                    sqlite.insert(runs).values(first).on_conflict_do_update(["workflow_key"], set_=again)
                )
            await failover_jobs.begin(
                connection, self._database.features, run, server=self._database.on_server
            )
        return None if previous is None else _previous(previous)

    async def plan(
        self,
        workflow_id: str,
        decisions: Sequence[BaseModel | Mapping[str, object]],
        *,
        networks: Sequence[str],
        nic_source: str,
        at: datetime,
    ) -> None:
        """Record the decided networks before the VM is submitted: from here on the guard counts them as used.

        The networks of a VM that exists already stay beside the new ones until it is removed. Without one,
        what was known of an earlier VM is cleared: it would be taken for the one that is planned.

        Args:
            workflow_id: Whose plan.
            decisions: One per NIC, in NIC order.
            networks: Ids of the networks that the VM is put on, in NIC order.
            nic_source: Where the NICs were learned from.
            at: When (UTC).

        Raises:
            UnknownRun: Nothing was begun under this workflow id.
        """
        key = stored_key(workflow_id)
        written = json.dumps([_plain(decision) for decision in decisions])
        wanted: dict[str, dict[str, Any]] = {}
        for index, network_id in enumerate(networks):
            compared = squeezed(network_id)
            wanted.setdefault(
                compared,
                {
                    "workflow_key": key,
                    "network_key": compared,
                    "network_id": network_id.strip(),
                    "nic_index": index,
                },
            )
        async with self._database.write() as connection:
            vm_state = await self._vm_state(connection, workflow_id)
            exists = vm_state in {VmState.CREATED, VmState.RUNNING}
            gone = delete(run_networks).where(run_networks.c.workflow_key == key)
            if exists:
                gone = gone.where(run_networks.c.network_key.in_(sorted(wanted)))
            await connection.execute(gone)
            if wanted:
                await connection.execute(insert(run_networks), list(wanted.values()))
            values: dict[str, Any] = {
                "state": RunState.PLANNED,
                "vm_state": vm_state if exists else VmState.PLANNED,
                "decisions": written,
                "nic_source": nic_source,
                "updated_at": at,
            }
            job_facts: dict[str, str | None] = {"network_mappings": written}
            if not exists:
                values |= {"vm_id": None, "vm_name_created": None}
                job_facts["destination_vm_id"] = None
            await connection.execute(update(runs).where(runs.c.workflow_key == key).values(values))
            await failover_jobs.advance(
                connection,
                self._database.features,
                workflow_id,
                at=at,
                state=RunState.PLANNED,
                **job_facts,
            )

    async def set_state(  # noqa: PLR0913 - keywords, one per fact that a step may have learned
        self,
        workflow_id: str,
        state: RunState,
        *,
        at: datetime,
        vm_id: str | None = None,
        vm_name_created: str | None = None,
        generation: int | None = None,
        vm_state: VmState | None = None,
    ) -> None:
        """Record how far the run is; a fact that is None stays as it was.

        Args:
            workflow_id: Whose state.
            state: The new one.
            at: When (UTC).
            vm_id: The VM in CloudStack.
            vm_name_created: The name it was made under.
            generation: Of the VM's identity.
            vm_state: By default what ``state`` says of the VM, if anything.

        Raises:
            UnknownRun: Nothing was begun under this workflow id.
        """
        facts = {
            "vm_id": vm_id,
            "vm_name_created": vm_name_created,
            "generation": generation,
            "vm_state": _SAYS_OF_VM.get(state) if vm_state is None else vm_state,
        }
        values: dict[str, Any] = {"state": state, "updated_at": at}
        values.update({name: value for name, value in facts.items() if value is not None})
        job_facts = {} if vm_id is None else {"destination_vm_id": vm_id}
        await self._change(workflow_id, values, at=at, state=state, job_facts=job_facts)

    async def finish(  # noqa: PLR0913 - keywords, one per fact of how a run ends
        self,
        workflow_id: str,
        outcome: RunState,
        *,
        finished_at: datetime,
        result_json: str | None = None,
        error_type: str | None = None,
        error_message: str | None = None,
        vm_state: VmState | None = None,
        lease_to: str = "",
    ) -> None:
        """Record how the run ended, and with ``lease_to`` who holds its VM context from then on.

        Args:
            workflow_id: Whose end.
            outcome: One of the final states.
            finished_at: When (UTC).
            result_json: The result, as JSON.
            error_type: Name of the error that ended it.
            error_message: Its message, for people.
            vm_state: What is known of the VM. A run that ended otherwise than completed and leaves this out
                keeps its networks in use, since its VM may be there.
            lease_to: The workflow id that gets the context's lease in the same transaction; a VM's name is
                given back. Empty leaves the leases alone.

        Raises:
            UnknownRun: Nothing was begun under this workflow id.
            ValueError: ``outcome`` is not final.
        """
        if outcome not in FINAL_STATES:
            raise ValueError(f"{outcome} does not end a run")
        known = _SAYS_OF_VM.get(outcome) if vm_state is None else vm_state
        message = error_message[:_MESSAGE_CHARACTERS] if error_message else None
        values: dict[str, Any] = {
            "state": outcome,
            "result": result_json,
            "failure_type": error_type[:_NAME_CHARACTERS] if error_type else None,
            "failure_message": message,
            "updated_at": finished_at,
            "finished_at": finished_at,
        }
        if known is not None:
            values["vm_state"] = known
        await self._change(
            workflow_id,
            values,
            at=finished_at,
            state=outcome,
            job_facts={"error_message": message},
            lease_to=lease_to,
        )

    async def end(
        self, workflow_id: str, ending: Ending, *, ended_at: datetime, report: Mapping[str, object]
    ) -> None:
        """Record what ended the time of a run's VM.

        What became of the run itself stays as it is. One that was terminated recorded no end: this is it.

        Args:
            workflow_id: The failover that made the VM.
            ending: What it was. A VM that is gone leaves its networks free; one that was committed uses them.
            ended_at: When (UTC).
            report: What was removed and what stays.

        Raises:
            UnknownRun: Nothing was begun under this workflow id.
        """
        values: dict[str, Any] = {
            "ending": ending,
            "ended_at": ended_at,
            "end_report": json.dumps(dict(report)),
            "updated_at": ended_at,
            "finished_at": func.coalesce(runs.c.finished_at, ended_at),
            "state": case((runs.c.state.in_(FINAL_STATES), runs.c.state), else_=_STATE_AFTER[ending].value),
        }
        if ending in {Ending.CLEANED_UP, Ending.ROLLED_BACK}:
            values["vm_state"] = VmState.REMOVED
        async with self._database.write() as connection:
            await self._update(connection, workflow_id, values)
            await failover_jobs.end(
                connection, self._database.features, workflow_id, at=ended_at, ending=ending
            )

    async def source_returned(self, workflow_id: str, power_state: str, *, at: datetime) -> bool:
        """Record that a source which was declared lost is there again; the first time it was seen stays.

        Returns:
            Whether this is the first time.

        Raises:
            UnknownRun: Nothing was begun under this workflow id.
        """
        values = {
            "source_returned_at": func.coalesce(runs.c.source_returned_at, at),
            "source_power": power_state,
            "updated_at": at,
        }
        seen = select(runs.c.source_returned_at).where(runs.c.workflow_key == stored_key(workflow_id))
        async with self._database.write() as connection:
            before = (await connection.execute(seen.with_for_update())).scalar_one_or_none()
            await self._update(connection, workflow_id, values)
        return before is None

    async def _change(  # noqa: PLR0913 - keywords, each of which goes to a table of its own
        self,
        workflow_id: str,
        values: Mapping[str, Any],
        *,
        at: datetime,
        state: RunState,
        job_facts: Mapping[str, str | None],
        lease_to: str = "",
    ) -> None:
        async with self._database.write() as connection:
            await self._update(connection, workflow_id, values)
            await failover_jobs.advance(
                connection,
                self._database.features,
                workflow_id,
                at=at,
                state=state,
                **job_facts,
            )
            if lease_to:
                await hand_over.leases_of(connection, workflow_id, lease_to, at=at)

    @staticmethod
    async def _update(connection: AsyncConnection, workflow_id: str, values: Mapping[str, Any]) -> None:
        changed = await connection.execute(
            update(runs).where(runs.c.workflow_key == stored_key(workflow_id)).values(dict(values))
        )
        if changed.rowcount == 0:
            raise _unknown(workflow_id)

    @staticmethod
    async def _vm_state(connection: AsyncConnection, workflow_id: str) -> VmState:
        statement = select(runs.c.vm_state).where(runs.c.workflow_key == stored_key(workflow_id))
        found = (await connection.execute(statement.with_for_update())).scalar_one_or_none()
        if found is None:
            raise _unknown(workflow_id)
        return VmState(found)


def _unknown(workflow_id: str) -> UnknownRun:
    return UnknownRun(f"no run was begun under workflow id {workflow_id}")


def _plain(decision: BaseModel | Mapping[str, object]) -> object:
    return decision.model_dump(mode="json") if isinstance(decision, BaseModel) else dict(decision)


def _previous(row: Row[Any]) -> PreviousRun:
    return PreviousRun(
        run_id=row.run_id,
        context_id=row.context_id,
        failover_type=row.failover_type,
        state=RunState(row.state),
        vm_state=VmState(row.vm_state),
        vm_id=text(row.vm_id),
        generation=row.generation,
    )
