"""The appliance's Volume Daemon (original-system.md, section 4.3): one of the two ways to move a disk.

Where it runs, it owns ``device_mappings`` and must do every attach and detach. What it says of an operation
is no proof: it forgets operations at a restart, and says "failed" after a success. Where a volume is, only
CloudStack's ``listVolumes`` tells.
"""

from volume_daemon.client import VolumeDaemonClient
from volume_daemon.errors import DaemonError, DaemonRefused, DaemonUnreachable, DaemonUnsure
from volume_daemon.models import Operation, OperationStatus

__all__ = [
    "DaemonError",
    "DaemonRefused",
    "DaemonUnreachable",
    "DaemonUnsure",
    "Operation",
    "OperationStatus",
    "VolumeDaemonClient",
]
