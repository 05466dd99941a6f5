"""What a worker is told by its environment. ``docs/settings.md`` is this file as a table."""

import shlex
import ssl
from pathlib import Path
from typing import Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from rules.policy import FailoverPolicy
from settings.policy import PolicySettings, Seconds
from settings.reading import DatabaseUrl, read_settings


class WorkerSettings(PolicySettings):
    """Everything that a worker needs to know. Times are in seconds."""

    database_url: DatabaseUrl = Field(validation_alias="FAILOVER_DATABASE_URL")
    database_pool_size: int = Field(5, ge=1, validation_alias="FAILOVER_DATABASE_POOL_SIZE")
    credential_key: SecretStr = Field(SecretStr(""), validation_alias="MIGRATEKIT_CRED_ENCRYPTION_KEY")

    cloudstack_endpoint: HttpUrl | None = Field(None, validation_alias="CLOUDSTACK_ENDPOINT")
    cloudstack_key: SecretStr | None = Field(None, validation_alias="CLOUDSTACK_KEY")
    cloudstack_secret: SecretStr | None = Field(None, validation_alias="CLOUDSTACK_SECRET")
    cloudstack_ca_file: Path | None = Field(None, validation_alias="CLOUDSTACK_CA_FILE")
    cloudstack_timeout: Seconds = Field(30.0, validation_alias="CLOUDSTACK_TIMEOUT_SECONDS")
    job_poll: Seconds = Field(2.0, validation_alias="FAILOVER_JOB_POLL_SECONDS")

    owner_account: str = Field("", validation_alias="FAILOVER_OWNER_ACCOUNT")
    owner_domain_id: str = Field("", validation_alias="FAILOVER_OWNER_DOMAIN_ID")
    owner_project_id: str = Field("", validation_alias="FAILOVER_OWNER_PROJECT_ID")

    vma_url: HttpUrl = Field(HttpUrl("http://localhost:9081"), validation_alias="VMA_URL")
    vma_timeout: Seconds = Field(60.0, validation_alias="VMA_TIMEOUT_SECONDS")
    vcenter_username: str = Field("", validation_alias="VMA_VCENTER_USERNAME")
    vcenter_password: SecretStr = Field(SecretStr(""), validation_alias="VMA_VCENTER_PASSWORD")

    replication_url: HttpUrl | None = Field(None, validation_alias="REPLICATION_URL")
    replication_token: SecretStr = Field(SecretStr(""), validation_alias="REPLICATION_TOKEN")
    replication_timeout: Seconds = Field(30.0, validation_alias="REPLICATION_TIMEOUT_SECONDS")
    volume_daemon_url: HttpUrl | None = Field(None, validation_alias="VOLUME_DAEMON_URL")
    volume_daemon_timeout: Seconds = Field(30.0, validation_alias="VOLUME_DAEMON_TIMEOUT_SECONDS")
    check_command: str = Field("", validation_alias="FAILOVER_CHECK_COMMAND")

    graceful_shutdown: Seconds = Field(30.0, validation_alias="FAILOVER_SHUTDOWN_SECONDS")
    task_queue: str = Field("failover", min_length=1, validation_alias="FAILOVER_TASK_QUEUE")
    max_concurrent_activities: int = Field(50, ge=1, validation_alias="FAILOVER_MAX_ACTIVITIES")
    log_format: str = Field("json", pattern="^(json|console)$", validation_alias="FAILOVER_LOG_FORMAT")

    @field_validator("cloudstack_endpoint", "vma_url", "replication_url", "volume_daemon_url")
    @classmethod
    def _no_credential(cls, value: HttpUrl | None) -> HttpUrl | None:
        # Addresses are logged.
        if value is not None and (value.username or value.password):
            raise ValueError("must not hold a user name or a password")
        return value

    @field_validator("check_command")
    @classmethod
    def _splits(cls, value: str) -> str:
        try:
            shlex.split(value)
        except ValueError:
            raise ValueError("is no command line: a quotation mark is not closed") from None
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
        if self.replication_token.get_secret_value() and self.replication_url is None:
            wrong.append("REPLICATION_TOKEN goes with REPLICATION_URL")
        if bool(self.vcenter_username) != bool(self.vcenter_password.get_secret_value()):
            wrong.append("VMA_VCENTER_USERNAME and VMA_VCENTER_PASSWORD go together")
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def policy(self) -> FailoverPolicy:
        """The part that a run depends on, as it goes into its history."""
        return self.policy_with(
            # One try may ask twice, since a VM may have been renamed; a little time to report stays.
            source_budget_seconds=2 * self.vma_timeout + self.heartbeat_seconds,
            replication_configured=self.replication_url is not None,
        )

    @property
    def check_words(self) -> tuple[str, ...]:
        """The check command as words; none where nothing is configured."""
        return tuple(shlex.split(self.check_command))


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
