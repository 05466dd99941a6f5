"""The replication system's own API: one more sync, and how far a job is."""

from replication.client import ReplicationClient
from replication.errors import (
    JobRunning,
    ReplicationError,
    ReplicationNotPermitted,
    ReplicationRefused,
    ReplicationUnavailable,
)
from replication.models import JobStatus, StartSync

__all__ = [
    "JobRunning",
    "JobStatus",
    "ReplicationClient",
    "ReplicationError",
    "ReplicationNotPermitted",
    "ReplicationRefused",
    "ReplicationUnavailable",
    "StartSync",
]
