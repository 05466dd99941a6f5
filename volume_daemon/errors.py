"""What a call to the Volume Daemon can end in, sorted by what the caller may do next.

::

    DaemonError
    |-- DaemonUnreachable    no connection came about: nothing was begun, ask again later
    |-- DaemonUnsure         an operation may have been begun: look where the volume is first
    `-- DaemonRefused        it answered and began nothing

The daemon has no idempotency key (original-system.md, section 4.3), so an answer that was lost is never
followed by the same call without a look at the volume.
"""


class DaemonError(Exception):
    """The Volume Daemon did not do what was asked for."""


class DaemonUnreachable(DaemonError):
    """No connection to the daemon came about."""


class DaemonUnsure(DaemonError):
    """The daemon's answer was lost, is a server error, or cannot be read."""


class DaemonRefused(DaemonError):
    """The daemon refuses the request as it is."""
