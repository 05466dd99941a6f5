"""Two failovers of one VM: never at once, whichever way they were started, with whichever id."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from activities.lease import LeaseActivities
from activities.messages.context import LeaseReply, LeaseRequest
from client import FailoverClient
from database import Database, LeaseRepository, RunRepository, context_resource, name_resource
from embedded.seed import PGTEST1_CONTEXT
from rules.errors import FailoverErrorType
from rules.outcomes import FailoverResult
from rules.request import FailoverType
from simulators.cloudstack import Fault, FaultKind
from tests.support.leases import holder
from tests.support.resets import reset
from tests.support.site import LIVE, TEST, Failed, Site, activity_started, failed
from tests.support.temporal_command import TemporalCommand

_PATIENCE = 60


def _answer_no_job(site: Site) -> None:
    """Let CloudStack tell nothing of jobs, so that a failover stays open until ``_go_on``."""
    site.cloud.faults.add(Fault("listAsyncJobs", FaultKind.MAINTENANCE, times=None))


def _go_on(site: Site) -> None:
    site.cloud.faults.clear()


async def _under_way(site: Site, request: object) -> WorkflowHandle[Any, FailoverResult]:
    """Start a failover and wait until its VM is being made."""
    _answer_no_job(site)
    handle = await site.start(request)
    await activity_started(handle, "WaitForJobActivity")
    return handle


async def _result(handle: WorkflowHandle[Any, FailoverResult]) -> FailoverResult:
    return await asyncio.wait_for(handle.result(), _PATIENCE)


def _is_refusal(end: Failed, first: WorkflowHandle[Any, Any]) -> bool:
    return end.type == FailoverErrorType.FAILOVER_IN_PROGRESS and first.id in end.message


async def _holder(site: Site, resource: str) -> str | None:
    database = await Database.open(site.url, pool_size=1)
    try:
        return await holder(database, resource)
    finally:
        await database.close()


async def _lease_to(site: Site, owner: str, resource: str) -> None:
    database = await Database.open(site.url, pool_size=1)
    try:
        answer = await LeaseRepository(database).acquire(
            resource=resource,
            owner=owner,
            context_id=PGTEST1_CONTEXT,
            failover_type="live",
            now=datetime.now(UTC),
        )
        assert answer.granted
    finally:
        await database.close()


@pytest.mark.parametrize("request_", (LIVE, TEST), ids=("live", "test"))
async def test_a_second_one_from_the_command_line_is_refused_with_the_id_of_the_first(
    site: Site, temporal: TemporalCommand, request_: dict[str, str]
) -> None:
    first = await _under_way(site, request_)
    other_id = f"{site.task_queue} any id; even 'this' one"
    started = await temporal(
        "workflow",
        "start",
        *("--type", "FailoverWorkflow"),
        *("--task-queue", site.task_queue),
        *("--workflow-id", other_id),
        *("--input", json.dumps(request_)),
    )
    assert started.code == 0, started.errors
    assert _is_refusal(await failed(site.client.get_workflow_handle(other_id)), first)
    _go_on(site)
    result = await _result(first)
    (vm,) = site.vms()
    assert result.vm.id == vm.id


async def test_a_second_one_from_the_client_is_refused_with_the_id_of_the_first(site: Site) -> None:
    first = await _under_way(site, LIVE)
    client = FailoverClient(site.client, task_queue=site.task_queue)
    handle = await client.start(LIVE, workflow_id=f"{site.task_queue}-from-the-client")
    assert _is_refusal(await failed(handle), first)
    _go_on(site)
    await _result(first)
    assert len(site.vms()) == 1


@pytest.mark.parametrize("request_", (LIVE, TEST), ids=("live", "test"))
async def test_of_two_that_start_at_one_moment_one_is_refused(site: Site, request_: object) -> None:
    _answer_no_job(site)
    handles = await asyncio.gather(site.start(request_), site.start(request_))
    waits = {asyncio.create_task(one.result()): one for one in handles}
    done, _ = await asyncio.wait(waits, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    (refused,) = (waits[one] for one in done)
    (other,) = (one for one in handles if one is not refused)
    assert _is_refusal(await failed(refused), other)
    _go_on(site)
    result = await _result(other)
    (vm,) = site.vms()
    assert result.vm.id == vm.id
    await asyncio.gather(*waits, return_exceptions=True)


async def test_a_live_one_starts_beside_an_open_test(site: Site) -> None:
    drill = await _under_way(site, TEST)
    live = await site.start(LIVE)
    await activity_started(live, "WaitForJobActivity")
    assert (await drill.describe()).close_time is None
    _go_on(site)
    made = {(await _result(one)).vm.id for one in (live, drill)}
    assert {vm.id for vm in site.running()} == made
    assert len(site.vms()) == 2


async def test_a_test_beside_an_open_live_one_is_refused_with_its_id(site: Site) -> None:
    live = await _under_way(site, LIVE)
    assert _is_refusal(await site.run_failing(TEST), live)
    _go_on(site)
    result = await _result(live)
    (vm,) = site.vms()
    assert result.vm.id == vm.id


async def test_failovers_of_two_vms_run_side_by_side(site: Site) -> None:
    other = {"context_id": "ctx-pgtest3-20250923-084410", "failover_type": "test"}
    first = await _under_way(site, TEST)
    second = await site.start(other)
    await activity_started(second, "WaitForJobActivity")
    assert (await first.describe()).close_time is None
    _go_on(site)
    made = {(await _result(one)).vm.id for one in (first, second)}
    assert {vm.id for vm in site.running()} == made


@pytest.mark.parametrize("end", ("completed", "failed", "cancelled"))
async def test_the_lease_is_given_back_at_the_end(site: Site, end: str) -> None:
    if end == "failed":
        site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.QUOTA))
    handle = await _under_way(site, LIVE) if end == "cancelled" else await site.start(LIVE)
    if end == "cancelled":
        await handle.cancel()
        _go_on(site)
    await asyncio.wait_for(asyncio.gather(handle.result(), return_exceptions=True), _PATIENCE)
    assert await _holder(site, context_resource(PGTEST1_CONTEXT, "live")) is None
    assert await _holder(site, name_resource("pgtest1")) is None


async def test_a_refused_one_leaves_the_lease_to_its_owner(site: Site) -> None:
    first = await _under_way(site, LIVE)
    await site.run_failing(LIVE)
    assert await _holder(site, context_resource(PGTEST1_CONTEXT, "live")) == first.id
    _go_on(site)
    await _result(first)


async def test_an_open_owner_that_is_reset_keeps_the_lease(site: Site) -> None:
    first = await _under_way(site, LIVE)
    again = await reset(site.client, first)
    assert _is_refusal(await site.run_failing(LIVE), first)
    _go_on(site)
    result = await _result(again)
    (vm,) = site.vms()
    assert result.vm.id == vm.id


async def test_a_closed_owner_that_is_reset_takes_the_lease_like_any_other(site: Site) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.QUOTA))
    first = await site.start(LIVE)
    await failed(first)
    second = await _under_way(site, LIVE)
    assert _is_refusal(await failed(await reset(site.client, first)), second)
    _go_on(site)
    result = await _result(second)
    (vm,) = site.vms()
    assert result.vm.id == vm.id


async def test_after_terminate_the_next_one_takes_the_lease_over(site: Site) -> None:
    """A test's VM stays, since nobody undid it; the next one has a name, an id and addresses of its own."""
    await site.stop_worker()
    await site.start_worker(FAILOVER_TEST_MAC="new")
    first = await _under_way(site, TEST)
    await first.terminate("a test")
    _go_on(site)
    result = await site.run(TEST)
    assert result.vm.id in {vm.id for vm in site.running()}
    assert len(site.vms()) == 2
    assert await _holder(site, context_resource(PGTEST1_CONTEXT, "test")) is None


