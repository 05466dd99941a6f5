"""A network counts as production while a VM that was failed over live is on it, and not for ever."""

from embedded.seed import PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.errors import FailoverErrorType
from rules.resolution import NetworkRule
from simulators.cloudstack import Fault, FaultKind
from tests.support.site import Site

_LIVE_ON_DEFAULT = {"context_id": PGTEST2_CONTEXT, "failover_type": "live"}
_TEST_FALLS_BACK = {"context_id": PGTEST3_CONTEXT, "failover_type": "test"}


async def test_a_test_never_joins_a_live_vm_on_its_fallback_network(site: Site) -> None:
    await site.run(_LIVE_ON_DEFAULT)
    end = await site.run_failing(_TEST_FALLS_BACK)
    assert end.type == FailoverErrorType.PRODUCTION_NETWORK_REFUSED
    assert "Backup Network" in end.message
    assert [vm.name for vm in site.vms()] == ["pgtest2"]


async def test_a_live_vm_that_is_gone_stands_in_nobodys_way(site: Site) -> None:
    await site.run(_LIVE_ON_DEFAULT)
    (live,) = site.vms()
    site.cloud.world.expunge(live)
    result = await site.run(_TEST_FALLS_BACK)
    assert [one.rule for one in result.decisions] == [NetworkRule.MAPPED, NetworkRule.DEFAULT]
    assert len(site.running()) == 1


async def test_while_cloudstack_cannot_say_so_a_live_vm_counts_as_there(site: Site) -> None:
    await site.run(_LIVE_ON_DEFAULT)
    (live,) = site.vms()
    site.cloud.world.expunge(live)
    site.cloud.faults.add(Fault("listVirtualMachines", FaultKind.INTERNAL, times=None))
    end = await site.run_failing(_TEST_FALLS_BACK)
    assert end.type == FailoverErrorType.PRODUCTION_NETWORK_REFUSED
