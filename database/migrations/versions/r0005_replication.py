"""What a failover of disks needs: fences, dirty replicas, how a VM's time ended, replication's tables."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from database.migrations import EMPTY, origin

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "if_not_exists": True,
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}
_LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_WHEN = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_REFERENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create ours; only where the job sheet's tables are ours too, give them what replication writes."""
    _own()
    if origin(op.get_bind()) == EMPTY:
        _columns_of_replication()
        _tables_of_replication()


def _own() -> None:
    op.create_table(
        "failover_replicas",
        sa.Column("context_key", sa.String(191), primary_key=True),
        sa.Column("context_id", sa.String(255), nullable=False),
        sa.Column("fence_workflow_id", sa.Text),
        sa.Column("scheduler_before", sa.Integer),
        sa.Column("fenced_at", _WHEN),
        sa.Column("released_at", _WHEN),
        sa.Column("dirty_workflow_id", sa.Text),
        sa.Column("dirty_at", _WHEN),
        sa.Column("cleaned_at", _WHEN),
        sa.Column("stale_at", _WHEN),
        **_OPTIONS,
    )
    _add(
        "failover_runs",
        (
            sa.Column("ending", sa.String(32)),
            sa.Column("ended_at", _WHEN),
            sa.Column("end_report", _LONG_TEXT),
            sa.Column("source_returned_at", _WHEN),
            sa.Column("source_power", sa.String(32)),
        ),
    )


def _columns_of_replication() -> None:
    _add("ossea_configs", (sa.Column("oma_vm_id", sa.String(255)),))
    _add(
        "vm_replication_contexts",
        (
            sa.Column("last_status_change", _WHEN),
            sa.Column("current_job_id", sa.String(191)),
            sa.Column("last_successful_job_id", sa.String(191)),
            sa.Column("scheduler_enabled", sa.SmallInteger, nullable=False, server_default="1"),
        ),
    )
    _add(
        "vm_disks",
        (
            sa.Column("label", sa.String(255)),
            sa.Column("unit_number", sa.Integer),
            sa.Column("ossea_volume_id", _REFERENCE),
            sa.Column("disk_change_id", sa.String(255)),
            sa.Column("bios_setup", sa.Text),
        ),
    )


def _tables_of_replication() -> None:
    identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "ossea_volumes",
        sa.Column("id", identity, primary_key=True, autoincrement=True),
        sa.Column("vm_context_id", sa.String(64)),
        sa.Column("volume_id", sa.String(191), nullable=False, unique=True),
        sa.Column("volume_name", sa.String(255)),
        sa.Column("size_gb", sa.BigInteger),
        sa.Column("ossea_config_id", _REFERENCE),
        sa.Column("status", sa.String(32)),
        sa.Column("snapshot_id", sa.String(191)),
        sa.Column("snapshot_created_at", _WHEN),
        sa.Column("snapshot_status", sa.String(32)),
        **_OPTIONS,
    )
    op.create_table(
        "replication_jobs",
        sa.Column("id", sa.String(191), primary_key=True),
        sa.Column("vm_context_id", sa.String(64)),
        sa.Column("source_vm_id", sa.String(255)),
        sa.Column("source_vm_name", sa.String(255)),
        sa.Column("replication_type", sa.String(32)),
        sa.Column("status", sa.String(32), nullable=False, server_default="pending"),
        sa.Column("progress_percent", sa.Float),
        sa.Column("error_message", sa.Text),
        sa.Column("ossea_config_id", _REFERENCE),
        sa.Column("created_at", _WHEN),
        sa.Column("updated_at", _WHEN),
        sa.Column("started_at", _WHEN),
        sa.Column("completed_at", _WHEN),
        **_OPTIONS,
    )
    op.create_table(
        "cbt_history",
        sa.Column("id", identity, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(191), nullable=False),
        sa.Column("disk_id", sa.String(191), nullable=False),
        sa.Column("change_id", sa.String(255)),
        sa.Column("sync_type", sa.String(32)),
        sa.Column("sync_success", sa.SmallInteger),
        sa.Column("created_at", _WHEN),
        **_OPTIONS,
    )
    for name, table, column in (
        ("replication_jobs_context", "replication_jobs", "vm_context_id"),
        ("cbt_history_job", "cbt_history", "job_id"),
    ):
        # MySQL has no CREATE INDEX IF NOT EXISTS, and an interrupted step is made again.
        if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
            op.create_index(name, table, [column])


def _add(table: str, columns: Iterable[sa.Column[Any]]) -> None:
    """Add what is not there: a server keeps a column of a step that was cut off, not that it was done."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)}
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)
