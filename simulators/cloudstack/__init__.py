"""A simulated CloudStack management server. A development tool: never point production at it.

It answers as a real 4.22.0.0 was observed to answer (``cloudstack-observed.md``; "section" in this package
means a section of that page).
"""

from simulators.cloudstack.credentials import Credentials
from simulators.cloudstack.entities import NetworkType, VmState
from simulators.cloudstack.faults import Fault, FaultKind
from simulators.cloudstack.latency import Latency
from simulators.cloudstack.sample import sample_world
from simulators.cloudstack.server import Call, CloudStackSimulator, Throttle
from simulators.cloudstack.world import World

__all__ = [
    "Call",
    "CloudStackSimulator",
    "Credentials",
    "Fault",
    "FaultKind",
    "Latency",
    "NetworkType",
    "Throttle",
    "VmState",
    "World",
    "sample_world",
]
