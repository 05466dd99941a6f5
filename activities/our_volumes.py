"""Volumes in CloudStack as the steps see them, and which of them this failover made."""

from activities.clouds import Cloud
from cloudstack import Volume
from rules.disks import VolumeFacts

TEMPLATE_ROOT = "ROOT-"
"""What the name of a volume begins with that CloudStack made with a VM; it keeps it when it is detached."""
LEFTOVER = frozenset({"Destroy", "Expunging", "Expunged", "Error", "UploadError"})
"""States of a volume whose making failed, or that is being deleted: it is no disk any more."""
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
