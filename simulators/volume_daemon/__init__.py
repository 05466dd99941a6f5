"""A simulated Volume Daemon of the appliance. A development tool: never point production at it.

It calls the CloudStack simulator, and answers as original-system.md, section 4.3, says the original did: it
says "failed" after a success where its own books fail, and does not go on with an operation after a restart.
"""

from simulators.volume_daemon.server import VolumeDaemonSimulator

__all__ = ["VolumeDaemonSimulator"]
