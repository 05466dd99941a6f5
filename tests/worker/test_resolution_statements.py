"""The resolution of a VM costs at most two statements on a warm pool, however many NICs it has."""

import pytest

from activities.messages.networks import ResolveNetworkRequest
from activities.network_config_provider import NetworkConfigProvider
from database import Database, NetworkMappingRepository
from database.tables import network_mappings
from rules.context import DestinationConfig, VMContext
from rules.nics import NicSource, SourceNic, SourceVm
from rules.policy import FailoverPolicy
from rules.request import parse_request
from rules.resolution import NetworkRule
from tests.support.field_rows import add_context, add_rows, counted

_CONTEXT = "ctx-with-nics"


async def _add_mappings(database: Database, nics: int) -> None:
    await add_context(database, _CONTEXT)
    await add_rows(
        database,
        network_mappings,
        *(
            {
                "vm_context_id": _CONTEXT,
                "vm_id": f"uuid of {_CONTEXT}",
                "source_network_name": f"network {index}",
                "destination_network_id": f"{kind}-{index}",
                "destination_network_name": f"{kind} {index}",
                "is_test_network": int(kind == "test"),
                "is_production_network": int(kind == "live"),
            }
            for index in range(nics)
            for kind in ("live", "test")
        ),
    )


def _request(nics: int, failover_type: str) -> ResolveNetworkRequest:
    return ResolveNetworkRequest(
        workflow_id="a-run",
        config=parse_request({"context_id": _CONTEXT, "failover_type": failover_type}),
        context=VMContext(
            context_id=_CONTEXT,
            vm_name="a-vm",
            vmware_vm_id=f"uuid of {_CONTEXT}",
            vcenter_host="vcenter.example.local",
            datacenter="DC1",
        ),
        destination=DestinationConfig(
            config_id=1, name="c", api_url="", zone="", template_id="", service_offering_id=""
        ),
        source=SourceVm(
            source=NicSource.VMA,
            nics=tuple(SourceNic(index=index, network_name=f"network {index}") for index in range(nics)),
        ),
        policy=FailoverPolicy(),
    )


@pytest.mark.parametrize("failover_type", ("live", "test"))
@pytest.mark.parametrize("nics", (1, 8))
async def test_at_most_two_statements(field_database: Database, nics: int, failover_type: str) -> None:
    await _add_mappings(field_database, nics)
    provider = NetworkConfigProvider(NetworkMappingRepository(field_database))
    request = _request(nics, failover_type)
    await provider.decide(request)
    with counted(field_database) as sent:
        decisions = await provider.decide(request)
    assert len(sent) <= 2, sent
    assert [one.destination_network_id for one in decisions] == [
        f"{failover_type}-{index}" for index in range(nics)
    ]
    assert {one.rule for one in decisions} == {NetworkRule.MAPPED}
    with counted(field_database) as sent:
        await provider.guard(request.config, decisions, ())
    assert len(sent) <= 2, sent