async def test_after_terminate_a_live_vm_that_is_there_is_named_and_left_alone(site: Site) -> None:
    first = await _under_way(site, LIVE)
    (vm,) = site.vms()
    await first.terminate("a test")
    _go_on(site)
    end = await site.run_failing(LIVE)
    assert end.type == FailoverErrorType.VM_NAME_TAKEN
    assert vm.id in end.message
    assert first.id in end.message
    assert site.vms() == [vm]


async def test_after_terminate_a_create_call_that_is_on_its_way_makes_no_second_vm(site: Site) -> None:
    """Parallel creates of one name make two VMs (observed, section 3): the next run lets it expire first."""
    arrived = asyncio.Event()

    def is_first(_params: object) -> bool:
        arrived.set()
        return True

    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.HANG, seconds=1.5, match=is_first))
    first = await site.start(LIVE)
    await asyncio.wait_for(arrived.wait(), _PATIENCE)
    await first.terminate("a test")
    _go_on(site)
    end = await site.run_failing(LIVE)
    (vm,) = site.vms()
    assert end.type == FailoverErrorType.VM_NAME_TAKEN
    assert vm.id in end.message


def _ask(owner: str, held: LeaseReply | None = None) -> LeaseRequest:
    return LeaseRequest(
        context_id=PGTEST1_CONTEXT,
        failover_type=FailoverType.LIVE,
        owner=owner,
        vm_name="pgtest1",
        take_over_from=held.held_by if held else "",
        take_over_token=held.held_token if held else "",
    )


async def test_context_and_name_of_a_closed_owner_are_taken_over_in_one_go(own_database: Database) -> None:
    activities = LeaseActivities(LeaseRepository(own_database), RunRepository(own_database))
    await activities.acquire(_ask("first"))
    refused = await activities.acquire(_ask("second"))
    assert (refused.granted, refused.held_by, refused.name_only) == (False, "first", False)
    assert await activities.acquire(_ask("second", refused)) == LeaseReply(granted=True, fresh=False)
    assert await holder(own_database, name_resource("pgtest1")) == "second"


async def test_an_owner_that_is_started_again_while_it_is_asked_after_is_not_taken_over(
    own_database: Database,
) -> None:
    activities = LeaseActivities(LeaseRepository(own_database), RunRepository(own_database))
    await activities.acquire(_ask("first"))
    refused = await activities.acquire(_ask("second"))
    await activities.acquire(_ask("first"))
    late = await activities.acquire(_ask("second", refused))
    assert (late.granted, late.held_by) == (False, "first")
    assert late.held_token != refused.held_token


@pytest.mark.parametrize("request_", (LIVE, TEST), ids=("live", "test"))
async def test_a_holder_that_temporal_does_not_know_does_not_stand_in_the_way(
    site: Site, request_: object
) -> None:
    """Its retention is over, or its namespace was made anew. The age of the lease says nothing."""
    await _lease_to(site, "a-run-of-long-ago", context_resource(PGTEST1_CONTEXT, "live"))
    await _lease_to(site, "a-run-of-long-ago", name_resource("pgtest1"))
    result = await site.run(request_)
    (vm,) = site.vms()
    assert result.vm.id == vm.id
