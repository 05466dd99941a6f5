"""``vm_disks.network_config``: the NICs as replication last stored them, for a source that is silent."""

import json
from collections.abc import Mapping
from typing import Any

from database.engine import Database
from database.errors import StoredNicsUnreadable
from database.tables import number, text, vm_disks
from rules.context import VMContext
from rules.nics import NicSource, SourceNic, SourceVm


class StoredNicRepository:
    """Reads what the database knows of a source VM.

    Args:
        database: Where the rows are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def source_vm(self, context: VMContext) -> SourceVm | None:
        """Return the VM as its newest disk row describes it; every disk row repeats the VM's description.

        Newest is by ``updated_at``, then ``created_at``, then id. Rows without a description are passed over.
        CPU and memory come from the same row, else from the context. An empty array is a VM without NICs.

        Returns:
            None where no row of the context describes NICs.

        Raises:
            StoredNicsUnreadable: The newest description is not an array of NICs with network names. An older
                row is not used instead: it would hide the damage behind outdated NICs.
        """
        features = self._database.features
        newest = [
            vm_disks.c[name].desc()
            for name in ("updated_at", "created_at", "id")
            if features.has("vm_disks", name)
        ]
        statement = (
            features.select(vm_disks)
            .where(vm_disks.c.vm_context_id == context.context_id, vm_disks.c.network_config.is_not(None))
            .order_by(*newest)
        )
        async with self._database.read() as connection:
            rows = [row._asdict() for row in await connection.execute(statement)]
        for row in rows:
            if row["vm_context_id"] != context.context_id:
                continue
            stored = _stored_nics(row)
            if stored is not None:
                return SourceVm(
                    source=NicSource.DATABASE,
                    nics=tuple(_nic(index, nic, row["id"]) for index, nic in enumerate(stored)),
                    observed_at=row.get("updated_at") or row.get("created_at"),
                    cpu_count=number(row.get("cpu_count")) or context.cpu_count,
                    memory_mb=number(row.get("memory_mb")) or context.memory_mb,
                )
        return None


def _stored_nics(row: Mapping[str, Any]) -> list[object] | None:
    """Parse the column: None where it says nothing, that is, where it is blank or JSON's null."""
    raw = row["network_config"]
    written = raw.decode() if isinstance(raw, bytes) else str(raw)
    if not written.strip():
        return None
    try:
        parsed = json.loads(written)
    except ValueError:
        raise StoredNicsUnreadable(f"vm_disks row {row['id']}: network_config is not JSON") from None
    if parsed is None:
        return None
    if not isinstance(parsed, list):
        raise StoredNicsUnreadable(f"vm_disks row {row['id']}: network_config is not an array of NICs")
    return parsed


def _nic(index: int, nic: object, row_id: int) -> SourceNic:
    if not isinstance(nic, dict) or not isinstance(nic.get("network_name"), str):
        raise StoredNicsUnreadable(f"vm_disks row {row_id}: NIC {index} has no network_name")
    return SourceNic(
        index=index,
        label=text(nic.get("label")),
        network_name=nic["network_name"],
        mac_address=text(nic.get("mac_address")).strip().lower().replace("-", ":"),
        connected=nic.get("connected") is not False,
    )
