"""The runs whose histories are kept: one for every way through the workflow that a later worker may meet.

A history is what ``temporal workflow show --output json`` prints of a run; its file is named for its story.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from database import Database, LeaseRepository, context_resource
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.outcomes import Acceptance
from simulators.cloudstack import Fault, FaultKind
from simulators.cloudstack import sample as cloud
from tests.support.resets import reset
from tests.support.site import LIVE, TEST, Site, activity_started, failed

Handle = WorkflowHandle[Any, Any]
Story = Callable[[Site, str], Awaitable[Handle]]
"""Plays a story under a workflow id, to the moment in which its history is to be kept."""

_PATIENCE = 60


async def _ended(site: Site, workflow_id: str, request: object, *faults: Fault) -> Handle:
    for fault in faults:
        site.cloud.faults.add(fault)
    handle = await site.start(request, workflow_id=workflow_id)
    await asyncio.wait_for(asyncio.gather(handle.result(), return_exceptions=True), _PATIENCE)
    return handle


async def _open(site: Site, workflow_id: str, request: object, activity: str, *faults: Fault) -> Handle:
    for fault in faults:
        site.cloud.faults.add(fault)
    handle = await site.start(request, workflow_id=workflow_id)
    await activity_started(handle, activity)
    return handle


async def _timer(handle: Handle) -> None:
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.HasField("timer_started_event_attributes"):
            return


def _silent() -> Fault:
    return Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None)


def _late_deploy() -> Fault:
    return Fault("deployVirtualMachine", FaultKind.HANG, seconds=2.5, effect=True)


async def live(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, LIVE)


async def test(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, TEST)


async def live_on_the_default_network(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, {"context_id": PGTEST2_CONTEXT, "failover_type": "live"})


async def test_with_partial_mappings(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, {"context_id": PGTEST3_CONTEXT, "failover_type": "test"})


async def live_without_the_vma(site: Site, workflow_id: str) -> Handle:
    await site.vma.stop()
    return await _ended(site, workflow_id, LIVE)


async def live_whose_caller_waits_for_accepted(site: Site, workflow_id: str) -> Handle:
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        "FailoverWorkflow",
        LIVE,
        id=workflow_id,
        task_queue=site.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    await site.client.execute_update_with_start_workflow(
        "accepted", start_workflow_operation=start, result_type=Acceptance
    )
    handle: Handle = await start.workflow_handle()
    await asyncio.wait_for(handle.result(), _PATIENCE)
    return handle


async def live_started_at_the_second_try(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, LIVE, Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=533))


async def live_whose_create_job_failed_once(site: Site, workflow_id: str) -> Handle:
    return await _ended(
        site, workflow_id, LIVE, Fault("deployVirtualMachine", FaultKind.JOB_FAILS_WITHOUT_RESULT)
    )


async def live_reset(site: Site, workflow_id: str) -> Handle:
    first = await _ended(site, workflow_id, LIVE)
    again = await reset(site.client, first, "CreateVMActivity")
    await asyncio.wait_for(again.result(), _PATIENCE)
    return again


async def live_after_a_terminated_one(site: Site, workflow_id: str) -> Handle:
    database = await Database.open(site.url, pool_size=1)
    try:
        await LeaseRepository(database).acquire(
            resource=context_resource(PGTEST1_CONTEXT, "live"),
            owner="a-run-that-was-terminated",
            context_id=PGTEST1_CONTEXT,
            failover_type="live",
            now=datetime.now(UTC),
        )
    finally:
        await database.close()
    return await _ended(site, workflow_id, LIVE)


async def failed_create_refused(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, LIVE, Fault("deployVirtualMachine", FaultKind.QUOTA))


async def failed_start_undone(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, TEST, Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))


async def failed_and_left_behind(site: Site, workflow_id: str) -> Handle:
    return await _ended(
        site,
        workflow_id,
        LIVE,
        Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431),
        Fault("destroyVirtualMachine", FaultKind.JOB_FAILS, code=530, times=None),
    )


async def refused_request(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, {"context_id": PGTEST1_CONTEXT, "surprise": 1})


async def refused_context(site: Site, workflow_id: str) -> Handle:
    return await _ended(site, workflow_id, {"context_id": "ctx-nobody-knows", "failover_type": "live"})


async def refused_production_network(site: Site, workflow_id: str) -> Handle:
    await site.sql(
        f"UPDATE network_mappings SET destination_network_id = '{cloud.PROD_LAN_ID}' "
        f"WHERE destination_network_id = '{cloud.TEST_LAN_ID}'"
    )
    return await _ended(site, workflow_id, TEST)


async def refused_name_taken(site: Site, workflow_id: str) -> Handle:
    await site.run(LIVE)
    return await _ended(site, workflow_id, LIVE)


async def refused_in_progress(site: Site, workflow_id: str) -> Handle:
    first = await _open(site, f"{workflow_id}-first", LIVE, "WaitForJobActivity", _silent())
    handle = await _ended(site, workflow_id, LIVE)
    site.cloud.faults.clear()
    await asyncio.wait_for(first.result(), _PATIENCE)
    return handle


async def cancelled_while_the_vm_is_created(site: Site, workflow_id: str) -> Handle:
    handle = await _open(site, workflow_id, LIVE, "WaitForJobActivity", _silent())
    await handle.cancel()
    site.cloud.faults.clear()
    await failed(handle)
    return handle


async def cancelled_while_the_create_call_is_under_way(site: Site, workflow_id: str) -> Handle:
    handle = await _open(site, workflow_id, TEST, "CreateVMActivity", _late_deploy())
    await handle.cancel()
    await failed(handle)
    return handle


async def open_while_the_create_call_is_under_way(site: Site, workflow_id: str) -> Handle:
    return await _open(site, workflow_id, LIVE, "CreateVMActivity", _late_deploy())


async def open_while_the_vm_is_created(site: Site, workflow_id: str) -> Handle:
    return await _open(site, workflow_id, LIVE, "WaitForJobActivity", _silent())


async def open_before_another_start(site: Site, workflow_id: str) -> Handle:
    site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=533, times=None))
    handle = await site.start(TEST, workflow_id=workflow_id)
    await _timer(handle)
    return handle


STORIES: Mapping[str, Story] = {
    story.__name__.replace("_", "-"): story
    for story in (
        live,
        test,
        live_on_the_default_network,
        test_with_partial_mappings,
        live_without_the_vma,
        live_whose_caller_waits_for_accepted,
        live_started_at_the_second_try,
        live_whose_create_job_failed_once,
        live_reset,
        live_after_a_terminated_one,
        failed_create_refused,
        failed_start_undone,
        failed_and_left_behind,
        refused_request,
        refused_context,
        refused_production_network,
        refused_name_taken,
        refused_in_progress,
        cancelled_while_the_vm_is_created,
        cancelled_while_the_create_call_is_under_way,
        open_while_the_create_call_is_under_way,
        open_while_the_vm_is_created,
        open_before_another_start,
    )
}
"""By name. Those that complete begin with live or test, the others with how they end; open ones do not."""
