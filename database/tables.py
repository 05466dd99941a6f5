"""The existing tables, as far as a failover reads or writes them.

They belong to the appliance (original-system.md, section 3) or to the job sheet's schema. The columns here
are the union of what we use of both; ``SchemaFeatures.present`` says which of them a database has. Types are
only as exact as reading and writing needs: flags are integers and JSON is text on every server.

What a failover knows of replication comes from tables and columns that a database may lack:
``ossea_volumes``, ``replication_jobs`` and ``cbt_history`` are not among the required ones.
"""

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, String, Table, Text

from database.timestamps import UtcDateTime

metadata = MetaData()

network_mappings = Table(
    "network_mappings",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("vm_context_id", String(64)),
    Column("vm_id", String(255)),
    Column("source_network_name", String(255)),
    Column("destination_network_id", String(255)),
    Column("destination_network_name", String(255)),
    Column("is_test_network", Integer),
    Column("is_production_network", Integer),
    Column("network_strategy", String(50)),
    Column("validation_status", String(16)),
    Column("last_validated", UtcDateTime),
)

vm_replication_contexts = Table(
    "vm_replication_contexts",
    metadata,
    Column("context_id", String(64), primary_key=True),
    Column("vm_name", String(255)),
    Column("vmware_vm_id", String(255)),
    Column("vm_path", String(500)),
    Column("vcenter_host", String(255)),
    Column("datacenter", String(255)),
    Column("current_status", String(32)),
    Column("last_status_change", UtcDateTime),
    Column("current_job_id", String(191)),
    Column("last_successful_job_id", String(191)),
    Column("scheduler_enabled", Integer),
    Column("cpu_count", Integer),
    Column("memory_mb", Integer),
    Column("os_type", String(255)),
    Column("credential_id", BigInteger),
    Column("ossea_config_id", BigInteger),
    Column("last_operation_summary", Text),
)

vm_disks = Table(
    "vm_disks",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("vm_context_id", String(64)),
    Column("disk_id", String(255)),
    Column("label", String(255)),
    Column("unit_number", Integer),
    Column("size_gb", BigInteger),
    Column("capacity_bytes", BigInteger),
    Column("ossea_volume_id", BigInteger),
    Column("disk_change_id", String(255)),
    Column("cpu_count", Integer),
    Column("memory_mb", Integer),
    Column("os_type", String(255)),
    Column("bios_setup", Text),
    Column("power_state", String(32)),
    Column("network_config", Text),
    Column("created_at", UtcDateTime),
    Column("updated_at", UtcDateTime),
)

ossea_volumes = Table(
    "ossea_volumes",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("vm_context_id", String(64)),
    Column("volume_id", String(191)),
    Column("volume_name", String(255)),
    Column("size_gb", BigInteger),
    Column("ossea_config_id", BigInteger),
    Column("status", String(32)),
    Column("snapshot_id", String(191)),
    Column("snapshot_created_at", UtcDateTime),
    Column("snapshot_status", String(32)),
)

replication_jobs = Table(
    "replication_jobs",
    metadata,
    Column("id", String(191), primary_key=True),
    Column("vm_context_id", String(64)),
    Column("source_vm_id", String(255)),
    Column("source_vm_name", String(255)),
    Column("replication_type", String(32)),
    Column("status", String(32)),
    Column("progress_percent", Float),
    Column("error_message", Text),
    Column("ossea_config_id", BigInteger),
    Column("created_at", UtcDateTime),
    Column("updated_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
)

cbt_history = Table(
    "cbt_history",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("job_id", String(191)),
    Column("disk_id", String(191)),
    Column("change_id", String(255)),
    Column("sync_type", String(32)),
    Column("sync_success", Integer),
    Column("created_at", UtcDateTime),
)

ossea_configs = Table(
    "ossea_configs",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", String(255)),
    Column("api_url", String(255)),
    Column("api_key", Text),
    Column("secret_key", Text),
    Column("zone", String(255)),
    Column("template_id", String(255)),
    Column("network_id", String(255)),
    Column("service_offering_id", String(255)),
    Column("oma_vm_id", String(255)),
    Column("is_active", Integer),
)

vmware_credentials = Table(
    "vmware_credentials",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("credential_name", String(255)),
    Column("vcenter_host", String(255)),
    Column("username", String(255)),
    Column("password_encrypted", Text),
    Column("datacenter", String(255)),
    Column("is_active", Integer),
    Column("is_default", Integer),
)

failover_jobs = Table(
    "failover_jobs",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("vm_context_id", String(64)),
    Column("job_id", String(255)),
    Column("vm_id", String(255)),
    Column("replication_job_id", String(255)),
    Column("job_type", String(16)),
    Column("status", String(32)),
    Column("source_vm_name", String(255)),
    Column("destination_vm_id", String(255)),
    Column("network_mappings", Text),
    Column("error_message", Text),
    Column("created_at", UtcDateTime),
    Column("updated_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
)

REQUIRED_COLUMNS: dict[str, tuple[str, ...]] = {
    "network_mappings": (
        "id",
        "vm_context_id",
        "source_network_name",
        "destination_network_id",
        "is_test_network",
    ),
    "vm_replication_contexts": ("context_id", "vm_name", "vmware_vm_id", "vcenter_host", "datacenter"),
    "vm_disks": ("id", "vm_context_id", "network_config"),
    "ossea_configs": (
        "id",
        "name",
        "api_url",
        "api_key",
        "secret_key",
        "zone",
        "template_id",
        "network_id",
        "service_offering_id",
        "is_active",
    ),
    "vmware_credentials": (
        "id",
        "vcenter_host",
        "username",
        "password_encrypted",
        "datacenter",
        "is_default",
    ),
    "failover_jobs": ("job_id", "job_type", "status"),
}
"""What a database must have, in either generation; every other column has a default when it is absent."""


def flag(value: object) -> bool:
    """Read a flag column; NULL is false, and ``BIT(1)`` arrives as bytes."""
    return any(value) if isinstance(value, bytes) else bool(value)


def text(value: object) -> str:
    """Read a text column; NULL is the empty text."""
    return "" if value is None else str(value)


def number(value: object) -> int:
    """Read a counting column; NULL is 0, which is what "unknown" looks like in the rules' models."""
    return value if isinstance(value, int) else 0
