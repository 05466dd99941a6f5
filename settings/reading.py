"""How settings are read: from the environment and a ``.env`` file, with one line per wrong setting."""

import os
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

ENV_FILE_SETTING = "FAILOVER_ENV_FILE"
_DEFAULT_FILE = ".env"
_DRIVERS = ("mysql+asyncmy", "sqlite+aiosqlite")

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


class SettingsError(Exception):
    """Settings are missing or wrong.

    Attributes:
        problems: One line per setting; never a value, since it may be a secret.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _known_driver(value: SecretStr) -> SecretStr:
    try:
        driver = make_url(value.get_secret_value()).drivername
    except (ArgumentError, ValueError):
        # A password with an unescaped @ or : is read as a port, and that error would quote it.
        raise ValueError(
            "is no database URL; in a password, @ : / and ? are written as %40 %3A %2F %3F"
        ) from None
    if driver not in _DRIVERS:
        raise ValueError(f"must begin with {' or '.join(f'{one}://' for one in _DRIVERS)}")
    return value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_known_driver)]
"""A database URL with one of the two drivers that the product is made for."""


def env_file() -> str | None:
    """Return the file of settings: ``.env``, or what ``FAILOVER_ENV_FILE`` names; None when that is empty."""
    named = os.environ.get(ENV_FILE_SETTING)
    return _DEFAULT_FILE if named is None else named or None


def read_settings(model: type[SettingsT]) -> SettingsT:
    """Read the environment, and ``.env`` unless ``FAILOVER_ENV_FILE`` names another file or is empty.

    The environment wins over the file.

    Raises:
        SettingsError: Names every setting that is missing or wrong, or the file that cannot be read.
    """
    named = os.environ.get(ENV_FILE_SETTING)
    if named and not Path(named).is_file():
        raise SettingsError([f"{ENV_FILE_SETTING}: no such file"])
    file = env_file()
    try:
        return model(_env_file=file)
    except ValidationError as error:
        problems = [line for detail in error.errors() for line in _lines(detail["loc"], detail["msg"])]
    except (OSError, UnicodeError) as error:
        problems = [
            f"{ENV_FILE_SETTING if named else _DEFAULT_FILE}: cannot be read ({type(error).__name__})"
        ]
    # Outside of the handler: a ValidationError in the context would carry the values along.
    raise SettingsError(problems)


def _lines(location: tuple[int | str, ...], message: str) -> list[str]:
    message = message.removeprefix("Value error, ")
    return [f"{location[0]}: {message}"] if location else message.splitlines()
