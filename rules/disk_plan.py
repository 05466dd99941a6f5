"""Which disk goes where on the new VM. The boot disk is never guessed from a name."""

import re
from collections.abc import Mapping, Sequence
from itertools import count, islice

from rules.checks import failed, passed
from rules.disks import DiskPlan, ReplicatedDisk, ReplicationFacts, VolumeFacts
from rules.preflight import Check
from rules.request import UnifiedFailoverConfig

_RESERVED = 3
"""CloudStack keeps it for the CD drive (observed, section 12)."""
_FIRST_UNIT = 0
_BYTES_PER_GB = 1024**3
_NUMBER = re.compile(r"\d+")


def plan_disks(
    config: UnifiedFailoverConfig,
    replication: ReplicationFacts,
    volumes: Sequence[VolumeFacts],
    max_data_disks: int,
) -> tuple[tuple[DiskPlan, ...], list[Check]]:
    """Decide each disk's place on the new VM.

    Args:
        config: May name the boot disk.
        replication: The disks, and the appliance that they hang on.
        volumes: As CloudStack shows them.
        max_data_disks: How many the hypervisor allows beside the boot disk.

    Returns:
        The disks in the order of their device ids, and the checks ``boot_disk`` and ``device_ids``. There is
        no plan when one of the two fails or a disk has no volume in CloudStack.
    """
    boot, boot_check = _boot_disk(config, replication.disks)
    number = len(replication.disks) - 1
    fits = number <= max_data_disks
    id_check = (
        passed("device_ids", f"{max(0, number)} data disks of at most {max_data_disks}")
        if fits
        else failed(
            "device_ids",
            f"{number} data disks, and a VM there may have {max_data_disks}",
            "Protect fewer disks of this VM, or raise the hypervisor's limit in CloudStack; where the key "
            "may not read that limit, set FAILOVER_MAX_DATA_DISKS",
        )
    )
    known = {volume.volume_id.lower(): volume for volume in volumes if volume.found}
    checks = [boot_check, id_check]
    if boot is None or not fits or any(disk.volume_id.lower() not in known for disk in replication.disks):
        return (), checks
    data = sorted((disk for disk in replication.disks if disk is not boot), key=_in_order_of_the_source)
    places = zip((boot, *data), device_ids(len(data) + 1), strict=True)
    plan = (_planned(disk, device, boot, known, replication.appliance_vm_id) for disk, device in places)
    return tuple(plan), checks


def device_ids(number: int) -> tuple[int, ...]:
    """Return the first device ids that a VM's disks may have: 0, 1, 2, 4, 5 and so on."""
    return tuple(islice((place for place in count() if place != _RESERVED), number))


def disk_gb(disk: ReplicatedDisk, volume: VolumeFacts | None) -> int:
    """Return the larger of what replication and CloudStack say of a disk's size, in whole GiB."""
    return max(disk.size_gb, -(-volume.size_bytes // _BYTES_PER_GB) if volume else 0)


def _boot_disk(
    config: UnifiedFailoverConfig, disks: Sequence[ReplicatedDisk]
) -> tuple[ReplicatedDisk | None, Check]:
    if config.boot_disk is not None:
        named = [disk for disk in disks if disk.disk_id == config.boot_disk]
        if len(named) == 1:
            return named[0], passed("boot_disk", f"{named[0].disk_id}, as the request says")
        return None, failed(
            "boot_disk",
            f"boot_disk of the request names {'no disk' if not named else 'several disks'} of this VM",
            f"Name one of: {_names(disks)}",
        )
    if len(disks) == 1:
        return disks[0], passed("boot_disk", f"{disks[0].disk_id}, the only disk")
    first = [disk for disk in disks if disk.unit_number == _FIRST_UNIT]
    if len(first) == 1:
        return first[0], passed("boot_disk", f"{first[0].disk_id}, the only one at unit 0 of its controller")
    if not disks:
        return None, failed("boot_disk", "there is no disk to boot from", "Protect the VM's disks first")
    return None, failed(
        "boot_disk",
        f"several disks may be the boot disk: {_names(first or disks)}",
        "Say which in the request: boot_disk, with one of these names",
    )


def _names(disks: Sequence[ReplicatedDisk]) -> str:
    said = (f"{disk.disk_id} ({disk.label or 'no label'}, {disk.size_gb} GB)" for disk in disks)
    return ", ".join(said) or "none is known"


def _in_order_of_the_source(disk: ReplicatedDisk) -> tuple[int, str]:
    # VMware's keys count controllers and units, so their numbers are the order in which the guest saw them.
    numbers = _NUMBER.findall(disk.disk_id)
    return (int(numbers[-1]) if numbers else 0, disk.disk_id)


def _planned(
    disk: ReplicatedDisk,
    device_id: int,
    boot: ReplicatedDisk,
    volumes: Mapping[str, VolumeFacts],
    appliance_vm_id: str,
) -> DiskPlan:
    volume = volumes[disk.volume_id.lower()]
    at_appliance = volume.vm_id.lower() == appliance_vm_id.lower()
    return DiskPlan(
        disk_id=disk.disk_id,
        volume_id=volume.volume_id,
        device_id=device_id,
        size_gb=disk_gb(disk, volume),
        is_boot=disk is boot,
        storage_id=volume.storage_id,
        appliance_device_id=volume.device_id if at_appliance else None,
    )
