"""A simulated replication system. A development tool: never point production at it."""

from simulators.replication.faults import Fault
from simulators.replication.jobs import Fate, Job, Protected
from simulators.replication.records import MemoryRecords, Records
from simulators.replication.server import ReplicationCall, ReplicationSimulator
from simulators.replication.sql_records import SqlRecords

__all__ = [
    "Fate",
    "Fault",
    "Job",
    "MemoryRecords",
    "Protected",
    "Records",
    "ReplicationCall",
    "ReplicationSimulator",
    "SqlRecords",
]
