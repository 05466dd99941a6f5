"""Find the block device of a volume, and prove that it is the volume.

The one thing that a guest of KVM knows of a disk is its serial. CloudStack makes it of the volume's uuid:
without hyphens, cut to 20 characters, since a virtio serial is no longer. One that keeps the hyphens is taken
too. udev names its links by the serial, and the kernel tells it again: both must agree, and only one device
may have it. A block device whose serial the kernel does not tell is refused.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from conversion.errors import DeviceHeld, DeviceNotFound, WrongDevice
from conversion.order import Places

_SERIAL_LENGTH = 20
_PREFIXES = ("virtio-", "scsi-", "scsi-0QEMU_QEMU_HARDDISK_")
_PAGE_HEADER = 4
"""Bytes before the serial in SCSI's page 0x80."""


def serials_of(volume_id: str) -> frozenset[str]:
    """Return what the serial of a volume may be."""
    plain = volume_id.lower()
    return frozenset({plain.replace("-", "")[:_SERIAL_LENGTH], plain[:_SERIAL_LENGTH]})


@dataclass(frozen=True)
class Device:
    """A device that is proven to be a volume, held open so that its number cannot come to mean another one.

    Attributes:
        volume_id: CloudStack's uuid.
        path: Its own path, no link.
        descriptor: Open for reading, not inherited.
        status: Of the open descriptor.
        folder: Its folder in sysfs; None for a regular file.
    """

    volume_id: str
    path: str
    descriptor: int
    status: os.stat_result
    folder: Path | None

    def close(self) -> None:
        """Let it go."""
        os.close(self.descriptor)


def open_device(volume_id: str, places: Places) -> Device:
    """Find and open the volume's device.

    Raises:
        DeviceNotFound: It is not here, or not yet.
        WrongDevice: It is not certainly this volume, is no whole disk, or cannot be written to.
        DeviceHeld: The kernel says that something else claims it.
    """
    path = _find(volume_id, places)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise DeviceNotFound(f"{path} went away") from None
    except OSError as error:
        raise WrongDevice(f"{path} cannot be opened ({_name_of(error)})") from None
    try:
        device = _prove(volume_id, path, descriptor, places)
        _claimable(device)
    except BaseException:
        os.close(descriptor)
        raise
    return device


def _find(volume_id: str, places: Places) -> str:
    wanted = {prefix + serial for prefix in _PREFIXES for serial in serials_of(volume_id)}
    try:
        links = [entry for entry in Path(places.devices).iterdir() if entry.name.lower() in _lower(wanted)]
    except OSError as error:
        raise DeviceNotFound(f"{places.devices} cannot be read ({_name_of(error)})") from None
    found = sorted({os.path.realpath(link) for link in links})
    if not found:
        raise DeviceNotFound(f"no link of volume {volume_id} in {places.devices}")
    if len(found) > 1:
        raise WrongDevice(f"several devices are named as volume {volume_id}: {', '.join(found)}")
    return found[0]


def _lower(names: set[str]) -> set[str]:
    return {name.lower() for name in names}


def _prove(volume_id: str, path: str, descriptor: int, places: Places) -> Device:
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and places.files_count:
        folder, size = None, status.st_size
    elif stat.S_ISBLK(status.st_mode):
        folder = folder_of(status.st_rdev, places)
        size = _whole_disk(volume_id, path, folder, places)
    else:
        raise WrongDevice(f"{path} is no block device")
    if size <= 0:
        raise WrongDevice(f"{path} has no size")
    return Device(volume_id, path, descriptor, status, folder)


def folder_of(number: int, places: Places) -> Path:
    """Return the folder in sysfs of a device number."""
    return Path(places.sysfs, "dev", "block", f"{os.major(number)}:{os.minor(number)}").resolve()


def _whole_disk(volume_id: str, path: str, folder: Path, places: Places) -> int:
    if (folder / "partition").exists():
        raise WrongDevice(f"{path} is a partition")
    serial = _serial(folder)
    if serial is None:
        # A link alone is what anybody with root may make, and may be left over from another disk.
        raise WrongDevice(
            f"the kernel tells no serial of {path}: nothing proves that it is volume {volume_id}"
        )
    if serial.lower() not in serials_of(volume_id):
        raise WrongDevice(f"the kernel names another serial for {path} than that of volume {volume_id}")
    for other in Path(places.sysfs, "block").glob("*"):
        if other.resolve() != folder and (_serial(other) or "").lower() in serials_of(volume_id):
            raise WrongDevice(f"{path} and {other.name} both have the serial of volume {volume_id}")
    if _text(folder / "ro") == "1":
        raise WrongDevice(f"{path} is read-only")
    return int(_text(folder / "size") or 0)


def _serial(folder: Path) -> str | None:
    if serial := _text(folder / "serial"):
        return serial
    try:
        page = (folder / "device" / "vpd_pg80").read_bytes()
    except OSError:
        return None
    return page[_PAGE_HEADER:].decode("ascii", "replace").strip(" \0") or None


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip(" \0\n")
    except OSError:
        return None


def _claimable(device: Device) -> None:
    # The kernel refuses O_EXCL while a mount in any namespace, swap, LVM or RAID has the disk or part of it.
    # It is given back at once: a command may want to mount or claim the disk itself. Read-only, since udev
    # looks into every disk that was open for writing, and would then be found at it.
    exclusive = os.O_EXCL if stat.S_ISBLK(device.status.st_mode) else 0
    try:
        descriptor = os.open(device.path, os.O_RDONLY | exclusive | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise DeviceHeld(f"the kernel says that {device.path} is in use") from None
        raise WrongDevice(f"{device.path} cannot be opened ({_name_of(error)})") from None
    try:
        if _identity(os.fstat(descriptor)) != _identity(device.status):
            raise WrongDevice(f"{device.path} became another device")
    finally:
        os.close(descriptor)
    if not os.access(device.path, os.W_OK):
        raise WrongDevice(f"{device.path} may not be written to")


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    if stat.S_ISBLK(status.st_mode):
        return (0, 0, status.st_rdev)
    return (status.st_dev, status.st_ino, 0)


def _name_of(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "error")
