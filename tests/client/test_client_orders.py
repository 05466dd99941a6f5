"""Preflight, orders and what came of them, through the client on a site with replicated disks."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from client import (
    FailoverClient,
    FailoverNotCompleted,
    FailoverNotFound,
    Order,
    OrderPending,
    OrderRefused,
    OrderTaken,
    QuestionRefused,
    RunOutcome,
)
from embedded.seed import PGTEST1_CONTEXT
from rules.disks import DisksMode
from rules.outcomes import ProofLevel
from rules.preflight import CheckStatus
from rules.request import FailoverType, UnifiedFailoverConfig
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.vma.inventory import POWERED_OFF, POWERED_ON
from simulators.vma.sample import PGTEST1_ID
from tests.client.waiting import eventually
from tests.support.whole import LOST, WHOLE_LIVE, WHOLE_TEST, WholeSite
from tests.support.whole_sites import whole_site_with_worker

_PATIENCE = 60


@pytest_asyncio.fixture(loop_scope="session")
async def whole(temporal_client: Client, tmp_path: Path) -> AsyncIterator[WholeSite]:
    settings = {"FAILOVER_UNDO_BUDGET_SECONDS": 2}
    async with whole_site_with_worker(temporal_client, tmp_path, settings=settings) as made:
        yield made


@pytest.fixture
def client(whole: WholeSite) -> FailoverClient:
    return FailoverClient(whole.client, task_queue=whole.site.task_queue)


async def _completed(client: FailoverClient, request: Mapping[str, Any]) -> str:
    answer = await client.accepted(request)
    assert answer.accepted, answer.message
    assert answer.checks
    await client.result(answer.workflow_id)
    return answer.workflow_id


async def _held(client: FailoverClient, whole: WholeSite) -> str:
    """A live run that was cancelled while its VM started."""
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
    handle = await client.start(WHOLE_LIVE)

    async def starting() -> bool:
        return any(vm.state is VmState.STARTING for vm in whole.site.vms())

    await eventually(starting)
    assert await client.cancel(handle.id)
    status = await client.wait(handle.id, until_held=True)
    assert (status.outcome, status.open) == (RunOutcome.HELD, True)
    assert status.held == "it was cancelled"
    return handle.id


async def test_the_preflight_names_every_check_and_changes_nothing(
    whole: WholeSite, client: FailoverClient
) -> None:
    request = UnifiedFailoverConfig(
        context_id=PGTEST1_CONTEXT, failover_type=FailoverType.LIVE, disks=DisksMode.REPLICATED
    )
    report = await client.preflight(request)
    assert report.ready
    assert len(report.checks) > 10
    assert {check.status for check in report.checks} <= {CheckStatus.PASS, CheckStatus.WARNING}
    assert [disk.device_id for disk in report.disks] == [0, 1]
    assert report.recovery_point is not None
    assert [vm.name for vm in whole.site.vms()] == ["replication-appliance"]
    with pytest.raises(QuestionRefused) as refused:
        await client.preflight({**WHOLE_LIVE, "test_duration": "2h"})
    assert refused.value.error_type == "InvalidRequest"


async def test_a_drill_is_extended_and_cleaned_up(whole: WholeSite, client: FailoverClient) -> None:
    workflow_id = await _completed(client, {**WHOLE_TEST, "test_duration": "4h"})
    before = await client.status(workflow_id)
    assert before.proven is ProofLevel.DISKS
    assert before.aftermath is not None
    assert before.aftermath.open
    assert before.aftermath.until is not None
    assert before.closed_at is not None
    assert abs(before.aftermath.until - before.closed_at - timedelta(hours=4)) < timedelta(minutes=1)

    with pytest.raises(OrderRefused, match="test_duration: must be more than 0 and at most"):
        await client.extend(workflow_id, "30d")
    with pytest.raises(OrderRefused, match="waits for commit or rollback"):
        await client.commit(workflow_id)
    longer = await client.extend(workflow_id, "2d", reason="not done yet")
    after = await client.status(workflow_id)
    assert after.aftermath is not None
    assert after.aftermath.until == longer.until
    assert longer.until is not None
    assert longer.until - before.aftermath.until > timedelta(hours=40)

    order = await client.clean_up(workflow_id, reason="done", user_id="jane")
    report = await client.end(order)
    assert (report.end, report.left_behind) == ("cleaned_up", ())
    assert report.reason == "jane: done"
    assert [vm.name for vm in whole.site.vms()] == ["replication-appliance"]
    over = await client.wait(workflow_id)
    assert over.aftermath is not None
    assert over.aftermath.report == report
    with pytest.raises(OrderRefused, match="it is over"):
        await client.clean_up(workflow_id)
    with pytest.raises(ValueError, match="no end of its own"):
        await client.end(longer)


async def test_a_live_vm_is_rolled_back_only_when_the_loss_is_acknowledged(
    whole: WholeSite, client: FailoverClient
) -> None:
    workflow_id = await _completed(client, WHOLE_LIVE)
    status = await client.status(workflow_id)
    assert status.objectives is not None
    assert status.objectives.rpo_seconds == 0
    assert len(status.snapshots) == len(status.attached) == 2
    with pytest.raises(OrderRefused, match="acknowledge_data_loss: must be true"):
        await client.roll_back(workflow_id, acknowledge_data_loss=False, reason="why not")
    with pytest.raises(OrderRefused, match="does not hold"):
        await client.resume(workflow_id)
    with pytest.raises(OrderRefused, match="no drill"):
        await client.clean_up(workflow_id)
    # The id of what goes on is understood as well: it is what a result shows.
    order = await client.roll_back(
        status.continues_as, acknowledge_data_loss=True, reason="it was a false alarm"
    )
    assert (order.order, order.workflow_id, order.of_run) == (Order.ROLL_BACK, status.continues_as, False)
    report = await client.end(order)
    assert (report.end, report.left_behind) == ("rolled_back", ())
    assert whole.site.vma.vm(PGTEST1_ID).power_state == POWERED_ON
    over = await client.status(workflow_id)
    assert over.aftermath is not None
    assert not over.aftermath.open
    assert over.aftermath.report is not None
    assert over.aftermath.report.end == "rolled_back"


async def test_a_rollback_that_leaves_something_says_so_and_waits_for_another_order(
    whole: WholeSite, client: FailoverClient
) -> None:
    workflow_id = await _completed(client, WHOLE_LIVE)
    whole.site.cloud.faults.add(Fault("deleteSnapshot", FaultKind.REFUSED, times=None))
    first = await client.roll_back(workflow_id, acknowledge_data_loss=True, reason="back")
    left = await asyncio.wait_for(client.end(first), _PATIENCE)
    assert left.end == "cleanup_required", left
    assert any("snapshot" in one for one in left.left_behind)
    status = await client.status(workflow_id)
    assert status.aftermath is not None
    assert status.aftermath.open
    assert status.aftermath.report == left

    whole.site.cloud.faults.clear()
    second = await _once_it_waits(client, workflow_id)
    report = await asyncio.wait_for(client.end(second), _PATIENCE)
    assert report.end == "rolled_back", "the record of the first try is none of the second order's"


async def test_a_run_that_holds_is_resumed_or_rolled_back_by_order_only(
    whole: WholeSite, client: FailoverClient
) -> None:
    workflow_id = await _held(client, whole)
    with pytest.raises(OrderRefused, match=r"waits for commit or rollback|never verified"):
        await client.commit(workflow_id)
    resumed = await client.resume(workflow_id, reason="the VM is fine")
    assert (resumed.workflow_id, resumed.of_run) == (workflow_id, True)
    # It held once: that is past, and no reason to stop looking.
    end = await asyncio.wait_for(client.wait(workflow_id, until_held=True), _PATIENCE)
    assert end.outcome is RunOutcome.COMPLETED
    assert any("the VM is fine" in one for one in end.warnings)
    await client.end(await client.roll_back(workflow_id, acknowledge_data_loss=True, reason="enough"))

    again = await _held(client, whole)
    order = await client.roll_back(again, acknowledge_data_loss=True, reason="no", user_id="jane")
    assert order.of_run
    with pytest.raises(ValueError, match="no end of its own"):
        await client.end(order)
    over = await asyncio.wait_for(client.wait(again), _PATIENCE)
    assert over.rolled_back_by == "jane: no"
    assert over.left_behind == ()
    assert "source VM: powered on" in over.restored


async def test_a_lost_source_that_came_back_is_seen(whole: WholeSite, client: FailoverClient) -> None:
    source = whole.site.vma.vm(PGTEST1_ID)
    source.power_state = POWERED_OFF
    workflow_id = await _completed(client, LOST)
    source.power_state = POWERED_ON

    async def returned() -> bool:
        status = await client.status(workflow_id)
        return status.aftermath is not None and status.aftermath.source_returned

    await eventually(returned)
    report = await client.end(await client.commit(workflow_id, user_id="jane"))
    assert (report.end, report.user_id) == ("committed", "jane")


async def test_an_order_for_nobody_and_one_that_nobody_answers(
    whole: WholeSite, client: FailoverClient
) -> None:
    with pytest.raises(FailoverNotFound):
        await client.commit("nobody")
    with pytest.raises(FailoverNotFound):
        await client.clean_up("x" * 2000)
    workflow_id = await _completed(client, WHOLE_LIVE)
    await whole.site.stop_worker()
    with pytest.raises(OrderPending) as pending:
        await client.commit(workflow_id, seconds=1)
    assert pending.value.workflow_id == f"{workflow_id}-commit"
    ended = asyncio.ensure_future(
        client.end(OrderTaken(order=Order.COMMIT, workflow_id=pending.value.workflow_id, update_id="none"))
    )
    await whole.client.get_workflow_handle(pending.value.workflow_id).terminate()
    with pytest.raises(FailoverNotCompleted, match="Terminated"):
        await asyncio.wait_for(ended, _PATIENCE)
    status = await client.status(workflow_id)
    assert status.aftermath is not None
    assert (status.aftermath.open, status.aftermath.ended_as) == (False, "terminated")


async def _once_it_waits(client: FailoverClient, workflow_id: str) -> OrderTaken:
    async def taken() -> OrderTaken | None:
        try:
            return await client.roll_back(workflow_id, acknowledge_data_loss=True, reason="again")
        except OrderRefused:
            return None

    return await eventually(taken)
