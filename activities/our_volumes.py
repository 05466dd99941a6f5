"""Volumes in CloudStack as the steps see them, and which of them this failover made."""

from collections.abc import Collection

from activities.clouds import Cloud
from activities.messages.vm import VmOwner
from cloudstack import Volume
from rules.clones import clone_identity, clone_name, mark_value
from rules.disks import VolumeFacts
from rules.identity import MARK_WORKFLOW

TEMPLATE_ROOT = "ROOT-"
"""What the name of a volume begins with that CloudStack made with a VM; it keeps it when it is detached."""
LEFTOVER = frozenset({"Destroy", "Expunging", "Expunged", "Error", "UploadError"})
"""States of a volume whose making failed, or that is being deleted: it is no disk any more."""
MOST_GENERATIONS = 20
"""Of clones of one replica."""
_ROOT_DEVICE = 0


def facts_of(volume_id: str, volume: Volume | None) -> VolumeFacts:
    """Return what CloudStack shows of a volume."""
    if volume is None:
        return VolumeFacts(volume_id=volume_id, found=False)
    return VolumeFacts(
        volume_id=volume.id,
        name=volume.name,
        vm_id=volume.virtualmachineid or "",
        device_id=volume.deviceid if volume.virtualmachineid else None,
        is_root=volume.is_root,
        storage_id=volume.storageid or "",
        storage_name=volume.storage or "",
        state=volume.state,
        size_bytes=volume.size,
        account=volume.account or "",
        domain_id=volume.domainid or "",
        project_id=volume.projectid or "",
        zone_id=volume.zoneid or "",
    )


async def read_volume(cloud: Cloud, volume_id: str) -> VolumeFacts:
    """Read where a volume is."""
    return facts_of(volume_id, await cloud.storage.find_volume(volume_id))


def describe(volume: VolumeFacts) -> str:
    """Name a volume and say where it is, for people."""
    where = f"attached to VM {volume.vm_id} at {volume.device_id}" if volume.vm_id else "attached to nothing"
    return f"volume {volume.name or '?'} ({volume.volume_id}), {volume.state or 'gone'}, {where}"


def is_template_root(volume: Volume, template_id: str | None) -> bool:
    """Say whether CloudStack made this root with the VM.

    Args:
        volume: Attached to the VM.
        template_id: The VM's; None when it is not known.
    """
    return (
        volume.is_root
        and volume.deviceid == _ROOT_DEVICE
        and volume.name.startswith(TEMPLATE_ROOT)
        and (template_id is None or volume.templateid in {None, template_id})
    )


class OurClones:
    """Tells the clones that a failover made from everything else, replicas above all.

    Args:
        owner: Whose clones.
        replica_ids: Of which volumes; none of them is ever taken for a clone.
    """

    def __init__(self, owner: VmOwner, replica_ids: Collection[str]) -> None:
        self._owner = owner
        self._replica_ids = frozenset(replica_ids)
        self._ids = {
            self.identity(replica_id, generation)
            for replica_id in self._replica_ids
            for generation in range(1, MOST_GENERATIONS + 1)
        }
        self._names = {self.name(replica_id) for replica_id in self._replica_ids}

    def identity(self, replica_id: str, generation: int) -> str:
        """Return the id of a generation's clone of one replica."""
        return clone_identity(self._owner.disks_key, self._owner.context_id, replica_id, generation)

    def name(self, replica_id: str) -> str:
        """Return the name of every clone of one replica."""
        return clone_name(self._owner.disks_key, replica_id)

    def is_one(self, volume: Volume) -> bool:
        """Say whether this failover made the volume: by its id, by its name, or by its tag."""
        if volume.id in self._replica_ids:
            return False
        marked = any(
            tag.key == MARK_WORKFLOW and tag.value == mark_value(self._owner.disks_key) for tag in volume.tags
        )
        return volume.id in self._ids or volume.name in self._names or marked
