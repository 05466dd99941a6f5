"""What the worker orders from the supervisor of one conversion, and in which form it crosses the pipe."""

import dataclasses
import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

DEVICE_DIRECTORY: Final = "/dev/disk/by-id"
LOCK_DIRECTORY: Final = "/run/lock"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")

_PASSED_ON = frozenset(
    {
        "PATH",
        "HOME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "USER",
        "LOGNAME",
        "VIRTIO_WIN",
        "VIRT_TOOLS_DATA_DIR",
    }
)
_PASSED_ON_PREFIXES = ("LC_", "LIBGUESTFS_", "SUPERMIN_")


@dataclass(frozen=True)
class Places:
    """Where a machine keeps its devices. Tests have their own.

    Attributes:
        devices: The directory of udev's links by id.
        locks: The directory of our lock files.
        sysfs: The root of sysfs.
        proc: The root of procfs.
    """

    devices: str = DEVICE_DIRECTORY
    locks: str = LOCK_DIRECTORY
    sysfs: str = "/sys"
    proc: str = "/proc"

    @property
    def files_count(self) -> bool:
        """Whether a regular file may stand for a device: never where the links are below /dev."""
        return not os.path.realpath(self.devices).startswith("/dev")


@dataclass(frozen=True)
class Nic:
    """A NIC as the guest must find it again.

    Attributes:
        order: Its place, from 0.
        source_mac: Its MAC address at the source.
        address: Its static IP address, where one is known.
    """

    order: int
    source_mac: str
    address: str = ""


@dataclass(frozen=True)
class Order:
    """One conversion. Times are in seconds.

    Attributes:
        volume_id: CloudStack's uuid of the volume that the guest boots from.
        command: The configured program and its first arguments.
        timeout: How long the command may run.
        grace: How long its processes have to end after SIGTERM, before SIGKILL.
        patience: How long a device that is missing or held, and a lock, are waited for.
        data_volume_ids: The guest's other volumes.
        nics: In order.
        leash: The command is ended when the worker was silent for so long; None: only when it is gone.
        places: Where this machine keeps its devices.
    """

    volume_id: str
    command: tuple[str, ...]
    timeout: float
    grace: float
    patience: float
    data_volume_ids: tuple[str, ...] = ()
    nics: tuple[Nic, ...] = ()
    leash: float | None = None
    places: Places = field(default_factory=Places)

    def __post_init__(self) -> None:
        """Refuse ids that are no uuids: they become names of files.

        Raises:
            ValueError: An id is no uuid in its usual form.
        """
        for one in self.volume_ids:
            if not _UUID.fullmatch(one):
                raise ValueError("a volume id is no uuid")

    @property
    def volume_ids(self) -> tuple[str, ...]:
        """All volumes, the one that the guest boots from first."""
        return (self.volume_id, *self.data_volume_ids)

    def to_line(self) -> bytes:
        """Return the order as one line."""
        return json.dumps(dataclasses.asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Order":
        """Read what :meth:`to_line` wrote.

        Raises:
            ValueError: It is no order.
        """
        said: dict[str, Any] = json.loads(line)
        said["nics"] = tuple(Nic(**one) for one in said["nics"])
        said["places"] = Places(**said["places"])
        said["command"] = tuple(said["command"])
        said["data_volume_ids"] = tuple(said["data_volume_ids"])
        return cls(**said)


def arguments(order: Order, device: str) -> list[str]:
    """Return the command line: the configured command, virt-v2v's ``--mac`` per known address, the device."""
    macs = [
        argument
        for nic in order.nics
        if _is_address(nic.address) and _MAC.fullmatch(nic.source_mac.lower())
        for argument in ("--mac", f"{nic.source_mac.lower()}:ip:{nic.address}")
    ]
    return [*order.command, *macs, device]


def environment(
    order: Order, device: str, data_devices: Sequence[str], outside: Mapping[str, str]
) -> dict[str, str]:
    """Return the command's environment: harmless names from outside, and the plan."""
    return {
        **harmless(outside),
        "FAILOVER_VOLUME_ID": order.volume_id,
        "FAILOVER_DEVICE": device,
        "FAILOVER_DATA_DEVICES": json.dumps(list(data_devices)),
        "FAILOVER_NIC_PLAN": json.dumps([dataclasses.asdict(nic) for nic in order.nics]),
    }


def harmless(outside: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an environment that holds no secret of the worker: a list of what may pass."""
    return {
        name: value
        for name, value in outside.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
