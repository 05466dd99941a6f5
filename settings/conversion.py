"""What a conversion worker is told by its environment. ``docs/conversion.md`` says what it is for."""

import shlex
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.reading import read_settings

_LONGEST = 24 * 3600
_Seconds = Annotated[float, Field(gt=0, le=_LONGEST, allow_inf_nan=False)]


class _Role(BaseSettings):
    """The one setting that makes a worker a conversion worker."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    # It becomes a part of the task queue's name.
    appliance_id: str = Field("", pattern=r"^[\w.-]*$", validation_alias="FAILOVER_CONVERSION_APPLIANCE_ID")


class ConversionSettings(_Role):
    """Everything that a conversion worker needs to know: no database and no key. Times are in seconds."""

    command: str = Field("virt-v2v-in-place -i disk -if raw", validation_alias="FAILOVER_CONVERSION_COMMAND")
    not_needed_code: int | None = Field(
        None, ge=1, le=255, validation_alias="FAILOVER_CONVERSION_NOT_NEEDED_CODE"
    )
    parallel: int = Field(2, ge=1, validation_alias="FAILOVER_CONVERSION_PARALLEL")
    grace: _Seconds = Field(5.0, validation_alias="FAILOVER_CONVERSION_GRACE_SECONDS")
    patience: _Seconds = Field(30.0, validation_alias="FAILOVER_CONVERSION_PATIENCE_SECONDS")
    device_directory: Path = Field(
        Path("/dev/disk/by-id"), validation_alias="FAILOVER_CONVERSION_DEVICE_DIRECTORY"
    )
    lock_directory: Path = Field(Path("/run/lock"), validation_alias="FAILOVER_CONVERSION_LOCK_DIRECTORY")
    graceful_shutdown: _Seconds = Field(30.0, validation_alias="FAILOVER_SHUTDOWN_SECONDS")
    log_format: str = Field("json", pattern="^(json|console)$", validation_alias="FAILOVER_LOG_FORMAT")

    @field_validator("command")
    @classmethod
    def _words(cls, value: str) -> str:
        # shlex's own text quotes nothing, but a command may hold a path that is nobody's business.
        try:
            words = shlex.split(value)
        except ValueError:
            words = []
        if not words:
            raise ValueError("is no command line; are all quotes closed?")
        return value

    @field_validator("device_directory", "lock_directory")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute():
            raise ValueError("must be an absolute path")
        return value

    @property
    def command_words(self) -> tuple[str, ...]:
        """The command as program and arguments; no shell is involved."""
        return tuple(shlex.split(self.command))


def load_conversion_settings() -> ConversionSettings | None:
    """Read the conversion worker's settings; None when this is no conversion worker.

    Raises:
        SettingsError: Names every setting that is wrong.
    """
    if not read_settings(_Role).appliance_id:
        return None
    return read_settings(ConversionSettings)
