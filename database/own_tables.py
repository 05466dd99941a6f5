"""Our own ``failover_*`` tables, beside the existing ones.

Text is compared byte by byte (``utf8mb4_bin``): ids that differ in case are different ids. What may be longer
than an index takes is stored in full beside a key made by ``database.keys``.
"""

from typing import Any

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects import mysql

from database.timestamps import UtcDateTime

metadata = MetaData()

_BINARY = "utf8mb4_bin"
_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": _BINARY,
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": _BINARY,
}
_LONG_TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

leases = Table(
    "failover_leases",
    metadata,
    Column("resource_key", String(191), primary_key=True),
    Column("resource", Text, nullable=False),
    Column("owner_key", String(191), nullable=False),
    Column("owner_workflow_id", Text, nullable=False),
    Column("token", String(36), nullable=False),
    Column("context_id", String(255), nullable=False),
    Column("failover_type", String(16), nullable=False),
    Column("acquired_at", UtcDateTime, nullable=False),
    Index("failover_leases_owner", "owner_key"),
    **_OPTIONS,
)

runs = Table(
    "failover_runs",
    metadata,
    Column("workflow_key", String(191), primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("context_id", String(255), nullable=False),
    Column("vm_name", String(255), nullable=False),
    Column("vmware_vm_id", String(255), nullable=False),
    Column("failover_type", String(16), nullable=False),
    Column("state", String(32), nullable=False),
    Column("vm_state", String(16), nullable=False),
    Column("vm_id", String(64)),
    Column("vm_name_created", String(255)),
    Column("generation", Integer, nullable=False),
    Column("nic_source", String(32)),
    Column("decisions", _LONG_TEXT),
    Column("result", _LONG_TEXT),
    Column("failure_type", String(255)),
    Column("failure_message", Text),
    Column("started_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("request", _LONG_TEXT),
    Column("ending", String(32)),
    Column("ended_at", UtcDateTime),
    Column("end_report", _LONG_TEXT),
    Column("source_returned_at", UtcDateTime),
    Column("source_power", String(32)),
    Index("failover_runs_started", "started_at"),
    Index("failover_runs_context", "context_id"),
    **_OPTIONS,
)

run_networks = Table(
    "failover_run_networks",
    metadata,
    Column("workflow_key", String(191), primary_key=True),
    Column("network_key", String(255), primary_key=True),
    Column("network_id", String(255), nullable=False),
    Column("nic_index", Integer, nullable=False),
    Index("failover_run_networks_network", "network_key"),
    **_OPTIONS,
)

replicas = Table(
    "failover_replicas",
    metadata,
    Column("context_key", String(191), primary_key=True),
    Column("context_id", String(255), nullable=False),
    Column("fence_workflow_id", Text),
    Column("scheduler_before", Integer),
    Column("fenced_at", UtcDateTime),
    Column("released_at", UtcDateTime),
    Column("dirty_workflow_id", Text),
    Column("dirty_at", UtcDateTime),
    Column("cleaned_at", UtcDateTime),
    Column("stale_at", UtcDateTime),
    **_OPTIONS,
)
"""One row per VM context: who keeps replication off its disks, and who wrote to them. NULL is nobody.

What replicas held before ``stale_at`` they hold no more: they were written to and could not be reverted."""

REQUIRED_COLUMNS: dict[str, tuple[str, ...]] = {
    table.name: tuple(column.name for column in table.columns) for table in metadata.sorted_tables
}
