"""The preflight alone: everything is asked, nothing is changed."""

from typing import Any

import pytest

from rules.outcomes import PreflightReport
from simulators.vma.inventory import SUSPENDED
from tests.support.whole import LOST, WHOLE_LIVE, WHOLE_TEST, WholeSite
from tests.whole.picture import picture, rows, source

_READS = ("list", "query", "get")


async def _asked(whole: WholeSite, request: dict[str, Any], number: str) -> PreflightReport:
    report: PreflightReport = await whole.client.execute_workflow(
        "PreflightWorkflow",
        request,
        id=f"{whole.site.task_queue}-preflight-{number}",
        task_queue=whole.site.task_queue,
        result_type=PreflightReport,
    )
    return report


async def test_a_preflight_changes_nothing(whole_site: WholeSite) -> None:
    whole = whole_site
    before, stored = await picture(whole), await rows(whole)
    for number, request in enumerate((WHOLE_LIVE, WHOLE_TEST, {**WHOLE_LIVE, "disks": "none"})):
        report = await _asked(whole, request, str(number))
        assert report.ready, report.message
        assert report.context_id == whole.replicas.context_id
    assert await picture(whole) == before
    assert await rows(whole) == stored
    commands = {call.command for call in whole.site.cloud.calls}
    assert not [command for command in commands if not command.startswith(_READS)]
    assert {call.path.rpartition("/")[2] for call in whole.site.vma.calls} <= {"discover", "power-state"}
    assert [call.method for call in whole.replication.calls if call.method != "GET"] == []


async def test_a_preflight_names_every_check_and_where_each_disk_goes(whole_site: WholeSite) -> None:
    report = await _asked(whole_site, WHOLE_LIVE, "live")
    assert [disk.device_id for disk in report.disks] == [0, 1]
    assert report.recovery_point is not None
    assert report.recovery_point.age_seconds is not None
    assert len({check.name for check in report.checks}) == len(report.checks) > 15
    assert not [check.name for check in report.checks if check.status != "pass" and not check.fix]


@pytest.mark.parametrize(("wrong", "error"), (("suspended", "SourceNotLost"), ("two", "PreflightFailed")))
async def test_a_preflight_says_what_a_run_would_end_with(
    whole_site: WholeSite, wrong: str, error: str
) -> None:
    whole = whole_site
    request: dict[str, Any] = dict(LOST)
    if wrong == "suspended":
        source(whole).power_state = SUSPENDED
    else:
        request = dict(WHOLE_LIVE)
        whole.site.vma.set_vcenter_down("vcenter.example.local")
        whole.site.cloud.world.add_vm_snapshot("before the update", whole.replicas.appliance)
    report = await _asked(whole, request, wrong)
    assert (report.ready, report.error_type) == (False, error)
    failures = {check.name for check in report.checks if check.status == "failure"}
    assert failures == ({"source_lost"} if wrong == "suspended" else {"source_power", "vm_snapshots"})
    end = await whole.site.run_failing(request)
    assert end.type == error, "and a run does"
    assert end.report is not None
    assert {check.name for check in end.report.checks if check.status == "failure"} == failures
