"""The sample rows of the demo, in both generations."""

import base64
from datetime import UTC, datetime

from database import (
    ContextRepository,
    CredentialCipher,
    CredentialRepository,
    Database,
    DestinationConfigRepository,
    NetworkMappingRepository,
    StoredNicRepository,
)
from embedded.seed import PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT, seed_sample
from tests.support.field_rows import SITE

NOW = datetime(2025, 9, 24, 12, 0, tzinfo=UTC)


async def test_the_sample_vms_have_the_mappings_that_the_demo_shows(field_database: Database) -> None:
    assert await seed_sample(field_database, SITE, now=NOW)
    mappings = NetworkMappingRepository(field_database)

    found = {
        context_id: [
            (one.source_network_name, one.is_test_network, one.destination_network_id, one.vm_id)
            for one in await mappings.get_by_context_id(context_id, "")
        ]
        for context_id in (PGTEST1_CONTEXT, PGTEST2_CONTEXT, PGTEST3_CONTEXT)
    }

    assert found == {
        PGTEST1_CONTEXT: [
            ("VM Network", False, "net-prod-lan", "uuid-1"),
            ("VM Network", True, "net-test-lan", "uuid-1"),
            ("DMZ Network", False, "net-prod-dmz", "uuid-1"),
            ("DMZ Network", True, "net-test-dmz", "uuid-1"),
        ],
        PGTEST2_CONTEXT: [],
        PGTEST3_CONTEXT: [
            ("VM Network", False, "net-prod-lan", "uuid-3"),
            ("VM Network", True, "net-test-lan", "uuid-3"),
        ],
    }


async def test_a_sample_vm_leads_to_its_cloud_its_vcenter_and_its_nics(field_database: Database) -> None:
    cipher = CredentialCipher(base64.b64encode(b"k" * 32).decode())
    await seed_sample(field_database, SITE, now=NOW, cipher=cipher)
    context = await ContextRepository(field_database).get(PGTEST3_CONTEXT)
    assert context is not None

    configs = DestinationConfigRepository(field_database, cipher)
    config = await configs.for_context(context)
    keys = await configs.keys(config.config_id)
    credential = await CredentialRepository(field_database, cipher).for_context(context)
    vm = await StoredNicRepository(field_database).source_vm(context)

    assert (config.network_id, config.template_id, config.zone) == ("net-default", "template-1", "zone-1")
    assert (keys.api_url, keys.api_key, keys.secret) == (SITE.api_url, SITE.api_key, SITE.secret_key)
    assert credential is not None
    assert (credential.vcenter_host, credential.password) == (SITE.vcenter_host, SITE.vcenter_password)
    assert vm is not None
    assert [(nic.network_name, nic.mac_address) for nic in vm.nics] == [
        ("VM Network", "00:50:56:00:00:04"),
        ("Backup Network", "00:50:56:00:00:05"),
    ]
    assert vm.observed_at == NOW


async def test_seeding_twice_changes_nothing_and_needs_no_key(own_database: Database) -> None:
    assert await seed_sample(own_database, SITE, now=NOW)
    assert not await seed_sample(own_database, SITE, now=NOW)
    context = await ContextRepository(own_database).get(PGTEST1_CONTEXT)
    assert context is not None
    credential = await CredentialRepository(own_database, CredentialCipher()).for_context(context)
    assert credential is not None
    assert credential.password == SITE.vcenter_password
    assert SITE.vcenter_password not in repr(SITE)
