"""A device is proven to be the volume, whole, free and writable, before anything is written."""

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from conversion import DeviceHeld, DeviceNotFound, Places, WrongDevice
from conversion.devices import Device, open_device, serials_of
from conversion.holders import holders_of
from tests.conversion.bench import DATA_VOLUME, VOLUME, Bench

_HEX = "0a1b2c3d4e5f40718293"
_HYPHENS = "0a1b2c3d-4e5f-4071-8"


@contextmanager
def opened(volume_id: str, places: Places) -> Iterator[Device]:
    device = open_device(volume_id, places)
    try:
        yield device
    finally:
        device.close()


def test_a_serial_is_twenty_characters_with_or_without_hyphens() -> None:
    assert serials_of(VOLUME.upper()) == {_HEX, _HYPHENS}


@pytest.mark.parametrize(
    "name",
    (f"virtio-{_HEX}", f"virtio-{_HYPHENS}", f"virtio-{_HEX.upper()}", f"scsi-{_HEX}",
     f"scsi-0QEMU_QEMU_HARDDISK_{_HEX}"),
)  # fmt: skip
def test_a_device_is_found_by_each_name_that_udev_gives_it(bench: Bench, name: str) -> None:
    (bench.folder / "by-id" / f"virtio-{_HEX}").unlink()
    bench.link(name, bench.image)

    with opened(VOLUME, bench.places) as device:
        assert device.path == str(bench.image)


def test_two_names_of_one_device_are_one_device(bench: Bench) -> None:
    bench.link(f"scsi-{_HEX}", bench.image)

    with opened(VOLUME, bench.places) as device:
        assert device.path == str(bench.image)


def test_two_devices_of_one_name_are_none(bench: Bench) -> None:
    bench.link(f"scsi-{_HEX}", bench.add_disk(DATA_VOLUME, "other.img"))

    with pytest.raises(WrongDevice, match="several devices"):
        open_device(VOLUME, bench.places)


@pytest.mark.parametrize(
    "name",
    (f"virtio-{_HEX}-part1", f"virtio-{_HEX[:19]}", f"virtio-{_HEX}0", f"nvme-{_HEX}", "virtio-"),
)
def test_no_other_name_counts(bench: Bench, name: str) -> None:
    (bench.folder / "by-id" / f"virtio-{_HEX}").unlink()
    bench.link(name, bench.image)

    with pytest.raises(DeviceNotFound):
        open_device(VOLUME, bench.places)


def test_a_machine_without_udevs_folder_has_no_device(bench: Bench) -> None:
    with pytest.raises(DeviceNotFound, match="ENOENT"):
        open_device(VOLUME, replace(bench.places, devices=str(bench.folder / "nothing")))


def test_a_link_that_leads_nowhere_is_no_device_yet(bench: Bench) -> None:
    bench.image.unlink()

    with pytest.raises(DeviceNotFound, match="went away"):
        open_device(VOLUME, bench.places)


def test_an_empty_device_is_refused(bench: Bench) -> None:
    bench.image.write_bytes(b"")

    with pytest.raises(WrongDevice, match="no size"):
        open_device(VOLUME, bench.places)


def test_a_folder_is_no_device(bench: Bench) -> None:
    bench.image.unlink()
    bench.image.mkdir()

    with pytest.raises(WrongDevice, match="no block device"):
        open_device(VOLUME, bench.places)


def test_below_dev_a_file_is_never_taken_for_a_device(bench: Bench) -> None:
    links = Path("/dev/shm", f"failover-test-{os.getpid()}")  # noqa: S108 - the one folder of /dev for everybody
    links.mkdir()
    try:
        (links / f"virtio-{_HEX}").symlink_to(bench.image)
        with pytest.raises(WrongDevice, match="no block device"):
            open_device(VOLUME, replace(bench.places, devices=str(links)))
    finally:
        (links / f"virtio-{_HEX}").unlink()
        links.rmdir()


