"""A run that ended without an undo, and the next one of its workflow id."""

from rules.outcomes import FailoverOutcome
from simulators.cloudstack import Fault, FaultKind
from tests.support.site import LIVE, Site, activity_started, failed


async def test_a_rerun_that_is_refused_removes_what_a_terminated_run_had_begun(site: Site) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
    terminated = await site.start(LIVE)
    await activity_started(terminated, "WaitForJobActivity")
    await terminated.terminate("a test")
    assert len(site.vms()) == 1
    await site.sql("DELETE FROM network_mappings", "UPDATE ossea_configs SET network_id = ''")
    end = await failed(await site.start(LIVE, workflow_id=terminated.id))
    assert end.type == "NoFallbackNetwork"
    assert end.report is not None
    assert end.report.outcome is FailoverOutcome.FAILED
    assert [line.partition(" (")[0] for line in end.report.removed] == ["pgtest1"]
    assert site.vms() == []
