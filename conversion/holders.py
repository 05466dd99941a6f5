"""Who else has a device: mounts, what the kernel built on it, and every process that has it open."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from conversion.devices import Device
from conversion.order import Places


def holders_of(device: Device, places: Places) -> list[str]:
    """Name everything that has the device or one of its partitions, this process apart.

    A process of another user is seen by root only.
    """
    numbers = _numbers(device)
    return [
        *_mounts(numbers, places),
        *_built_on(device),
        *_loops(device, places),
        *_openers(device, numbers, places),
    ]


def _numbers(device: Device) -> frozenset[int]:
    """Device numbers of the disk and its partitions; none for a regular file."""
    if device.folder is None:
        return frozenset()
    parts = [file for file in device.folder.glob("*/dev") if (file.parent / "partition").exists()]
    found = {device.status.st_rdev}
    for part in parts:
        major, _, minor = part.read_text(encoding="ascii").strip().partition(":")
        found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def _mounts(numbers: frozenset[int], places: Places) -> Iterator[str]:
    for line in Path(places.proc, "self", "mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        fields, source = before.split(" "), after.split(" ")[1:2]
        major, _, minor = fields[2].partition(":")
        # A btrfs has a number of its own, so the source is looked at as well.
        if os.makedev(int(major), int(minor)) in numbers or (source and _number(source[0]) in numbers):
            yield f"mounted at {fields[4]}"


def _number(path: str) -> int | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_rdev if stat.S_ISBLK(status.st_mode) else None


def _built_on(device: Device) -> Iterator[str]:
    if device.folder is None:
        return
    for holder in sorted({*device.folder.glob("holders/*"), *device.folder.glob("*/holders/*")}):
        yield f"used by {holder.name}"


def _loops(device: Device, places: Places) -> Iterator[str]:
    for file in sorted(Path(places.sysfs, "block").glob("loop*/loop/backing_file")):
        try:
            backing = file.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue  # it was taken down meanwhile
        if backing == device.path:
            yield f"used by {file.parents[1].name}"


def _openers(device: Device, numbers: frozenset[int], places: Places) -> Iterator[str]:
    own = str(os.getpid())
    for process in Path(places.proc).glob("[0-9]*"):
        if process.name != own and _has_open(process, device, numbers):
            yield f"open in process {process.name} ({_program(process)})"


def has_open(pid: int, device: Device) -> bool:
    """Tell whether a process has the device or one of its partitions open."""
    return _has_open(Path("/proc", str(pid)), device, _numbers(device))


def _has_open(process: Path, device: Device, numbers: frozenset[int]) -> bool:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return False  # it ended, or belongs to somebody else
    for one in descriptors:
        try:
            status = one.stat()
        except OSError:
            continue
        if stat.S_ISBLK(status.st_mode):
            if status.st_rdev in numbers:
                return True
        elif (status.st_dev, status.st_ino) == (device.status.st_dev, device.status.st_ino):
            return True
    return False


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "ended meanwhile"
