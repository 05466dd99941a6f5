"""The VMware agent (VMA): discovery and power of the protected VMs."""

from vma.client import VmaClient
from vma.errors import PowerUnknown, SourceRefused, VcenterUnreachable, VmaError, VmaUnreachable
from vma.models import DiscoveredNic, DiscoveredVm, PowerChange, PowerReading

__all__ = [
    "DiscoveredNic",
    "DiscoveredVm",
    "PowerChange",
    "PowerReading",
    "PowerUnknown",
    "SourceRefused",
    "VcenterUnreachable",
    "VmaClient",
    "VmaError",
    "VmaUnreachable",
]
