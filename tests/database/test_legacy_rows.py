"""Mapping rows from before there were contexts: whoever reads a VM's rows finds them too."""

import pytest_asyncio

from activities.mappings import MappingActivities
from activities.messages.networks import MappingsRequest, SourceRequest
from activities.stored_source import StoredSourceActivities
from database import ContextRepository, Database, NetworkMappingRepository, StoredNicRepository
from database.tables import network_mappings
from rules.nics import NicSource
from tests.support.field_rows import add_context, add_rows


@pytest_asyncio.fixture(loop_scope="session")
async def legacy(field_database: Database) -> Database:
    """A VM all of whose rows name its uuid only, and a row of another VM."""
    await add_context(field_database, "ctx-a", vmware_vm_id="uuid-1", cpu_count=2, memory_mb=2048)
    for uuid, name, is_test in (("uuid-1", "LAN", 0), ("uuid-1", "DMZ", 1), ("uuid-2", "WAN", 0)):
        row = {
            "vm_id": uuid,
            "source_network_name": name,
            "destination_network_id": f"net of {name}",
            "destination_network_name": name.lower(),
            "is_test_network": is_test,
        }
        await add_rows(field_database, network_mappings, row)
    return field_database


async def test_the_mapping_list_shows_them(legacy: Database) -> None:
    activities = MappingActivities(ContextRepository(legacy), NetworkMappingRepository(legacy))
    found = await activities.list_mappings(MappingsRequest(context_id="ctx-a"))
    assert [(row.source_network_name, row.context_id, row.vm_id) for row in found.rows] == [
        ("LAN", "", "uuid-1"),
        ("DMZ", "", "uuid-1"),
    ]


async def test_nics_are_inferred_from_them(legacy: Database) -> None:
    context = await ContextRepository(legacy).get("ctx-a")
    assert context is not None
    activities = StoredSourceActivities(StoredNicRepository(legacy), NetworkMappingRepository(legacy))
    found = await activities.load_stored_source(SourceRequest(context=context, reason="The VMA is away."))
    assert (found.source, found.inferred) == (NicSource.MAPPINGS, True)
    assert [nic.network_name for nic in found.nics] == ["LAN", "DMZ"]
