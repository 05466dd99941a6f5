"""The preflight as a question: what holds the VM is named, and so are disks that no VM can have together."""

import uuid
from collections.abc import Mapping

import pytest
from temporalio.client import WorkflowHandle

from embedded.seed import PGTEST1_CONTEXT
from rules.errors import FailoverErrorType as ErrorType
from rules.outcomes import PreflightReport
from rules.preflight import Check, CheckStatus
from rules.temporal_names import PREFLIGHT_WORKFLOW
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WHOLE_TEST, WholeSite, ended
from tests.whole.picture import picture, rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

REHEARSAL = {"context_id": PGTEST1_CONTEXT, "failover_type": "live", "disks": "none"}


async def _ask(whole: WholeSite, request: Mapping[str, object]) -> PreflightReport:
    handle: WorkflowHandle[object, PreflightReport] = await whole.client.start_workflow(
        PREFLIGHT_WORKFLOW,
        request,
        id=f"preflight-{uuid.uuid4()}",
        task_queue=whole.site.task_queue,
        result_type=PreflightReport,
    )
    return await handle.result()


def _check(report: PreflightReport, name: str) -> Check:
    (found,) = (check for check in report.checks if check.name == name)
    return found


async def test_a_live_failover_that_is_not_committed_is_named(whole_site: WholeSite) -> None:
    whole = whole_site
    free = await _ask(whole, WHOLE_LIVE)
    assert (free.ready, _check(free, "open_run").status) == (True, CheckStatus.PASS)
    handle = await whole.site.start(WHOLE_LIVE)
    result = await handle.result()
    commit = whole.commit_of(handle)
    before = await picture(whole), await rows(whole)

    for request in (WHOLE_LIVE, WHOLE_TEST):
        report = await _ask(whole, request)
        assert (report.ready, report.error_type) == (False, ErrorType.FAILOVER_IN_PROGRESS)
        assert _check(report, "open_run").status is CheckStatus.FAILURE
        assert commit.id in _check(report, "open_run").message
        assert commit.id in report.message
    rehearsal = await _ask(whole, REHEARSAL)
    assert (rehearsal.ready, rehearsal.error_type) == (False, ErrorType.FAILOVER_IN_PROGRESS)
    assert commit.id in rehearsal.message
    assert (await picture(whole), await rows(whole)) == before
    of_the_run = {check.name: check.status for check in result.checks}
    assert of_the_run["open_run"] is CheckStatus.PASS, "it held the VM itself"

    await commit.execute_update("roll_back", ROLL_BACK)
    await ended(commit)
    assert (await _ask(whole, REHEARSAL)).ready


async def test_what_a_closed_workflow_holds_keeps_nobody_out(whole_site: WholeSite) -> None:
    """A run would take its lease over; what it left in CloudStack is another check's."""
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    await handle.result()
    await whole.commit_of(handle).terminate("a test")

    report = await _ask(whole, WHOLE_LIVE)

    assert report.error_type == ErrorType.VM_NAME_TAKEN
    assert "open_run" not in [check.name for check in report.checks if check.status is not CheckStatus.PASS]


async def test_a_drill_keeps_the_next_drill_out_and_no_live_failover(whole_site: WholeSite) -> None:
    whole = whole_site
    handle = await whole.site.start(WHOLE_TEST)
    await handle.result()
    cleanup = whole.cleanup_of(handle)

    live, drill = await _ask(whole, WHOLE_LIVE), await _ask(whole, WHOLE_TEST)

    assert (live.ready, _check(live, "open_run").status) == (True, CheckStatus.PASS)
    assert (drill.ready, drill.error_type) == (False, ErrorType.FAILOVER_IN_PROGRESS)
    assert cleanup.id in _check(drill, "open_run").message
    await cleanup.terminate("the test is over")


async def test_disks_on_pools_of_two_clusters_are_found_before_the_outage(whole_site: WholeSite) -> None:
    """An attach would copy one of them without a word; a drill's clones move anyway."""
    whole = whole_site
    first, second = whole.replicas.volumes
    assert first.pool is not None
    here = first.pool
    elsewhere = next(pool for pool in whole.site.cloud.world.pools if pool.cluster_id != here.cluster_id)
    second.put_on(elsewhere, "moved")
    before = await picture(whole)

    end = await whole.site.run_failing(WHOLE_LIVE)

    assert end.type == ErrorType.PREFLIGHT_FAILED
    for one in ("disk_pools:", here.name, elsewhere.name, *(disk.disk_id for disk in whole.replicas.disks)):
        assert one in end.message
    assert await picture(whole) == before
    assert _check(await _ask(whole, WHOLE_TEST), "disk_pools").status is CheckStatus.PASS
