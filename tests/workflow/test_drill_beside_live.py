"""A drill never stands in the way of the live failover of its VM."""

from rules.outcomes import FailoverOutcome
from simulators.cloudstack import sample as cloud
from tests.support.site import LIVE, TEST, Site


async def test_a_live_failover_gives_up_a_mac_address_that_a_drill_holds_on_its_network(site: Site) -> None:
    # The test rows name the default network, and live has no rows: both end there, which no guard minds.
    await site.sql(
        "DELETE FROM network_mappings WHERE is_test_network = 0 AND source_network_name = 'VM Network'",
        f"UPDATE network_mappings SET destination_network_id = '{cloud.DEFAULT_NET_ID}'"
        " WHERE is_test_network = 1 AND source_network_name = 'VM Network'",
    )
    drill = await site.run(TEST)
    live = await site.run(LIVE)
    assert live.outcome is FailoverOutcome.COMPLETED
    assert live.vm.nics[0].network_id == drill.vm.nics[0].network_id == cloud.DEFAULT_NET_ID
    assert live.vm.nics[0].mac_address != drill.vm.nics[0].mac_address
    assert any(drill.vm.id in warning for warning in live.warnings)
    assert live.vm.nics[1].mac_address == live.decisions[1].source_mac_address


async def test_a_drill_that_is_allowed_onto_production_takes_a_new_mac_address(site: Site) -> None:
    await site.sql("UPDATE network_mappings SET is_production_network = 1 WHERE is_test_network = 1")
    reason = "the auditors want it"
    drill = await site.run(TEST | {"allow_production_network": True, "reason": reason})
    assert [one.mac_address for one in drill.decisions] == ["", ""]
    assert any(reason in warning for warning in drill.warnings)
    assert (await site.run(LIVE)).outcome is FailoverOutcome.COMPLETED
