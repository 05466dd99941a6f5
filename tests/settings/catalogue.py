"""Every setting with what it is worth by default, written down a second time, apart from the code."""

from settings import WorkerSettings

REQUIRED = "required"
DEFAULTS = {
    "FAILOVER_DATABASE_URL": REQUIRED,
    "FAILOVER_DATABASE_POOL_SIZE": "5",
    "MIGRATEKIT_CRED_ENCRYPTION_KEY": "",
    "CLOUDSTACK_ENDPOINT": "",
    "CLOUDSTACK_KEY": "",
    "CLOUDSTACK_SECRET": "",
    "CLOUDSTACK_CA_FILE": "",
    "CLOUDSTACK_TIMEOUT_SECONDS": "30",
    "FAILOVER_JOB_POLL_SECONDS": "2",
    "FAILOVER_OWNER_ACCOUNT": "",
    "FAILOVER_OWNER_DOMAIN_ID": "",
    "FAILOVER_OWNER_PROJECT_ID": "",
    "VMA_URL": "http://localhost:9081",
    "VMA_TIMEOUT_SECONDS": "60",
    "VMA_VCENTER_USERNAME": "",
    "VMA_VCENTER_PASSWORD": "",
    "FAILOVER_DEFAULT_TEST_NETWORK_ID": "",
    "FAILOVER_TEST_FALLBACK": "default",
    "FAILOVER_LIVE_MAC": "keep",
    "FAILOVER_TEST_MAC": "keep",
    "FAILOVER_CPU_SPEED_MHZ": "1000",
    "FAILOVER_CREATE_EXPIRY_SECONDS": "60",
    "FAILOVER_CLOCK_SKEW_SECONDS": "10",
    "FAILOVER_CREATE_BUDGET_SECONDS": "1800",
    "FAILOVER_JOB_TIMEOUT_SECONDS": "1800",
    "FAILOVER_START_BUDGET_SECONDS": "600",
    "FAILOVER_START_RETRY_SECONDS": "15",
    "FAILOVER_NAME_WAIT_SECONDS": "600",
    "FAILOVER_UNDO_BUDGET_SECONDS": "3600",
    "FAILOVER_HEARTBEAT_SECONDS": "30",
    "FAILOVER_DISKS": "replicated",
    "FAILOVER_DRILL_DISKS": "clones",
    "FAILOVER_MAX_DATA_DISKS": "6",
    "FAILOVER_POOL_RESERVE_PERCENT": "20",
    "FAILOVER_CONVERT_UNKNOWN_GUEST": "true",
    "FAILOVER_POWER_OFF_GRACE_SECONDS": "300",
    "FAILOVER_POWER_OFF_BUDGET_SECONDS": "300",
    "FAILOVER_SOURCE_POLL_SECONDS": "5",
    "FAILOVER_SOURCE_WATCH_SECONDS": "300",
    "FAILOVER_SYNC_POLL_SECONDS": "10",
    "FAILOVER_SYNC_STALL_SECONDS": "900",
    "FAILOVER_QUIET_WAIT_SECONDS": "1800",
    "FAILOVER_SNAPSHOT_BASE_SECONDS": "600",
    "FAILOVER_SNAPSHOT_PER_GB_SECONDS": "30",
    "FAILOVER_SNAPSHOT_SET_TRIES": "3",
    "FAILOVER_CONVERSION_TIMEOUT_SECONDS": "3600",
    "FAILOVER_CONVERSION_QUEUE_SECONDS": "30",
    "FAILOVER_CONVERSION_TRIES": "3",
    "FAILOVER_GUEST_CHECK_SECONDS": "300",
    "FAILOVER_TEST_DURATION_SECONDS": "86400",
    "FAILOVER_MAX_TEST_DURATION_SECONDS": "604800",
    "FAILOVER_CLEANUP_RETRY_SECONDS": "600",
    "FAILOVER_MOVE_PAUSE_SECONDS": "2",
    "FAILOVER_CONVERSION_PAUSE_SECONDS": "5",
    "FAILOVER_NAME_POLL_SECONDS": "5",
    "REPLICATION_URL": "",
    "REPLICATION_TOKEN": "",
    "REPLICATION_TIMEOUT_SECONDS": "30",
    "VOLUME_DAEMON_URL": "",
    "VOLUME_DAEMON_TIMEOUT_SECONDS": "30",
    "FAILOVER_CHECK_COMMAND": "",
    "FAILOVER_SHUTDOWN_SECONDS": "30",
    "FAILOVER_TASK_QUEUE": "failover",
    "FAILOVER_MAX_ACTIVITIES": "50",
    "FAILOVER_LOG_FORMAT": "json",
}
ALL = (*DEFAULTS, "FAILOVER_ENV_FILE")
SECRETS = (
    "FAILOVER_DATABASE_URL",
    "MIGRATEKIT_CRED_ENCRYPTION_KEY",
    "CLOUDSTACK_KEY",
    "CLOUDSTACK_SECRET",
    "VMA_VCENTER_PASSWORD",
    "REPLICATION_TOKEN",
)

FIELDS = {str(field.validation_alias): name for name, field in WorkerSettings.model_fields.items()}
"""The model's field of each setting."""


def value_of(settings: WorkerSettings, name: str) -> str:
    """Return a setting as somebody would have written it."""
    value = getattr(settings, FIELDS[name])
    if value is None:
        return ""
    if hasattr(value, "get_secret_value"):
        return str(value.get_secret_value())
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).removesuffix("/")
