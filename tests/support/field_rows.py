"""Writes rows into a field database, and counts the statements that a call costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, event, insert

from database import Database
from database.tables import vm_replication_contexts
from embedded.seed import SampleSite, SampleVm

NOW = datetime(2025, 9, 24, 12, 30, 15, 123456, tzinfo=UTC)

SITE = SampleSite(
    api_url="http://127.0.0.1:8080/client/api",
    api_key="made-up-api-key",
    secret_key="made-up-secret-key",
    zone="zone-1",
    template_id="template-1",
    service_offering_id="offering-1",
    default_network_id="net-default",
    prod_lan_id="net-prod-lan",
    prod_dmz_id="net-prod-dmz",
    test_lan_id="net-test-lan",
    test_dmz_id="net-test-dmz",
    vcenter_host="vcenter.example.local",
    vcenter_username="administrator@vsphere.local",
    vcenter_password="made-up-vcenter-password",
    datacenter="DC1",
    pgtest1=SampleVm("uuid-1", ("00:50:56:00:00:01", "00:50:56:00:00:02")),
    pgtest2=SampleVm("uuid-2", ("00:50:56:00:00:03",), cpu_count=1, memory_mb=2048),
    pgtest3=SampleVm("uuid-3", ("00:50:56:00:00:04", "00:50:56:00:00:05")),
)
"""A cloud and a vCenter that nobody runs."""


async def add_rows(database: Database, table: Table, *rows: dict[str, Any]) -> list[int]:
    """Insert rows, leaving out what this database has no column for, and return their keys."""
    keys = []
    async with database.write() as connection:
        for row in rows:
            done = await connection.execute(insert(table).values(database.features.writable(table, row)))
            assert done.inserted_primary_key is not None
            keys.append(done.inserted_primary_key[0])
    return keys


async def add_context(database: Database, context_id: str, **values: Any) -> None:  # noqa: ANN401 - column values
    """Insert a VM context whose other columns follow from its id."""
    row = {
        "context_id": context_id,
        "vm_name": f"vm of {context_id}",
        "vmware_vm_id": f"uuid of {context_id}",
        "vm_path": "/DC1/vm/x",
        "vcenter_host": "vcenter.example.local",
        "datacenter": "DC1",
        **values,
    }
    await add_rows(database, vm_replication_contexts, row)


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Collect the SQL statements that are sent while the block runs."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
