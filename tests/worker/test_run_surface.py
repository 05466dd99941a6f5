"""What a run shows without opening a payload: search attributes, current details, a line for every step."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.common import SearchAttributeKey

from client import FailoverClient
from database import Database, RunState, VmState
from database.tables import failover_jobs
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT
from rules.outcomes import FailoverResult
from simulators.cloudstack import Fault, FaultKind
from simulators.cloudstack import sample as cloud
from tests.support.site import LIVE, TEST, Site, activity_started, failed
from workflows.surface import CONTEXT, OUTCOME, TYPE, VM_NAME

_PATIENCE = 60


async def _shown(handle: WorkflowHandle[Any, Any]) -> dict[SearchAttributeKey[str], str | None]:
    found = (await handle.describe()).typed_search_attributes
    return {key: found.get(key) for key in (CONTEXT, VM_NAME, TYPE, OUTCOME)}


async def _ended(site: Site, request: object) -> WorkflowHandle[Any, FailoverResult]:
    handle = await site.start(request)
    await asyncio.wait_for(asyncio.gather(handle.result(), return_exceptions=True), _PATIENCE)
    return handle


async def _waiting(site: Site, request: object) -> WorkflowHandle[Any, FailoverResult]:
    site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))
    handle = await site.start(request)
    await activity_started(handle, "WaitForJobActivity")
    return handle


async def _details(site: Site, handle: WorkflowHandle[Any, Any]) -> str:
    return await FailoverClient(site.client, task_queue=site.task_queue).current_details(handle.id)


async def _job(site: Site, workflow_id: str) -> dict[str, Any]:
    database = await Database.open(site.url, pool_size=1)
    try:
        async with database.read() as connection:
            found = await connection.execute(
                failover_jobs.select()
                .with_only_columns(*database.features.present(failover_jobs))
                .where(failover_jobs.c.job_id == workflow_id)
            )
            return dict(found.mappings().one())
    finally:
        await database.close()


async def test_an_open_run_says_where_it_is(site: Site) -> None:
    handle = await _waiting(site, LIVE)
    assert await _shown(handle) == {
        CONTEXT: PGTEST1_CONTEXT,
        VM_NAME: "pgtest1",
        TYPE: "live",
        OUTCOME: "running",
    }
    details = await _details(site, handle)
    assert "live failover of pgtest1" in details
    assert "create the VM, stopped" in details
    assert "disks: none attached" in details
    for line in (
        f"| 0 | VM Network | {cloud.PROD_LAN_NAME} {cloud.PROD_LAN_ID} | mapped |",
        f"| 1 | DMZ Network | {cloud.PROD_DMZ_NAME} {cloud.PROD_DMZ_ID} | mapped |",
    ):
        assert line in details.splitlines()
    site.cloud.faults.clear()
    result = await asyncio.wait_for(handle.result(), _PATIENCE)
    details = await _details(site, handle)
    assert "completed" in details.splitlines()[0]
    assert f"VM: pgtest1 `{result.vm.id}` (Running)" in details.splitlines()


async def test_a_fallback_is_a_warning_in_the_details_too(site: Site) -> None:
    handle = await _ended(site, {"context_id": PGTEST2_CONTEXT, "failover_type": "test"})
    details = await _details(site, handle)
    assert "| default |" in details
    assert "warning: NIC 0 ('VM Network'): no test mapping for this source network" in details


@pytest.mark.parametrize(
    ("request_", "outcome"),
    (
        (TEST, "completed"),
        (LIVE, "failed"),
        ({"context_id": "ctx-nobody-knows", "failover_type": "live"}, "refused"),
        ({"context_id": PGTEST1_CONTEXT}, "refused"),
    ),
    ids=("completed", "failed", "unknown-context", "invalid"),
)
async def test_a_run_is_found_by_its_outcome(site: Site, request_: object, outcome: str) -> None:
    if outcome == "failed":
        site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.QUOTA))
    handle = await _ended(site, request_)
    assert (await _shown(handle))[OUTCOME] == outcome
    await _is_listed(site, f"FailoverOutcome = '{outcome}' AND WorkflowId = '{handle.id}'")


async def test_a_cancelled_run_is_found_by_its_outcome(site: Site) -> None:
    handle = await _waiting(site, LIVE)
    await handle.cancel()
    site.cloud.faults.clear()
    await failed(handle)
    assert (await _shown(handle))[OUTCOME] == "cancelled"
    await _is_listed(
        site, f"FailoverVmName = 'pgtest1' AND FailoverOutcome = 'cancelled' AND WorkflowId = '{handle.id}'"
    )


async def _is_listed(site: Site, query: str) -> None:
    """Wait until visibility, which is a moment behind, shows it."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            async for _ in site.client.list_workflows(query):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("request_", (LIVE, TEST), ids=("live", "test"))
async def test_every_step_has_a_line_that_can_be_read(site: Site, request_: object) -> None:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=533))
    handle = await _ended(site, request_)
    converter = site.client.data_converter
    lines = []
    for event in (await handle.fetch_history()).events:
        is_step = event.HasField("activity_task_scheduled_event_attributes")
        if is_step or event.HasField("timer_started_event_attributes"):
            (line,) = await converter.decode([event.user_metadata.summary], [str])
            lines.append(line)
            if is_step:
                name = event.activity_task_scheduled_event_attributes.activity_type.name
                assert line != name
    assert all(" " in line and len(line) < 100 for line in lines), lines
    assert "Start again after code 533" in lines
    assert "Create the VM stopped, 2 NICs" in lines
    assert f"Resolve 2 NICs for {'live' if request_ is LIVE else 'test'}" in lines


@pytest.mark.parametrize(
    ("fails", "state", "vm_state", "status"),
    (
        (False, RunState.COMPLETED, VmState.RUNNING, "completed"),
        (True, RunState.FAILED, VmState.REMOVED, "failed"),
    ),
    ids=("completed", "failed"),
)
async def test_the_tables_tell_how_it_ended_when_temporal_no_longer_does(
    field_site: Site, *, fails: bool, state: RunState, vm_state: VmState, status: str
) -> None:
    if fails:
        field_site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    handle = await _ended(field_site, LIVE)
    record = await field_site.record(handle.id)
    assert record is not None
    assert (record.state, record.vm_state) == (state, vm_state)
    assert record.finished_at is not None
    assert [one["destination_network_id"] for one in record.decisions] == [
        cloud.PROD_LAN_ID,
        cloud.PROD_DMZ_ID,
    ]
    job = await _job(field_site, handle.id)
    assert (job["status"], job["job_type"], job["source_vm_name"]) == (status, "live", "pgtest1")
    assert job["completed_at"] is not None
    assert bool(job["error_message"]) is fails
    assert record.failure_type == ("VmStartFailed" if fails else "")
    (vm_id,) = (one.id for one in field_site.cloud.world.vms.values())
    assert record.vm_id == job["destination_vm_id"] == vm_id


async def test_a_cancelled_one_stands_in_the_tables_too(site: Site) -> None:
    handle = await _waiting(site, TEST)
    await handle.cancel()
    site.cloud.faults.clear()
    await failed(handle)
    record = await site.record(handle.id)
    assert record is not None
    assert (record.state, record.vm_state) == (RunState.CANCELLED, VmState.REMOVED)
    assert (await _job(site, handle.id))["status"] == "failed"
