"""A machine to convert on, made of files: a disk image with udev's link to it, locks, and real commands."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conversion import Converter, Guest, Places

VOLUME = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"
DATA_VOLUME = "1b2c3d4e-5f60-4172-93a4-b5c6d7e8f901"
SIZE = 64 * 1024
SIGNATURE = b"converted"
_PATIENCE = 30

# Each command gets a folder of its own as its first argument; the device is the last one.
CONVERTS = f"""
with open(device, "r+b") as disk:
    disk.write({SIGNATURE!r})
print("done with", device)
"""

# Writes until somebody ends it: the first process, a child of it, and a daemon that left session and parent.
WRITES_FOR_EVER = """
def write(mark):
    note(mark)
    with open(device, "r+b", buffering=0) as disk:
        while True:
            disk.seek(4096)
            disk.write(mark.encode() + str(time.monotonic_ns()).encode())
            time.sleep(0.002)

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        write("daemon")
    os._exit(0)
if os.fork() == 0:
    write("child")
write("leader")
"""

_HEADER = """
import os, signal, sys, time
folder, device = sys.argv[1], sys.argv[-1]

def note(mark):
    with open(os.path.join(folder, mark + ".tmp"), "w") as file:
        file.write(str(os.getpid()))
    os.rename(os.path.join(folder, mark + ".tmp"), os.path.join(folder, mark))
"""


@dataclass(frozen=True)
class Bench:
    """One machine.

    Attributes:
        folder: Where all of it lies.
    """

    folder: Path
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        for name in ("by-id", "locks", "notes"):
            (self.folder / name).mkdir()
        made = Places(devices=str(self.folder / "by-id"), locks=str(self.folder / "locks"))
        object.__setattr__(self, "places", made)
        self.add_disk(VOLUME, "disk.img")

    @property
    def image(self) -> Path:
        """The disk that the guest boots from."""
        return self.folder / "disk.img"

    @property
    def notes(self) -> Path:
        """Where commands leave their process ids."""
        return self.folder / "notes"

    def add_disk(self, volume_id: str, name: str) -> Path:
        """Make another image with its link."""
        image = self.folder / name
        image.write_bytes(bytes(SIZE))
        self.link(f"virtio-{volume_id.replace('-', '')[:20]}", image)
        return image

    def link(self, name: str, target: Path) -> None:
        """Make a link as udev would."""
        (self.folder / "by-id" / name).symlink_to(target)

    def plug(self, volume_id: str, device: Path, serial: str | None) -> None:
        """Name a real block device as udev would, and let the kernel tell a serial of it, which no loop has.

        Everything else is what the real sysfs says.
        """
        self.link(f"virtio-{volume_id.replace('-', '')[:20]}", device)
        number = device.stat().st_rdev
        root = self.folder / "sys"
        named, plugged = root / "dev" / "block", root / "block" / device.name
        for folder in (named, plugged):
            folder.mkdir(parents=True)
        for other in Path("/sys/block").iterdir():
            if other.name != device.name:
                (root / "block" / other.name).symlink_to(other)
        for said in Path("/sys/block", device.name).iterdir():
            (plugged / said.name).symlink_to(said)
        (named / f"{os.major(number)}:{os.minor(number)}").symlink_to(plugged)
        if serial is not None:
            (plugged / "serial").write_text(f"{serial}\n", encoding="ascii")
        object.__setattr__(self, "places", replace(self.places, sysfs=str(root)))

    def command(self, body: str) -> tuple[str, ...]:
        """Write a program, and return how it is configured."""
        file = self.folder / f"command-{len(list(self.folder.glob('command-*')))}.py"
        file.write_text(_HEADER + body, encoding="utf-8")
        return (sys.executable, "-S", str(file), str(self.notes))

    def converter(self, body: str, **changes: Any) -> Converter:  # noqa: ANN401 - any field of it
        """Configure this machine with a command."""
        settings: dict[str, Any] = {"grace": 5.0, "patience": 0.0, "places": self.places} | changes
        return Converter(command=self.command(body), **settings)

    async def begun(self, *marks: str) -> list[int]:
        """Wait until processes of the command have left their notes, and return their ids."""
        await until(lambda: all((self.notes / mark).exists() for mark in marks))
        return [int((self.notes / mark).read_text(encoding="ascii")) for mark in marks]

    def written(self) -> bool:
        """Whether anything was ever written to the disk."""
        return self.image.read_bytes() != bytes(SIZE)


WRITERS = ("leader", "child", "daemon")
GUEST = Guest(VOLUME)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that is only waited for does not."""
    try:
        state = Path("/proc", str(pid), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


async def all_gone(pids: list[int]) -> None:
    """Wait until none of the processes runs."""
    await until(lambda: not any(alive(pid) for pid in pids))


def starts_with(disk: Path, mark: bytes) -> bool:
    """Whether a disk begins with a mark."""
    return disk.read_bytes()[: len(mark)] == mark


def lies_still(image: Path) -> bool:
    """Whether nobody writes to an image: it does not change while a writer would have changed it often."""
    before = image.read_bytes()
    time.sleep(0.05)
    return image.read_bytes() == before


def supervisors(worker: int | None = None) -> set[int]:
    """Supervisors that run as children of a worker, which is this process if it is not named."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"conversion.supervisor" in words and parent == (worker or os.getpid()):
            found.add(int(folder.name))
    return found
