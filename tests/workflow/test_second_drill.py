"""Two drills of one VM, the second while the VM of the first is still there."""

from rules.errors import FailoverErrorType
from rules.outcomes import FailoverOutcome
from tests.support.site import TEST, Site


async def test_a_second_drill_is_refused_before_anything_is_made_while_its_mac_addresses_are_taken(
    site: Site,
) -> None:
    first = await site.run(TEST)
    second = await site.run_failing(TEST)
    assert second.type == FailoverErrorType.DESTINATION_CHECK_FAILED
    assert second.report is not None
    assert second.report.outcome is FailoverOutcome.REFUSED
    assert first.vm.id in second.message
    assert not site.cloud.calls_of("deployVirtualMachine")[1:]


async def test_with_new_mac_addresses_two_drills_of_one_vm_stand_beside_each_other(site: Site) -> None:
    await site.stop_worker()
    await site.start_worker(FAILOVER_TEST_MAC="new")
    await site.run(TEST)
    await site.run(TEST)
    assert len({vm.name for vm in site.running()}) == 2
