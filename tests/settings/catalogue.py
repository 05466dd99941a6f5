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
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).removesuffix("/")
