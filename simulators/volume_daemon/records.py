"""What the simulated daemon stores: operations, and which volume is where in its own opinion."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_LINK_LENGTH = 20


class DuplicateEntryError(Exception):
    """A row breaks a UNIQUE key of ``device_mappings``."""


@dataclass(slots=True)
class OperationRow:
    """A row of ``volume_operations``."""

    type: str
    volume_id: str
    vm_id: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "pending"
    device_path: str = ""
    error: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed_at: datetime | None = None

    def end(self, status: str, *, error: str = "", device_path: str = "") -> None:
        """Note how it ended."""
        self.status, self.error, self.device_path = status, error, device_path
        self.completed_at = datetime.now(UTC)

    def shown(self) -> dict[str, Any]:
        """Return it as the daemon's API does."""
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "volume_id": self.volume_id,
            "vm_id": self.vm_id,
            "request": {} if self.vm_id is None else {"vm_id": self.vm_id},
            "response": {"device_path": self.device_path} if self.device_path else None,
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "updated_at": (self.completed_at or self.created_at).isoformat(),
            "completed_at": None if self.completed_at is None else self.completed_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class MappingRow:
    """A row of ``device_mappings``."""

    volume_uuid: str
    vm_id: str
    device_path: str
    operation_mode: str

    def shown(self) -> dict[str, str]:
        """Return it as the daemon's API does."""
        return {
            "volume_id": self.volume_uuid,
            "vm_id": self.vm_id,
            "device_path": self.device_path,
            "operation_mode": self.operation_mode,
            "state": "attached",
        }


class Mappings:
    """The table ``device_mappings``.

    Args:
        appliance_vm_id: The VM on which the daemon runs: there a volume is a device.
    """

    def __init__(self, appliance_vm_id: str) -> None:
        self._appliance_vm_id = appliance_vm_id
        self._rows: dict[str, MappingRow] = {}

    def add(self, volume_id: str, vm_id: str, *, is_root: bool) -> MappingRow:
        """Insert a row. Both data disks of another VM get one path, which is UNIQUE (original, 7.17).

        Raises:
            DuplicateEntryError: The volume or the path is there already.
        """
        if vm_id == self._appliance_vm_id:
            path, mode = f"/dev/disk/by-id/virtio-{volume_id[:_LINK_LENGTH]}", "oma"
        else:
            path, mode = f"remote-vm-root-{vm_id}" if is_root else f"remote-vm-{vm_id}", "failover"
        if volume_id in self._rows:
            raise DuplicateEntryError(f"Duplicate entry '{volume_id}' for key 'volume_uuid'")
        if any(row.device_path == path for row in self._rows.values()):
            raise DuplicateEntryError(f"Duplicate entry '{path}' for key 'unique_device_path'")
        self._rows[volume_id] = MappingRow(volume_id, vm_id, path, mode)
        return self._rows[volume_id]

    def drop(self, volume_id: str) -> None:
        """Delete a volume's row, if there is one."""
        self._rows.pop(volume_id, None)

    def of_volume(self, volume_id: str) -> MappingRow | None:
        """Return a volume's row."""
        return self._rows.get(volume_id)

    def of_vm(self, vm_id: str) -> list[MappingRow]:
        """Return the rows of a VM."""
        return [row for row in self._rows.values() if row.vm_id == vm_id]
