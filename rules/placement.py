"""The next step that brings a volume to its place: decided on what ``listVolumes`` shows, each time anew."""

from collections.abc import Collection
from enum import StrEnum

from rules.disks import VolumeFacts
from rules.models import Record

_SETTLED = frozenset({"Ready", "Allocated", "Uploaded"})
"""What CloudStack attaches and detaches (observed, section 16); in any other state something is under way."""
GONE = frozenset({"Destroy", "Destroyed", "Expunging", "Expunged", "Error", "UploadError"})
"""From these no volume comes back by itself."""


class Target(Record):
    """Where a volume is to be; no VM means attached to nothing.

    Attributes:
        device_id: None for any place, on the appliance.
    """

    vm_id: str = ""
    device_id: int | None = None


class Step(StrEnum):
    """What to do next."""

    PLACED = "placed"
    DETACH = "detach"
    ATTACH = "attach"
    WAIT = "wait"
    """Something is under way with it."""
    ELSEWHERE = "elsewhere"
    """It is gone, or at a VM that is none of the run's business: nothing is done."""


def next_step(volume: VolumeFacts, to: Target, allowed_vm_ids: Collection[str]) -> Step:
    """Decide the next step.

    Args:
        volume: As read just now.
        to: Its place.
        allowed_vm_ids: The VMs that it may be taken from: the appliance and our own.
    """
    if not volume.found or volume.state in GONE:
        return Step.ELSEWHERE
    if volume.vm_id and volume.vm_id not in allowed_vm_ids:
        return Step.ELSEWHERE
    if volume.state not in _SETTLED:
        return Step.WAIT
    if volume.vm_id == to.vm_id and (not to.vm_id or to.device_id in {None, volume.device_id}):
        return Step.PLACED
    return Step.DETACH if volume.vm_id else Step.ATTACH
