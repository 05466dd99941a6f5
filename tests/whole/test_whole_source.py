"""The source: off and read as off, or declared lost and nobody says otherwise."""

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind
from simulators.replication import Fate
from simulators.vma.inventory import POWERED_OFF, POWERED_ON, SUSPENDED, VirtualMachine
from tests.support.site import failed
from tests.support.whole import LOST, WHOLE_LIVE, WholeSite
from tests.whole.conftest import OpenWhole
from tests.whole.picture import picture, source
from tests.whole.waits import result_of

VCENTER = "vcenter.example.local"


class _NeverOff(VirtualMachine):
    """The agent says success, and the VM stays on."""

    def __setattr__(self, name: str, value: object) -> None:
        if name != "power_state" or value != POWERED_OFF:
            super().__setattr__(name, value)


async def test_a_source_declared_lost_is_not_asked_to_go_off(whole_site: WholeSite) -> None:
    """No final sync, RPO of the last one, and the source counts as lost."""
    whole = whole_site
    whole.site.vma.set_vcenter_down(VCENTER)
    handle = await whole.site.start(LOST)
    result = await result_of(handle)
    assert result.source_end is not None
    assert (result.source_end.lost, result.source_end.powered_off, result.source_end.off_at) == (
        True,
        False,
        None,
    )
    assert whole.replication.jobs == {}
    assert result.objectives is not None
    assert result.objectives.rpo_seconds is not None
    assert result.objectives.rpo_seconds >= 600, "the seeded sync is ten minutes old"
    assert result.objectives.outage_seconds is None
    await whole.commit_of(handle).terminate("the test is over")


async def test_a_source_declared_lost_that_is_off_says_so(whole_site: WholeSite) -> None:
    whole = whole_site
    source(whole).power_state = POWERED_OFF
    handle = await whole.site.start(LOST)
    result = await result_of(handle)
    assert result.source_end is not None
    assert result.source_end.lost is False
    assert any("source_lost" in warning for warning in result.warnings)
    await whole.commit_of(handle).terminate("the test is over")


@pytest.mark.parametrize("power", (POWERED_ON, SUSPENDED))
async def test_a_source_that_the_vma_reports_on_is_not_lost(whole_site: WholeSite, power: str) -> None:
    """Suspended counts as on."""
    source(whole_site).power_state = power
    before = await picture(whole_site)
    end = await whole_site.site.run_failing(LOST)
    assert end.type == ErrorType.SOURCE_NOT_LOST
    assert await picture(whole_site) == before


async def test_a_source_that_is_on_by_the_time_of_the_fence_is_not_lost(whole_site: WholeSite) -> None:
    """The VMA is asked again right before the disks are taken."""
    whole = whole_site
    whole.site.vma.set_vcenter_down(VCENTER)
    before = await picture(whole)

    def comes_back(_params: object) -> bool:
        whole.site.vma.set_vcenter_down(VCENTER, down=False)
        return False

    whole.site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.INTERNAL, match=comes_back))
    end = await whole.site.run_failing(LOST)
    assert end.type == ErrorType.SOURCE_NOT_LOST
    assert end.report is not None
    assert end.report.left_behind == ()
    assert await picture(whole) == before


async def test_unreachable_is_never_lost(whole_site: WholeSite) -> None:
    whole_site.site.vma.set_vcenter_down(VCENTER)
    before = await picture(whole_site)
    end = await whole_site.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert "source_power" in end.message
    assert await picture(whole_site) == before


async def test_a_suspended_source_is_powered_off(whole_site: WholeSite) -> None:
    """It counts as on, and its guest cannot be asked."""
    source(whole_site).power_state = SUSPENDED
    result = await whole_site.site.run(WHOLE_LIVE)
    assert result.source_end is not None
    assert result.source_end.shutdown_method == "forced"
    assert source(whole_site).power_state == POWERED_OFF
    assert any("suspended" in warning for warning in result.warnings)


async def test_without_tools_the_plug_is_pulled_and_that_is_said_before_and_after(
    whole_site: WholeSite,
) -> None:
    source(whole_site).tools_installed = False
    result = await whole_site.site.run(WHOLE_LIVE)
    assert result.source_end is not None
    assert result.source_end.shutdown_method == "forced"
    (check,) = [check for check in result.checks if check.name == "source_power"]
    assert check.status == "warning"
    assert "VMware Tools" in check.message
    assert any("crash-consistent" in warning for warning in result.warnings)
    offs = [call for call in whole_site.site.vma.calls if call.path.endswith("power-off")]
    assert [call.force for call in offs] == [False]


async def test_a_guest_that_takes_its_time_is_waited_for(whole_site: WholeSite) -> None:
    source(whole_site).shutdown_looks = 2
    result = await whole_site.site.run(WHOLE_LIVE)
    assert source(whole_site).power_state == POWERED_OFF
    offs = [call for call in whole_site.site.vma.calls if call.path.endswith("power-off")]
    assert True not in [call.force for call in offs]
    assert result.source_end is not None
    assert result.source_end.powered_off


async def test_a_guest_that_ignores_the_request_is_forced(whole_site: WholeSite) -> None:
    source(whole_site).shutdown_looks = None
    result = await whole_site.site.run(WHOLE_LIVE)
    assert result.source_end is not None
    assert result.source_end.shutdown_method == "forced"
    assert source(whole_site).power_state == POWERED_OFF
    assert any("by force" in warning for warning in result.warnings)


async def test_a_source_that_is_off_already_is_left_off_by_a_rollback(whole_site: WholeSite) -> None:
    """The source is powered on only if this run powered it off."""
    whole = whole_site
    source(whole).power_state = POWERED_OFF
    before = await picture(whole)
    whole.replication.next_job(Fate.FAILS)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.SYNC_FAILED
    assert await picture(whole) == before
    assert before["source"] == POWERED_OFF


async def test_a_source_that_never_goes_off_stops_the_run(open_whole: OpenWhole) -> None:
    """Whatever the agent answers: read as off, or it is not off."""
    whole = await open_whole(settings={"FAILOVER_POWER_OFF_BUDGET_SECONDS": 0.3})
    before = await picture(whole)
    stubborn = source(whole)
    whole.site.vma.vcenters[VCENTER].vms[:] = [
        _NeverOff(**{name: getattr(vm, name) for name in vm.__dataclass_fields__}) if vm is stubborn else vm
        for vm in whole.site.vma.vcenters[VCENTER].vms
    ]
    handle = await whole.site.start(WHOLE_LIVE)
    end = await failed(handle)
    assert end.type == ErrorType.SOURCE_STILL_ON
    assert end.report is not None
    assert end.report.left_behind == ()
    assert await picture(whole) == before
    assert whole.replication.jobs == {}
    assert "StartSyncActivity" not in await whole.site.event_types(handle)
