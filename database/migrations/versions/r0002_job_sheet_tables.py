"""The job sheet's tables, on a database that was empty."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from database.migrations import EMPTY, origin

revision = "0002"
down_revision = "0001"
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
"""Names and ids are compared as written; a step that was interrupted is made again."""

_NOW = sa.text("CURRENT_TIMESTAMP")


def upgrade() -> None:
    """Create what the job sheet names, with as much of the appliance's columns as a failover uses."""
    if origin(op.get_bind()) != EMPTY:
        return
    _configurations()
    _contexts()
    _mappings()
    _disks()
    _jobs()


def _id() -> sa.Column[int]:
    # SQLite numbers rows by itself only where the type is exactly INTEGER.
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, primary_key=True, autoincrement=True)


def _reference() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _when(name: str, *, now: bool = False) -> sa.Column[object]:
    kind = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    default = sa.text("CURRENT_TIMESTAMP(6)") if now and op.get_bind().dialect.name != "sqlite" else _NOW
    return sa.Column(name, kind, server_default=default if now else None)


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, create_constraint=True)


def _context_reference(*, nullable: bool) -> sa.Column[str]:
    return sa.Column(
        "vm_context_id",
        sa.String(64),
        sa.ForeignKey("vm_replication_contexts.context_id", ondelete="CASCADE"),
        nullable=nullable,
    )


def _configurations() -> None:
    op.create_table(
        "ossea_configs",
        _id(),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("api_url", sa.String(500), nullable=False),
        sa.Column("api_key", sa.Text, nullable=False),
        sa.Column("secret_key", sa.Text, nullable=False),
        sa.Column("domain", sa.String(255)),
        sa.Column("zone", sa.String(255), nullable=False),
        sa.Column("template_id", sa.String(255)),
        sa.Column("network_id", sa.String(255)),
        sa.Column("service_offering_id", sa.String(255)),
        sa.Column("disk_offering_id", sa.String(255)),
        sa.Column("is_active", sa.SmallInteger, nullable=False, server_default="1"),
        _when("created_at", now=True),
        _when("updated_at", now=True),
        **_OPTIONS,
    )
    op.create_table(
        "vmware_credentials",
        _id(),
        sa.Column("credential_name", sa.String(255), nullable=False, unique=True),
        sa.Column("vcenter_host", sa.String(255), nullable=False),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("password_encrypted", sa.Text, nullable=False),
        sa.Column("datacenter", sa.String(255), nullable=False),
        sa.Column("is_active", sa.SmallInteger, nullable=False, server_default="1"),
        sa.Column("is_default", sa.SmallInteger, nullable=False, server_default="0"),
        _when("created_at", now=True),
        _when("updated_at", now=True),
        **_OPTIONS,
    )


def _contexts() -> None:
    op.create_table(
        "vm_replication_contexts",
        sa.Column("context_id", sa.String(64), primary_key=True),
        sa.Column("vm_name", sa.String(255), nullable=False),
        sa.Column("vmware_vm_id", sa.String(255), nullable=False),
        sa.Column("vm_path", sa.String(500)),
        sa.Column("vcenter_host", sa.String(255), nullable=False),
        sa.Column("datacenter", sa.String(255), nullable=False),
        sa.Column(
            "current_status",
            _words(
                "context_status",
                "discovered",
                "replicating",
                "ready_for_failover",
                "failed_over_test",
                "failed_over_live",
                "completed",
                "failed",
                "cleanup_required",
            ),
            nullable=False,
            server_default="discovered",
        ),
        sa.Column("cpu_count", sa.Integer),
        sa.Column("memory_mb", sa.Integer),
        sa.Column("os_type", sa.String(255)),
        sa.Column("power_state", sa.String(32)),
        sa.Column("credential_id", _reference(), sa.ForeignKey("vmware_credentials.id", ondelete="SET NULL")),
        sa.Column("ossea_config_id", _reference()),
        sa.Column("last_operation_summary", sa.JSON),
        _when("created_at", now=True),
        _when("updated_at", now=True),
        sa.UniqueConstraint("vmware_vm_id", "vcenter_host"),
        sa.UniqueConstraint("vm_name", "vcenter_host"),
        **_OPTIONS,
    )


def _mappings() -> None:
    op.create_table(
        "network_mappings",
        _id(),
        _context_reference(nullable=True),
        sa.Column("vm_id", sa.String(255)),
        sa.Column("source_network_name", sa.String(255), nullable=False),
        sa.Column("destination_network_id", sa.String(64), nullable=False),
        sa.Column("destination_network_name", sa.String(255)),
        sa.Column("is_test_network", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("is_production_network", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("network_strategy", _words("strategy", "production", "test", "isolated", "custom")),
        sa.Column(
            "validation_status",
            _words("validation", "pending", "validated", "failed", "unknown"),
            nullable=False,
            server_default="pending",
        ),
        _when("last_validated"),
        _when("created_at", now=True),
        _when("updated_at", now=True),
        sa.UniqueConstraint("vm_context_id", "source_network_name", "is_test_network"),
        **_OPTIONS,
    )
    # MySQL has no CREATE INDEX IF NOT EXISTS, and an interrupted step is made again.
    if "network_mappings_vm" not in {
        index["name"] for index in sa.inspect(op.get_bind()).get_indexes("network_mappings")
    }:
        op.create_index("network_mappings_vm", "network_mappings", ["vm_id"])


def _disks() -> None:
    op.create_table(
        "vm_disks",
        _id(),
        _context_reference(nullable=False),
        sa.Column("disk_id", sa.String(191), nullable=False),
        sa.Column("size_gb", sa.BigInteger),
        sa.Column("capacity_bytes", sa.BigInteger),
        sa.Column("cpu_count", sa.Integer),
        sa.Column("memory_mb", sa.Integer),
        sa.Column("os_type", sa.String(255)),
        sa.Column("power_state", sa.String(32)),
        sa.Column("network_config", sa.JSON),
        _when("created_at", now=True),
        _when("updated_at", now=True),
        sa.UniqueConstraint("vm_context_id", "disk_id"),
        **_OPTIONS,
    )


def _jobs() -> None:
    op.create_table(
        "failover_jobs",
        _id(),
        _context_reference(nullable=False),
        sa.Column("job_id", sa.String(191), nullable=False, unique=True),
        sa.Column("vm_id", sa.String(255), nullable=False),
        sa.Column("job_type", _words("job_type", "live", "test"), nullable=False),
        sa.Column(
            "status",
            _words(
                "job_status",
                "pending",
                "validating",
                "snapshotting",
                "creating_vm",
                "switching_volume",
                "powering_on",
                "completed",
                "failed",
                "cleanup",
                "reverting",
            ),
            nullable=False,
            server_default="pending",
        ),
        sa.Column("source_vm_name", sa.String(255), nullable=False),
        sa.Column("destination_vm_id", sa.String(255)),
        sa.Column("network_mappings", sa.Text),
        sa.Column("error_message", sa.Text),
        _when("created_at", now=True),
        _when("updated_at", now=True),
        _when("started_at"),
        _when("completed_at"),
        **_OPTIONS,
    )
