"""Sizes of blank disks (observed, sections 16 and 20)."""

from simulators.cloudstack.commands.invocation import Invocation
from simulators.cloudstack.errors import refused
from simulators.cloudstack.storage import GIB, DiskOffering


def named_disk_offering(inv: Invocation) -> DiskOffering | None:
    """Return the offering that ``diskofferingid`` names, None where the call has none.

    Raises:
        ApiError: 431, it names nothing.
    """
    if not inv.params.get("diskofferingid"):
        return None
    return inv.find("diskofferingid", inv.world.disk_offerings)


def blank_size(inv: Invocation, offering: DiskOffering) -> int:
    """Return the bytes of a disk of this offering; a custom one takes ``size``, in GB, from the call.

    Raises:
        ApiError: 431, the offering is a custom one and the call says no size above zero.
    """
    size = inv.params.number("size") if offering.size is None else offering.size
    if size is None or size <= 0:
        raise refused("This disk offering requires a custom size specified")
    return size * GIB
