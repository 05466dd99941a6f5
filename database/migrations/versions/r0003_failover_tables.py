"""Leases, runs, and the networks that runs use."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
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


def upgrade() -> None:
    """Create what the existing tables have no place for."""
    op.create_table(
        "failover_leases",
        sa.Column("resource_key", sa.String(191), primary_key=True),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("owner_key", sa.String(191), nullable=False),
        sa.Column("owner_workflow_id", sa.Text, nullable=False),
        sa.Column("token", sa.String(36), nullable=False),
        sa.Column("context_id", sa.String(255), nullable=False),
        sa.Column("failover_type", sa.String(16), nullable=False),
        sa.Column("acquired_at", _WHEN, nullable=False),
        **_OPTIONS,
    )
    op.create_table(
        "failover_runs",
        sa.Column("workflow_key", sa.String(191), primary_key=True),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("context_id", sa.String(255), nullable=False),
        sa.Column("vm_name", sa.String(255), nullable=False),
        sa.Column("vmware_vm_id", sa.String(255), nullable=False),
        sa.Column("failover_type", sa.String(16), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("vm_state", sa.String(16), nullable=False),
        sa.Column("vm_id", sa.String(64)),
        sa.Column("vm_name_created", sa.String(255)),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("nic_source", sa.String(32)),
        sa.Column("decisions", _LONG_TEXT),
        sa.Column("result", _LONG_TEXT),
        sa.Column("failure_type", sa.String(255)),
        sa.Column("failure_message", sa.Text),
        sa.Column("started_at", _WHEN, nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        sa.Column("finished_at", _WHEN),
        **_OPTIONS,
    )
    op.create_table(
        "failover_run_networks",
        sa.Column("workflow_key", sa.String(191), primary_key=True),
        sa.Column("network_key", sa.String(255), primary_key=True),
        sa.Column("network_id", sa.String(255), nullable=False),
        sa.Column("nic_index", sa.Integer, nullable=False),
        **_OPTIONS,
    )
    for name, table, column in (
        ("failover_leases_owner", "failover_leases", "owner_key"),
        ("failover_runs_started", "failover_runs", "started_at"),
        ("failover_runs_context", "failover_runs", "context_id"),
        ("failover_run_networks_network", "failover_run_networks", "network_key"),
    ):
        # MySQL has no CREATE INDEX IF NOT EXISTS, and an interrupted step is made again.
        if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
            op.create_index(name, table, [column])
