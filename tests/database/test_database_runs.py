"""Runs in our table and in the appliance's job list."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy.exc import StatementError

from database import (
    Database,
    NetworkMappingRepository,
    PreviousRun,
    RunRepository,
    RunStart,
    RunState,
    UnknownRun,
    VmState,
)
from database.failover_jobs import JOB_STATUS
from database.tables import failover_jobs
from tests.support.field_rows import add_context, counted

NOW = datetime(2025, 9, 24, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


class Decision(BaseModel):
    nic: int
    network_id: str


REQUEST = {"context_id": "ctx-a", "failover_type": "live", "reason": "Ünser Strom", "user_id": "ops@site"}
FIRST = RunStart("wf", "run-1", "ctx-a", "pgtest1", "uuid-1", "live", NOW, REQUEST)


async def jobs(database: Database) -> list[dict[str, Any]]:
    statement = database.features.select(failover_jobs).order_by(failover_jobs.c.id)
    async with database.read() as connection:
        return [row._asdict() for row in await connection.execute(statement)]


async def test_a_run_is_recorded_from_beginning_to_end(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)

    assert await runs.begin(FIRST) is None
    await runs.plan(
        "wf",
        [Decision(nic=0, network_id="net-1"), {"nic": 1, "network_id": "net-2"}],
        networks=["net-1", "net-2"],
        nic_source="vma",
        at=NOW,
    )
    await runs.set_state(
        "wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1", vm_name_created="pgtest1", generation=2
    )
    await runs.set_state("wf", RunState.STARTING, at=NOW)
    await runs.finish("wf", RunState.COMPLETED, finished_at=LATER, result_json='{"vm_id": "vm-1"}')

    found = await runs.get("wf")
    assert found is not None
    assert found.model_dump() == {
        "workflow_id": "wf",
        "run_id": "run-1",
        "context_id": "ctx-a",
        "vm_name": "pgtest1",
        "vmware_vm_id": "uuid-1",
        "failover_type": "live",
        "state": RunState.COMPLETED,
        "vm_state": VmState.RUNNING,
        "vm_id": "vm-1",
        "vm_name_created": "pgtest1",
        "generation": 2,
        "nic_source": "vma",
        "decisions": ({"nic": 0, "network_id": "net-1"}, {"nic": 1, "network_id": "net-2"}),
        "result": {"vm_id": "vm-1"},
        "failure_type": "",
        "failure_message": "",
        "started_at": NOW,
        "updated_at": LATER,
        "finished_at": LATER,
        "request": REQUEST,
        "ending": None,
        "ended_at": None,
        "end_report": None,
        "source_returned_at": None,
        "source_power": "",
    }
    (job,) = await jobs(field_database)
    assert (job["job_id"], job["vm_context_id"], job["vm_id"], job["source_vm_name"]) == (
        "wf",
        "ctx-a",
        "uuid-1",
        "pgtest1",
    )
    assert (job["job_type"], job["status"], job["destination_vm_id"]) == ("live", "completed", "vm-1")
    assert job["network_mappings"] == '[{"nic": 0, "network_id": "net-1"}, {"nic": 1, "network_id": "net-2"}]'
    assert job["completed_at"].replace(microsecond=0) == LATER.replace(microsecond=0)
    assert job["error_message"] is None


async def test_every_state_has_a_status_that_the_job_list_takes(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)
    await runs.begin(FIRST)
    for state in RunState:
        await runs.set_state("wf", state, at=NOW)
        (job,) = await jobs(field_database)
        assert job["status"] == JOB_STATUS[state], state


async def test_a_failure_is_kept_with_its_type_and_message(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)
    await runs.begin(FIRST)

    await runs.finish(
        "wf", RunState.REFUSED, finished_at=LATER, error_type="GuardRefusal", error_message="é" * 9000
    )

    found = await runs.get("wf")
    assert found is not None
    assert (found.state, found.failure_type, len(found.failure_message)) == (
        RunState.REFUSED,
        "GuardRefusal",
        4000,
    )
    (job,) = await jobs(field_database)
    assert (job["status"], job["error_message"]) == ("failed", "é" * 4000)


async def test_a_second_execution_learns_what_the_first_left_behind(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)
    await runs.begin(FIRST)
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
    await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1", generation=1)
    await runs.finish("wf", RunState.FAILED, finished_at=NOW, error_type="E", error_message="broken")

    previous = await runs.begin(replace(FIRST, run_id="run-2", started_at=LATER))

    assert previous == PreviousRun(
        run_id="run-1",
        context_id="ctx-a",
        failover_type="live",
        state=RunState.FAILED,
        vm_state=VmState.CREATED,
        vm_id="vm-1",
        generation=1,
    )
    found = await runs.get("wf")
    assert found is not None
    assert (found.run_id, found.state, found.vm_state, found.vm_id, found.generation) == (
        "run-2",
        RunState.ACCEPTED,
        VmState.CREATED,
        "vm-1",
        1,
    )
    assert (found.failure_type, found.finished_at, found.started_at) == ("", None, LATER)
    (job,) = await jobs(field_database)
    assert (job["status"], job["error_message"], job["completed_at"]) == ("validating", None, None)
    # A retry of the same call whose reply was lost sees itself.
    again = await runs.begin(replace(FIRST, run_id="run-2", started_at=LATER))
    assert again is not None
    assert again.run_id == "run-2"


async def test_a_new_plan_replaces_the_networks_of_a_vm_that_was_never_made(field_database: Database) -> None:
    runs, mappings = RunRepository(field_database), NetworkMappingRepository(field_database)
    await runs.begin(FIRST)
    await runs.plan("wf", [], networks=["net-1", "net-2"], nic_source="vma", at=NOW)
    await runs.plan("wf", [], networks=["net-2", "NET-2", "net-3"], nic_source="vma", at=NOW)

    used = (await mappings.production_use(["net-1", "net-2", "net-3"])).live

    assert [one.network_id for one in used] == ["net-2", "net-3"]


async def test_a_new_plan_keeps_the_networks_of_a_vm_that_exists(field_database: Database) -> None:
    runs, mappings = RunRepository(field_database), NetworkMappingRepository(field_database)
    await runs.begin(FIRST)
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
    await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1")
    await runs.begin(replace(FIRST, run_id="run-2"))
    await runs.plan("wf", [], networks=["net-2"], nic_source="vma", at=NOW)

    used = (await mappings.production_use(["net-1", "net-2"])).live

    assert [(one.network_id, one.vm_id) for one in used] == [("net-1", "vm-1"), ("net-2", "vm-1")]


async def test_a_new_plan_forgets_a_vm_that_is_gone(field_database: Database) -> None:
    """Somebody who asks CloudStack for the old id would be told "gone" of a VM that is being made."""
    await add_context(field_database, "ctx-a")
    runs, mappings = RunRepository(field_database), NetworkMappingRepository(field_database)
    await runs.begin(FIRST)
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
    await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-1", vm_name_created="pgtest1")
    await runs.finish("wf", RunState.FAILED, finished_at=NOW, vm_state=VmState.REMOVED)
    previous = await runs.begin(replace(FIRST, run_id="run-2"))
    assert previous is not None
    assert (previous.vm_id, previous.vm_state) == ("vm-1", VmState.REMOVED)

    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)

    found = await runs.get("wf")
    assert found is not None
    assert (found.vm_state, found.vm_id, found.vm_name_created) == (VmState.PLANNED, "", "")
    assert [one.vm_id for one in (await mappings.production_use(["net-1"])).live] == [""]
    (job,) = await jobs(field_database)
    assert job["destination_vm_id"] is None


async def test_a_vm_that_was_completed_stays_known_as_that_when_it_is_found_again(
    own_database: Database,
) -> None:
    runs = RunRepository(own_database)
    await runs.begin(FIRST)
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
    seen = []
    for state in (RunState.VM_CREATED, RunState.STARTING, RunState.COMPLETED):
        await runs.set_state("wf", state, at=NOW, vm_id="vm-1")
        seen.append(await runs.get("wf"))
    await runs.begin(replace(FIRST, run_id="run-2"))
    await runs.plan("wf", [], networks=["net-1"], nic_source="vma", at=NOW)
    for state in (RunState.VM_CREATED, RunState.STARTING):
        await runs.set_state("wf", state, at=NOW, vm_id="vm-1")
        seen.append(await runs.get("wf"))
    await runs.finish("wf", RunState.FAILED, finished_at=NOW, vm_state=VmState.REMOVED)
    await runs.set_state("wf", RunState.VM_CREATED, at=NOW, vm_id="vm-2")
    seen.append(await runs.get("wf"))

    assert [run.vm_state for run in seen if run is not None] == [
        VmState.CREATED,
        VmState.CREATED,
        VmState.RUNNING,
        VmState.RUNNING,
        VmState.RUNNING,
        VmState.CREATED,
    ]


async def test_a_run_of_an_unknown_context_is_ours_only(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)
    await runs.begin(replace(FIRST, context_id="CTX-A"))
    await runs.finish("wf", RunState.REFUSED, finished_at=NOW, error_type="UnknownContext")

    assert await jobs(field_database) == []
    found = await runs.get("wf")
    assert found is not None
    assert found.state is RunState.REFUSED


async def test_workflow_ids_are_told_apart_in_both_tables(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)
    await runs.begin(FIRST)
    others = ["WF", "wf ", "wf" + "x" * 900]
    for other in others:
        assert await runs.begin(replace(FIRST, workflow_id=other, failover_type="test")) is None
        await runs.finish(other, RunState.COMPLETED, finished_at=NOW)

    for workflow_id, state in (("wf", RunState.ACCEPTED), *((other, RunState.COMPLETED) for other in others)):
        found = await runs.get(workflow_id)
        assert found is not None
        assert (found.workflow_id, found.state) == (workflow_id, state)
    assert [job["status"] for job in await jobs(field_database)] == ["validating"] + ["completed"] * 3


async def test_runs_are_listed_latest_first_and_filtered(field_database: Database) -> None:
    runs = RunRepository(field_database)
    for number in range(4):
        await runs.begin(
            replace(
                FIRST,
                workflow_id=f"wf-{number}",
                failover_type="live" if number % 2 else "test",
                vmware_vm_id=f"uuid-{number}",
                context_id=f"ctx-{number}",
                started_at=NOW + timedelta(minutes=number),
            )
        )
    await runs.set_state("wf-3", RunState.VM_CREATED, at=NOW, vm_id="cloud-3")

    async def listed(**filters: Any) -> list[str]:  # noqa: ANN401 - the filters of list
        return [run.workflow_id[-1] for run in await runs.list(**filters)]

    assert await listed() == ["3", "2", "1", "0"]
    assert await listed(limit=2) == ["3", "2"]
    assert await listed(failover_type="test") == ["2", "0"]
    assert await listed(state=RunState.ACCEPTED, failover_type="live") == ["1"]
    assert await listed(vm_id="uuid-1") == ["1"]
    assert await listed(vm_id="cloud-3") == ["3"]
    assert await listed(context_id="ctx-2") == ["2"]
    with counted(field_database) as sent:
        await runs.list()
    assert len(sent) == 1


async def test_reporting_on_a_run_that_was_never_begun_is_an_error(field_database: Database) -> None:
    runs = RunRepository(field_database)
    with pytest.raises(UnknownRun):
        await runs.plan("wf", [], networks=["n"], nic_source="vma", at=NOW)
    with pytest.raises(UnknownRun):
        await runs.set_state("wf", RunState.STARTING, at=NOW)
    with pytest.raises(UnknownRun):
        await runs.finish("wf", RunState.COMPLETED, finished_at=NOW)
    assert await runs.get("wf") is None


async def test_a_run_ends_in_a_final_state_only_and_times_have_a_zone(field_database: Database) -> None:
    runs = RunRepository(field_database)
    await runs.begin(FIRST)
    with pytest.raises(ValueError, match="does not end a run"):
        await runs.finish("wf", RunState.STARTING, finished_at=NOW)
    with pytest.raises(StatementError, match="without a zone"):
        await runs.finish("wf", RunState.FAILED, finished_at=NOW.replace(tzinfo=None))


async def test_a_plan_costs_the_same_however_many_nics(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    runs = RunRepository(field_database)
    with counted(field_database) as sent:
        await runs.begin(FIRST)
    assert len([one for one in sent if not one.startswith("BEGIN")]) == 4
    for many in (1, 30):
        networks = [f"net-{number}" for number in range(many)]
        with counted(field_database) as sent:
            await runs.plan("wf", [], networks=networks, nic_source="vma", at=NOW)
        assert len([one for one in sent if not one.startswith("BEGIN")]) == 5, many