class Sysfs:
    """What the kernel says of a device, as a test wants it."""

    def __init__(self, bench: Bench, device: Path) -> None:
        (bench.folder / "by-id" / f"virtio-{_HEX}").unlink()
        bench.link(f"virtio-{_HEX}", device)
        self.root = bench.folder / "sys"
        self.places = replace(bench.places, sysfs=str(self.root), proc=str(bench.folder / "proc"))
        self.folder = self.root / "block" / device.name
        self.write(size="2048", ro="0", serial=_HEX)
        number = device.stat().st_rdev
        named = self.root / "dev" / "block"
        named.mkdir(parents=True)
        (named / f"{os.major(number)}:{os.minor(number)}").symlink_to(self.folder)
        self.mount("22 1 0:21 / /proc rw - proc proc rw")

    def write(self, folder: Path | None = None, /, **files: str) -> None:
        for name, text in files.items():
            file = (folder or self.folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n", encoding="ascii")

    def mount(self, lines: str) -> None:
        self.write(Path(self.places.proc, "self"), mountinfo=lines)


@pytest.fixture
def sysfs(bench: Bench, loop_device: Path) -> Sysfs:
    return Sysfs(bench, loop_device)


@pytest.mark.parametrize("serial", (_HEX, _HYPHENS, _HEX.upper()))
def test_a_block_device_with_the_serial_is_taken(sysfs: Sysfs, loop_device: Path, serial: str) -> None:
    sysfs.write(serial=serial)

    with opened(VOLUME, sysfs.places) as device:
        assert device.path == str(loop_device)
        assert stat.S_ISBLK(device.status.st_mode)
        assert holders_of(device, sysfs.places) == []


def test_a_disk_behind_scsi_tells_its_serial_too(sysfs: Sysfs) -> None:
    (sysfs.folder / "serial").unlink()
    page = sysfs.folder / "device" / "vpd_pg80"
    page.parent.mkdir()
    page.write_bytes(b"\0\x80\0\x14" + _HEX.encode())
    open_device(VOLUME, sysfs.places).close()
    page.write_bytes(b"\0\x80\0\x14" + _HEX[::-1].encode())

    with pytest.raises(WrongDevice, match="another serial"):
        open_device(VOLUME, sysfs.places)
    page.write_bytes(b"\0\x80\0\0")

    with pytest.raises(WrongDevice, match="no serial"):
        open_device(VOLUME, sysfs.places)


def test_a_device_whose_serial_the_kernel_does_not_tell_is_refused(sysfs: Sysfs) -> None:
    """Whatever its link says: that is no proof."""
    (sysfs.folder / "serial").unlink()

    with pytest.raises(WrongDevice, match="no serial"):
        open_device(VOLUME, sysfs.places)


@pytest.mark.parametrize(
    ("files", "why"),
    (
        ({"serial": ""}, "no serial"),
        ({"serial": "ffffffffffffffffffff"}, "another serial"),
        ({"serial": _HEX[:19]}, "another serial"),
        ({"partition": "1"}, "is a partition"),
        ({"ro": "1"}, "read-only"),
        ({"size": "0"}, "no size"),
    ),
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else one,
)
def test_what_the_kernel_says_can_refuse_a_device(sysfs: Sysfs, files: dict[str, str], why: str) -> None:
    sysfs.write(None, **files)

    with pytest.raises(WrongDevice, match=why):
        open_device(VOLUME, sysfs.places)


def test_a_second_device_with_the_serial_refuses_both(sysfs: Sysfs) -> None:
    sysfs.write(serial=_HEX)
    sysfs.write(sysfs.root / "block" / "vdz", serial=_HYPHENS)

    with pytest.raises(WrongDevice, match="both have the serial"):
        open_device(VOLUME, sysfs.places)


@pytest.mark.parametrize(
    ("device", "source"),
    (("{disk}", "whatever"), ("250:7", "whatever"), ("0:44", "{path}")),
    ids=("the disk", "a partition", "a btrfs"),
)
def test_a_mount_holds_the_device(sysfs: Sysfs, loop_device: Path, device: str, source: str) -> None:
    sysfs.write(sysfs.folder / "part1", dev="250:7", partition="1")
    number = loop_device.stat().st_rdev
    known = {"disk": f"{os.major(number)}:{os.minor(number)}", "path": str(loop_device)}
    mounted = f"30 1 {device} / /mnt/here rw,relatime shared:1 - ext4 {source} rw".format(**known)
    sysfs.mount(f"22 1 0:21 / /proc rw - proc proc rw\n{mounted}")

    with opened(VOLUME, sysfs.places) as found:
        assert holders_of(found, sysfs.places) == ["mounted at /mnt/here"]


def test_what_the_kernel_built_on_it_holds_the_device(sysfs: Sysfs) -> None:
    sysfs.write(sysfs.folder / "part1", dev="250:7", partition="1")
    (sysfs.folder / "holders" / "dm-3").mkdir(parents=True)
    sysfs.write(sysfs.folder / "part1" / "holders", md0="")

    with opened(VOLUME, sysfs.places) as device:
        assert sorted(holders_of(device, sysfs.places)) == ["used by dm-3", "used by md0"]


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def test_a_real_mount_is_seen_by_the_kernel_and_by_us(
    bench: Bench, loop_device: Path, tmp_path: Path
) -> None:
    (bench.folder / "by-id" / f"virtio-{_HEX}").unlink()
    bench.plug(VOLUME, loop_device, _HEX)
    _run("mkfs.ext2", "-q", str(loop_device))
    with opened(VOLUME, bench.places) as device:
        assert holders_of(device, bench.places) == []
        (tmp_path / "mnt").mkdir()
        _run("mount", str(loop_device), str(tmp_path / "mnt"))
        try:
            assert holders_of(device, bench.places) == [f"mounted at {tmp_path / 'mnt'}"]
            with pytest.raises(DeviceHeld, match="in use"):
                open_device(VOLUME, bench.places)
        finally:
            _run("umount", str(tmp_path / "mnt"))


@pytest.mark.parametrize("kind", ("file", "block device"))
def test_a_process_that_has_it_open_is_named(bench: Bench, kind: str, request: pytest.FixtureRequest) -> None:
    if kind == "block device":
        target: Path = request.getfixturevalue("loop_device")
        (bench.folder / "by-id" / f"virtio-{_HEX}").unlink()
        bench.plug(VOLUME, target, _HEX)
    else:
        target = bench.image
    with (
        target.open("rb") as held,
        subprocess.Popen(["sleep", "60"], stdin=held) as export,  # noqa: S607 - wherever it is installed
        opened(VOLUME, bench.places) as device,
    ):
        try:
            assert holders_of(device, bench.places) == [f"open in process {export.pid} (sleep)"]
        finally:
            export.kill()


def test_a_loop_over_the_disk_holds_it(bench: Bench, loop_device: Path, tmp_path: Path) -> None:
    (bench.folder / "by-id" / f"virtio-{_HEX}").unlink()
    bench.link(f"virtio-{_HEX}", tmp_path / "loop.img")

    with opened(VOLUME, bench.places) as device:
        assert holders_of(device, bench.places) == [f"used by {loop_device.name}"]
