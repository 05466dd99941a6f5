"""What the API is told by its environment. ``docs/http.md`` is this file as a table."""

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.tokens import Token, TokenFileError, read_tokens
from rules.temporal_names import TASK_QUEUE
from settings import DatabaseUrl, SettingsError, read_settings

_LONGEST_WAIT = 300
_NEEDS_TOKENS = (
    "FAILOVER_API_HOST: only a loopback address may be served without tokens; name a file with at least one"
    " in FAILOVER_API_TOKENS_FILE (python -m api token NAME SCOPE... makes a line)"
)
_Seconds = Annotated[float, Field(gt=0, le=_LONGEST_WAIT, allow_inf_nan=False)]


class ApiSettings(BaseSettings):
    """Everything that the API needs to know. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", min_length=1, validation_alias="FAILOVER_API_HOST")
    port: int = Field(8082, ge=0, le=65535, validation_alias="FAILOVER_API_PORT")
    tokens_file: Path | None = Field(None, validation_alias="FAILOVER_API_TOKENS_FILE")
    accept_seconds: _Seconds = Field(10.0, validation_alias="FAILOVER_API_ACCEPT_SECONDS")
    rate_per_minute: int = Field(600, ge=1, validation_alias="FAILOVER_API_RATE_PER_MINUTE")
    burst: int = Field(100, ge=1, validation_alias="FAILOVER_API_BURST")
    shutdown_seconds: _Seconds = Field(20.0, validation_alias="FAILOVER_API_SHUTDOWN_SECONDS")

    database_url: DatabaseUrl = Field(validation_alias="FAILOVER_DATABASE_URL")
    database_pool_size: int = Field(5, ge=1, validation_alias="FAILOVER_DATABASE_POOL_SIZE")
    task_queue: str = Field(TASK_QUEUE, min_length=1, validation_alias="FAILOVER_TASK_QUEUE")
    log_format: str = Field("json", pattern="^(json|console)$", validation_alias="FAILOVER_LOG_FORMAT")


def load_api_settings() -> ApiSettings:
    """Read the API's settings from the environment and ``.env``.

    Raises:
        SettingsError: Names every setting that is missing or wrong, never a value.
    """
    return read_settings(ApiSettings)


def load_tokens(settings: ApiSettings) -> tuple[Token, ...]:
    """Read the tokens, and refuse to be reachable from other machines without any.

    Raises:
        SettingsError: The file cannot be read, a line is wrong, or there is no token where one is needed.
    """
    tokens: tuple[Token, ...] = ()
    if settings.tokens_file is not None:
        try:
            tokens = read_tokens(settings.tokens_file)
        except TokenFileError as error:
            raise SettingsError(
                [f"FAILOVER_API_TOKENS_FILE: {problem}" for problem in error.problems]
            ) from None
    if not tokens and not is_loopback(settings.host):
        raise SettingsError([_NEEDS_TOKENS])
    return tokens


def is_loopback(host: str) -> bool:
    """Tell whether an address is this machine only. A name other than ``localhost`` counts as not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
