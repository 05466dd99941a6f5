"""The job sheet's test cases 4.1 to 4.5, end to end, on both databases and both schema generations."""

from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT
from rules.outcomes import FailoverResult
from rules.resolution import NetworkRule
from simulators.cloudstack import sample as cloud
from tests.support.site import LIVE, TEST, Site


def _networks(result: FailoverResult) -> list[tuple[str, str, NetworkRule]]:
    return [(one.source_network_name, one.destination_network_id, one.rule) for one in result.decisions]


async def test_4_1_a_live_failover_uses_the_production_mappings(field_site: Site) -> None:
    result = await field_site.run(LIVE)
    assert _networks(result) == [
        ("VM Network", cloud.PROD_LAN_ID, NetworkRule.MAPPED),
        ("DMZ Network", cloud.PROD_DMZ_ID, NetworkRule.MAPPED),
    ]
    (vm,) = field_site.running()
    assert [nic.network.id for nic in vm.nics] == [cloud.PROD_LAN_ID, cloud.PROD_DMZ_ID]
    assert vm.name == "pgtest1"
    assert result.context_id == PGTEST1_CONTEXT
    assert result.disks == "none attached"


async def test_4_2_a_test_failover_uses_the_test_mappings(field_site: Site) -> None:
    result = await field_site.run(TEST)
    assert _networks(result) == [
        ("VM Network", cloud.TEST_LAN_ID, NetworkRule.MAPPED),
        ("DMZ Network", cloud.TEST_DMZ_ID, NetworkRule.MAPPED),
    ]
    (vm,) = field_site.running()
    assert [nic.network.id for nic in vm.nics] == [cloud.TEST_LAN_ID, cloud.TEST_DMZ_ID]
    assert vm.name.startswith("pgtest1-test-")


async def test_4_3_a_vm_without_mappings_falls_back_to_the_default_network(field_site: Site) -> None:
    result = await field_site.run({"context_id": PGTEST2_CONTEXT, "failover_type": "live"})
    assert _networks(result) == [("VM Network", cloud.DEFAULT_NET_ID, NetworkRule.DEFAULT)]
    assert any("no live mapping" in warning for warning in result.warnings)
    (vm,) = field_site.running()
    assert [nic.network.id for nic in vm.nics] == [cloud.DEFAULT_NET_ID]


async def test_4_4_every_nic_of_a_vm_maps_in_nic_order_with_its_mac_address(field_site: Site) -> None:
    result = await field_site.run(LIVE)
    assert result.vm is not None
    assert [nic.mac_address for nic in result.vm.nics] == [one.source_mac_address for one in result.decisions]
    assert [nic.is_default for nic in result.vm.nics] == [True, False]


async def test_4_5_partial_mappings_are_mixed_with_the_fallback(field_site: Site) -> None:
    result = await field_site.run({"context_id": PGTEST3_CONTEXT, "failover_type": "test"})
    assert _networks(result) == [
        ("VM Network", cloud.TEST_LAN_ID, NetworkRule.MAPPED),
        ("Backup Network", cloud.DEFAULT_NET_ID, NetworkRule.DEFAULT),
    ]
    assert result.decisions[1].warnings
    assert not result.decisions[0].warnings
