"""What a worker is told by its environment. ``docs/settings.md`` is this file as a table."""

import ssl
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rules.policy import FailoverPolicy, MacPolicy, TestFallback
from settings.reading import DatabaseUrl, read_settings

_LONGEST = 30 * 24 * 3600
"""In seconds: a longer time is a slip of the pen, and an endless one cannot be written into a history."""
_Seconds = Annotated[float, Field(gt=0, le=_LONGEST, allow_inf_nan=False)]

# What a server with ``enforce.post.requests.and.timestamps`` accepts; a signature counts whole seconds.
_SignedSeconds = Annotated[float, Field(ge=1, le=900, allow_inf_nan=False)]


class WorkerSettings(BaseSettings):
    """Everything that a worker needs to know. Times are in seconds."""

    # An empty variable is one that is not set: an empty key must not count as a key.
    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: DatabaseUrl = Field(validation_alias="FAILOVER_DATABASE_URL")
    database_pool_size: int = Field(5, ge=1, validation_alias="FAILOVER_DATABASE_POOL_SIZE")
    credential_key: SecretStr = Field(SecretStr(""), validation_alias="MIGRATEKIT_CRED_ENCRYPTION_KEY")

    cloudstack_endpoint: HttpUrl | None = Field(None, validation_alias="CLOUDSTACK_ENDPOINT")
    cloudstack_key: SecretStr | None = Field(None, validation_alias="CLOUDSTACK_KEY")
    cloudstack_secret: SecretStr | None = Field(None, validation_alias="CLOUDSTACK_SECRET")
    cloudstack_ca_file: Path | None = Field(None, validation_alias="CLOUDSTACK_CA_FILE")
    cloudstack_timeout: _Seconds = Field(30.0, validation_alias="CLOUDSTACK_TIMEOUT_SECONDS")
    job_poll: _Seconds = Field(2.0, validation_alias="FAILOVER_JOB_POLL_SECONDS")

    owner_account: str = Field("", validation_alias="FAILOVER_OWNER_ACCOUNT")
    owner_domain_id: str = Field("", validation_alias="FAILOVER_OWNER_DOMAIN_ID")
    owner_project_id: str = Field("", validation_alias="FAILOVER_OWNER_PROJECT_ID")

    vma_url: HttpUrl = Field(HttpUrl("http://localhost:9081"), validation_alias="VMA_URL")
    vma_timeout: _Seconds = Field(60.0, validation_alias="VMA_TIMEOUT_SECONDS")
    vcenter_username: str = Field("", validation_alias="VMA_VCENTER_USERNAME")
    vcenter_password: SecretStr = Field(SecretStr(""), validation_alias="VMA_VCENTER_PASSWORD")

    default_test_network_id: str = Field("", validation_alias="FAILOVER_DEFAULT_TEST_NETWORK_ID")
    test_fallback: TestFallback = Field(TestFallback.DEFAULT, validation_alias="FAILOVER_TEST_FALLBACK")
    live_mac: MacPolicy = Field(MacPolicy.KEEP, validation_alias="FAILOVER_LIVE_MAC")
    test_mac: MacPolicy = Field(MacPolicy.KEEP, validation_alias="FAILOVER_TEST_MAC")
    cpu_speed_mhz: int = Field(1000, gt=0, validation_alias="FAILOVER_CPU_SPEED_MHZ")
    create_expiry: _SignedSeconds = Field(60.0, validation_alias="FAILOVER_CREATE_EXPIRY_SECONDS")
    clock_skew: _Seconds = Field(10.0, validation_alias="FAILOVER_CLOCK_SKEW_SECONDS")
    create_budget: _Seconds = Field(1800.0, validation_alias="FAILOVER_CREATE_BUDGET_SECONDS")
    job_timeout: _Seconds = Field(1800.0, validation_alias="FAILOVER_JOB_TIMEOUT_SECONDS")
    start_budget: _Seconds = Field(600.0, validation_alias="FAILOVER_START_BUDGET_SECONDS")
    start_retry: _Seconds = Field(15.0, validation_alias="FAILOVER_START_RETRY_SECONDS")
    name_wait: _Seconds = Field(600.0, validation_alias="FAILOVER_NAME_WAIT_SECONDS")
    undo_budget: _Seconds = Field(3600.0, validation_alias="FAILOVER_UNDO_BUDGET_SECONDS")
    heartbeat: _Seconds = Field(30.0, validation_alias="FAILOVER_HEARTBEAT_SECONDS")
    graceful_shutdown: _Seconds = Field(30.0, validation_alias="FAILOVER_SHUTDOWN_SECONDS")
    task_queue: str = Field("failover", min_length=1, validation_alias="FAILOVER_TASK_QUEUE")
    max_concurrent_activities: int = Field(50, ge=1, validation_alias="FAILOVER_MAX_ACTIVITIES")
    log_format: str = Field("json", pattern="^(json|console)$", validation_alias="FAILOVER_LOG_FORMAT")

    @field_validator("cloudstack_endpoint", "vma_url")
    @classmethod
    def _no_credential(cls, value: HttpUrl | None) -> HttpUrl | None:
        # Addresses are logged.
        if value is not None and (value.username or value.password):
            raise ValueError("must not hold a user name or a password")
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        keys = {
            "CLOUDSTACK_ENDPOINT": self.cloudstack_endpoint,
            "CLOUDSTACK_KEY": self.cloudstack_key,
            "CLOUDSTACK_SECRET": self.cloudstack_secret,
        }
        missing = [name for name, value in keys.items() if value is None]
        wrong = []
        if missing and len(missing) < len(keys):
            wrong.append(f"{' and '.join(missing)}: missing; set all three CLOUDSTACK_ settings or none")
        if bool(self.owner_account) != bool(self.owner_domain_id):
            wrong.append("FAILOVER_OWNER_ACCOUNT and FAILOVER_OWNER_DOMAIN_ID go together")
        if self.owner_account and self.owner_project_id:
            wrong.append("FAILOVER_OWNER_PROJECT_ID: an owner is an account or a project, not both")
        if self.cloudstack_ca_file is not None:
            wrong.extend(_ca_problems(self.cloudstack_ca_file))
        if bool(self.vcenter_username) != bool(self.vcenter_password.get_secret_value()):
            wrong.append("VMA_VCENTER_USERNAME and VMA_VCENTER_PASSWORD go together")
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def policy(self) -> FailoverPolicy:
        """The part that a run depends on, as it goes into its history."""
        return FailoverPolicy(
            test_fallback=self.test_fallback,
            default_test_network_id=self.default_test_network_id.strip(),
            live_mac=self.live_mac,
            test_mac=self.test_mac,
            cpu_speed_mhz=self.cpu_speed_mhz,
            # One try may ask twice, since a VM may have been renamed; a little time to report stays.
            source_budget_seconds=2 * self.vma_timeout + self.heartbeat,
            create_expiry_seconds=self.create_expiry,
            clock_skew_seconds=self.clock_skew,
            create_budget_seconds=self.create_budget,
            job_timeout_seconds=self.job_timeout,
            start_budget_seconds=self.start_budget,
            start_retry_seconds=self.start_retry,
            name_wait_seconds=self.name_wait,
            undo_budget_seconds=self.undo_budget,
            heartbeat_seconds=self.heartbeat,
        )


def _ca_problems(file: Path) -> list[str]:
    try:
        # A directory is not a file either, which OpenSSL would say as if it held no certificate.
        with file.open("rb"):
            ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        return ["CLOUDSTACK_CA_FILE: holds no certificate in PEM form that can be read"]
    except FileNotFoundError:
        return ["CLOUDSTACK_CA_FILE: no such file"]
    except OSError as error:
        return [f"CLOUDSTACK_CA_FILE: cannot be read ({type(error).__name__})"]
    return []


def load_settings() -> WorkerSettings:
    """Read the worker's settings from the environment and ``.env``.

    Raises:
        SettingsError: Names every setting that is missing or wrong.
    """
    return read_settings(WorkerSettings)
