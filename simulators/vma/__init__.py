"""A simulated VMware agent (VMA). A development tool: never point production at it."""

from simulators.vma.faults import Fault
from simulators.vma.inventory import Disk, Nic, VCenter, VirtualMachine
from simulators.vma.sample import sample_vcenters
from simulators.vma.server import VmaCall, VmaSimulator

__all__ = ["Disk", "Fault", "Nic", "VCenter", "VirtualMachine", "VmaCall", "VmaSimulator", "sample_vcenters"]
