"""What can go wrong when replication is asked.

::

    ReplicationError
    |-- ReplicationUnavailable       nobody answers, or only 5xx: of a start the outcome is unknown
    |-- JobRunning                   409: a job of this VM has not ended; nothing was started
    `-- ReplicationRefused           somebody answers and says no; nothing was started
        `-- ReplicationNotPermitted      401 or 403: the token is wrong or missing
"""


class ReplicationError(Exception):
    """Replication did not do what was asked. Its text holds no token and no address."""


class ReplicationUnavailable(ReplicationError):
    """Nobody gave an answer that proves anything: look before a start is sent again."""


class JobRunning(ReplicationError):
    """Replication starts no second job beside one that it counts as running."""


class ReplicationRefused(ReplicationError):
    """Replication answers and refuses."""


class ReplicationNotPermitted(ReplicationRefused):
    """Replication does not accept our token, or wants one."""
