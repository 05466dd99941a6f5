"""One seam to attach and detach a volume, with two implementations: CloudStack, or the Volume Daemon.

Where the daemon runs it owns ``device_mappings``, so both calls of all disks go through it, or none.
"""

from typing import Protocol

from activities.heartbeats import to_the_end
from activities.messages.disks import MoveRequest
from activities.our_volumes import TEMPLATE_ROOT
from cloudstack import StorageClient
from rules.disks import VolumeFacts
from volume_daemon import VolumeDaemonClient

DAEMON_JOB = "daemon:"
"""What the id of a job begins with that runs in the Volume Daemon, not in CloudStack."""
_ROOT = 0


class DiskMover(Protocol):
    """Begins a move and says which job does it; it never waits for one."""

    @property
    def can_place(self) -> bool:
        """Whether it can say at which place a data disk is attached."""
        ...

    async def detach(self, volume_id: str) -> str:
        """Begin to detach a volume from whatever VM has it; return the job's id."""
        ...

    async def attach(self, volume_id: str, vm_id: str, device_id: int | None) -> str:
        """Begin to attach a volume; return the job's id.

        Args:
            volume_id: The volume.
            vm_id: The VM.
            device_id: 0 for the root; None lets CloudStack choose.
        """
        ...


class CloudStackMover:
    """CloudStack's own calls.

    Args:
        storage: Sends them.
        expires_in: Seconds for which the server accepts each.
    """

    can_place = True

    def __init__(self, storage: StorageClient, expires_in: float) -> None:
        self._storage = storage
        self._expires_in = expires_in

    async def detach(self, volume_id: str) -> str:
        """Submit a detach by the volume's id."""
        call = self._storage.detach_volume(volume_id, expires_in=self._expires_in)
        return (await to_the_end(call)).jobid

    async def attach(self, volume_id: str, vm_id: str, device_id: int | None) -> str:
        """Submit an attach at exactly this place."""
        call = self._storage.attach_volume(volume_id, vm_id, device_id, expires_in=self._expires_in)
        return (await to_the_end(call)).jobid


class DaemonMover:
    """The Volume Daemon's calls. A data disk gets the lowest free place, whatever was wanted.

    Args:
        daemon: Sends them.
    """

    can_place = False

    def __init__(self, daemon: VolumeDaemonClient) -> None:
        self._daemon = daemon

    async def detach(self, volume_id: str) -> str:
        """Begin a detach."""
        return DAEMON_JOB + (await to_the_end(self._daemon.detach(volume_id))).id

    async def attach(self, volume_id: str, vm_id: str, device_id: int | None) -> str:
        """Begin an attach: as the root, or as a data disk at a place that the caller has to read back."""
        begin = self._daemon.attach_root if device_id == _ROOT else self._daemon.attach
        return DAEMON_JOB + (await to_the_end(begin(volume_id, vm_id))).id


def mover_of(
    storage: StorageClient, daemon: VolumeDaemonClient | None, request: MoveRequest, volume: VolumeFacts
) -> DiskMover:
    """Return the site's mover: the daemon where it is configured.

    It keeps no books of what CloudStack made with a VM: the template's root is taken off without it, as the
    original did (original-system.md, section 5).
    """
    if daemon is None or volume.name.startswith(TEMPLATE_ROOT):
        return CloudStackMover(storage, request.expiry_seconds)
    return DaemonMover(daemon)
