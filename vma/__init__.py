"""The VMware agent (VMA): discovery of the protected VMs."""

from vma.client import VmaClient
from vma.errors import SourceRefused, VcenterUnreachable, VmaError, VmaUnreachable
from vma.models import DiscoveredNic, DiscoveredVm

__all__ = [
    "DiscoveredNic",
    "DiscoveredVm",
    "SourceRefused",
    "VcenterUnreachable",
    "VmaClient",
    "VmaError",
    "VmaUnreachable",
]
