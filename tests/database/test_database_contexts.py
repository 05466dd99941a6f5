"""Contexts, destination configurations, credentials and stored NICs."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from database import (
    ContextRepository,
    CredentialCipher,
    CredentialInactive,
    CredentialRepository,
    CredentialUnreadable,
    Database,
    DestinationConfigRepository,
    NoActiveConfig,
    SeveralActiveConfigs,
    SeveralDefaultCredentials,
    StoredNicRepository,
    StoredNicsUnreadable,
    UnknownConfig,
    UnknownCredential,
    migrate,
)
from database.tables import ossea_configs, vm_disks, vmware_credentials
from rules.context import DestinationConfig, VMContext
from rules.nics import NicSource, SourceNic, SourceVm
from tests.support.field_rows import add_context, add_rows, counted
from tests.support.schemas import execute

NOW = datetime(2025, 9, 24, 12, 30, 15, tzinfo=UTC)
CIPHER = CredentialCipher(base64.b64encode(b"k" * 32).decode())
OTHER_CIPHER = CredentialCipher(base64.b64encode(b"o" * 32).decode())


def config(name: str, *, active: int | None = 1, **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "api_url": "https://cloud.example.local/client/api",
        "api_key": "plain-key",
        "secret_key": "plain-secret",
        "zone": "zone-1",
        "template_id": "template-1",
        "network_id": "net-1",
        "service_offering_id": "offering-1",
        "is_active": active,
        **more,
    }


def credential(name: str, *, default: int = 0, **more: object) -> dict[str, Any]:
    return {
        "credential_name": name,
        "vcenter_host": f"{name}.example.local",
        "username": "operator",
        "password_encrypted": CIPHER.encrypt(f"password of {name}"),
        "datacenter": "DC1",
        "is_active": 1,
        "is_default": default,
        **more,
    }


def context(
    context_id: str = "ctx-a",
    *,
    credential_id: int | None = None,
    ossea_config_id: int | None = None,
    cpu_count: int = 0,
    memory_mb: int = 0,
) -> VMContext:
    return VMContext(
        context_id=context_id,
        vm_name="vm",
        vmware_vm_id="uuid",
        vcenter_host="vcenter.example.local",
        datacenter="DC1",
        credential_id=credential_id,
        ossea_config_id=ossea_config_id,
        cpu_count=cpu_count,
        memory_mb=memory_mb,
    )


async def test_a_context_is_read_whole_and_by_its_exact_id(field_database: Database) -> None:
    (credential_id,) = await add_rows(field_database, vmware_credentials, credential("a"))
    await add_context(
        field_database,
        "ctx-a",
        vm_name="pgtest1",
        vmware_vm_id="uuid-1",
        cpu_count=2,
        memory_mb=4096,
        credential_id=credential_id,
        ossea_config_id=7,
    )
    await add_context(field_database, "ctx-b")
    repository = ContextRepository(field_database)

    assert await repository.get("ctx-a") == VMContext(
        context_id="ctx-a",
        vm_name="pgtest1",
        vmware_vm_id="uuid-1",
        vcenter_host="vcenter.example.local",
        datacenter="DC1",
        cpu_count=2,
        memory_mb=4096,
        credential_id=credential_id,
        ossea_config_id=7,
    )
    assert await repository.get("CTX-A") is None
    assert await repository.get("ctx-a ") is None
    plain = await repository.get("ctx-b")
    assert plain is not None
    assert (plain.cpu_count, plain.credential_id, plain.ossea_config_id) == (0, None, None)


async def test_a_name_that_two_vcenters_have_gives_two_candidates(field_database: Database) -> None:
    for number, (name, host) in enumerate((("db", "vc-1"), ("db", "vc-2"), ("DB", "vc-3"), ("db2", "vc-1"))):
        await add_context(
            field_database, f"ctx-{number}", vm_name=name, vcenter_host=host, vmware_vm_id=f"u{number}"
        )

    found = await ContextRepository(field_database).candidates("db")

    assert [one.context_id for one in found] == ["ctx-0", "ctx-1"]


async def test_the_last_operation_is_written_to_the_exact_context_only(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    repository = ContextRepository(field_database)

    assert await repository.record_operation("ctx-a", {"status": "completed", "progress": 100}, at=NOW)
    assert not await repository.record_operation("CTX-A", {"status": "failed"}, at=NOW)

    async with field_database.read() as connection:
        stored = await connection.exec_driver_sql(
            "SELECT last_operation_summary FROM vm_replication_contexts"
        )
        assert json.loads(stored.scalar_one()) == {"status": "completed", "progress": 100}


async def test_a_schema_without_the_summary_column_is_left_alone(field_url: str) -> None:
    await execute(field_url, "ALTER TABLE vm_replication_contexts DROP COLUMN last_operation_summary")
    await migrate(field_url)
    database = await Database.open(field_url)
    try:
        await add_context(database, "ctx-a")
        assert not await ContextRepository(database).record_operation(
            "ctx-a", {"status": "completed"}, at=NOW
        )
    finally:
        await database.close()


async def test_the_configuration_is_the_named_row_else_the_active_one(field_database: Database) -> None:
    named, active = await add_rows(
        field_database,
        ossea_configs,
        config("inactive but named", active=0, template_id=None, network_id=None),
        config("the active one"),
    )
    repository = DestinationConfigRepository(field_database)

    assert await repository.for_context(context(ossea_config_id=named)) == DestinationConfig(
        config_id=named,
        name="inactive but named",
        api_url="https://cloud.example.local/client/api",
        zone="zone-1",
        template_id="",
        service_offering_id="offering-1",
        network_id="",
    )
    chosen = await repository.for_context(context())
    assert (chosen.config_id, chosen.name, chosen.template_id) == (active, "the active one", "template-1")


async def test_no_several_and_unknown_configurations_are_errors_of_their_own(
    field_database: Database,
) -> None:
    repository = DestinationConfigRepository(field_database)
    await add_rows(field_database, ossea_configs, config("off", active=0), config("null", active=None))
    with pytest.raises(NoActiveConfig):
        await repository.for_context(context())
    with pytest.raises(UnknownConfig, match="77"):
        await repository.for_context(context(ossea_config_id=77))
    await add_rows(field_database, ossea_configs, config("first"), config("second"))
    with pytest.raises(SeveralActiveConfigs) as several:
        await repository.for_context(context())
    assert several.value.names == ("first", "second")


async def test_keys_are_decrypted_and_plain_ones_are_taken_as_they_are(field_database: Database) -> None:
    encrypted, plain, prefixed = await add_rows(
        field_database,
        ossea_configs,
        config("a", api_key=CIPHER.encrypt("the-key"), secret_key=CIPHER.encrypt("the-secret")),
        config("b"),
        config("c", api_key="TEMP_PLAINTEXT_k", secret_key="TEMP_PLAINTEXT_s"),
    )
    repository = DestinationConfigRepository(field_database, CIPHER)

    found = [await repository.keys(config_id) for config_id in (encrypted, plain, prefixed)]

    assert [(keys.api_key, keys.secret) for keys in found] == [
        ("the-key", "the-secret"),
        ("plain-key", "plain-secret"),
        ("k", "s"),
    ]
    assert found[0].api_url == "https://cloud.example.local/client/api"
    assert "the-" not in repr(found[0])


async def test_an_encrypted_cloudstack_key_is_never_taken_for_a_plain_one(field_database: Database) -> None:
    key = "k" * 86
    (config_id,) = await add_rows(
        field_database,
        ossea_configs,
        config("a", api_key=CIPHER.encrypt(key), secret_key=CIPHER.encrypt(key)),
    )
    for cipher in (OTHER_CIPHER, CredentialCipher()):
        with pytest.raises(CredentialUnreadable, match="api_key of ossea_configs row"):
            await DestinationConfigRepository(field_database, cipher).keys(config_id)


async def test_a_pair_of_which_one_key_decrypts_is_an_error(field_database: Database) -> None:
    (config_id,) = await add_rows(
        field_database, ossea_configs, config("a", api_key=CIPHER.encrypt("the-key"), secret_key="plain")
    )
    with pytest.raises(CredentialUnreadable, match="only one"):
        await DestinationConfigRepository(field_database, CIPHER).keys(config_id)


async def test_the_key_comes_from_the_environment_when_none_is_given(
    field_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config_id,) = await add_rows(
        field_database,
        ossea_configs,
        config("a", api_key=CIPHER.encrypt("the-key"), secret_key=CIPHER.encrypt("the-secret")),
    )
    monkeypatch.setenv("MIGRATEKIT_CRED_ENCRYPTION_KEY", base64.b64encode(b"k" * 32).decode())
    assert (await DestinationConfigRepository(field_database).keys(config_id)).api_key == "the-key"


async def test_the_credential_is_the_named_row_else_the_default(field_database: Database) -> None:
    named, *_ = await add_rows(
        field_database,
        vmware_credentials,
        credential("named"),
        credential("default", default=1),
        credential("off", default=1, is_active=0),
    )
    repository = CredentialRepository(field_database, CIPHER)

    own = await repository.for_context(context(credential_id=named))
    default = await repository.for_context(context())

    assert own is not None
    assert default is not None
    assert (own.vcenter_host, own.username, own.password, own.datacenter) == (
        "named.example.local",
        "operator",
        "password of named",
        "DC1",
    )
    assert default.password == "password of default"
    assert "password of" not in repr(own)


async def test_without_a_default_there_is_no_credential(field_database: Database) -> None:
    await add_rows(field_database, vmware_credentials, credential("other"))
    assert await CredentialRepository(field_database, CIPHER).for_context(context()) is None


async def test_each_way_to_miss_a_credential_is_an_error_of_its_own(field_database: Database) -> None:
    off, unreadable = await add_rows(
        field_database,
        vmware_credentials,
        credential("off", is_active=0),
        credential("plain by mistake", password_encrypted="hunter2"),
    )
    repository = CredentialRepository(field_database, CIPHER)
    with pytest.raises(UnknownCredential, match="4711"):
        await repository.for_context(context(credential_id=4711))
    with pytest.raises(CredentialInactive):
        await repository.for_context(context(credential_id=off))
    with pytest.raises(CredentialUnreadable) as refused:
        await repository.for_context(context(credential_id=unreadable))
    assert "hunter2" not in str(refused.value)
    await add_rows(
        field_database, vmware_credentials, credential("d1", default=1), credential("d2", default=1)
    )
    with pytest.raises(SeveralDefaultCredentials):
        await repository.for_context(context())


def disk(number: int, network_config: str | None, **more: object) -> dict[str, Any]:
    return {"vm_context_id": "ctx-a", "disk_id": f"disk-{number}", "network_config": network_config, **more}


NICS = json.dumps(
    [
        {
            "label": "ethernet--7",
            "network_name": "VM Network",
            "mac_address": "00-50-56-AB-CD-EF",
            "connected": True,
        },
        {
            "label": "ethernet--7",
            "network_name": "DMZ/Ü 100%",
            "mac_address": "",
            "connected": False,
            "type": "",
        },
    ]
)


async def test_nics_come_from_the_newest_disk_row_that_describes_them(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_rows(
        field_database,
        vm_disks,
        disk(1, "[]", updated_at=NOW - timedelta(days=2)),
        disk(2, NICS, updated_at=NOW, cpu_count=4, memory_mb=8192),
        disk(3, None, updated_at=NOW + timedelta(days=1)),
        disk(4, "null", updated_at=NOW + timedelta(days=2)),
        disk(5, "  ", updated_at=NOW + timedelta(days=3)),
    )

    with counted(field_database) as sent:
        found = await StoredNicRepository(field_database).source_vm(context())

    assert found == SourceVm(
        source=NicSource.DATABASE,
        nics=(
            SourceNic(
                index=0, label="ethernet--7", network_name="VM Network", mac_address="00:50:56:ab:cd:ef"
            ),
            SourceNic(index=1, label="ethernet--7", network_name="DMZ/Ü 100%", connected=False),
        ),
        observed_at=NOW,
        cpu_count=4,
        memory_mb=8192,
    )
    assert len(sent) == 1


async def test_what_the_disk_row_leaves_out_comes_from_the_context(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_rows(field_database, vm_disks, disk(1, "[]", updated_at=NOW))
    found = await StoredNicRepository(field_database).source_vm(context(cpu_count=3, memory_mb=1024))
    assert found is not None
    assert (found.nics, found.cpu_count, found.memory_mb) == ((), 3, 1024)


async def test_rows_without_nics_or_of_another_context_are_no_answer(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_rows(field_database, vm_disks, disk(1, None), disk(2, NICS))
    repository = StoredNicRepository(field_database)
    assert await repository.source_vm(context("CTX-A")) is None
    assert await repository.source_vm(context("ctx-b")) is None


DAMAGED = (
    '[{"network_name": "VM',
    '{"networks": []}',
    '["VM Network"]',
    '[{"label": "x"}]',
    '[{"network_name": 7}]',
)


async def test_damaged_nics_are_an_error_and_not_a_vm_without_nics(field_database: Database) -> None:
    await add_context(field_database, "ctx-a")
    await add_rows(field_database, vm_disks, disk(0, NICS, updated_at=NOW - timedelta(days=1)))
    for number, stored in enumerate(DAMAGED, start=1):
        await add_rows(
            field_database, vm_disks, disk(number, stored, updated_at=NOW + timedelta(minutes=number))
        )
        with pytest.raises(StoredNicsUnreadable, match="vm_disks row"):
            await StoredNicRepository(field_database).source_vm(context())
