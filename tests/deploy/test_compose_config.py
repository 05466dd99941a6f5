"""docker-compose takes the file, and refuses to guess a password."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.compose import (
    COMPOSE_FILE,
    ENV_EXAMPLE,
    PROFILE,
    REQUIRED,
    ComposeRefused,
    read_compose_file,
    resolved,
    variables_of,
)


def _examples() -> tuple[dict[str, str], dict[str, str]]:
    """Return what ``.env.example`` sets, and what it shows behind a #."""
    wanted: dict[str, str] = {}
    shown: dict[str, str] = {}
    for line in ENV_EXAMPLE.read_text(encoding="utf-8").splitlines():
        name, sign, value = line.removeprefix("# ").partition("=")
        if sign and name.isupper() and " " not in name:
            (shown if line.startswith("#") else wanted)[name] = value
    return wanted, shown


def _passed_on() -> set[str]:
    """Return the names that services take from ``.env`` as they are."""
    return {
        name
        for service in read_compose_file()["services"].values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }


def test_docker_compose_takes_the_file_with_the_required_values_alone(tmp_path: Path) -> None:
    started = resolved(REQUIRED, folder=tmp_path)["services"]

    assert {"temporal", "temporal-mysql", "temporal-ui", "mariadb", "worker", "api"} <= set(started)


@pytest.mark.parametrize("missing", sorted(REQUIRED))
@pytest.mark.parametrize("how", ("absent", "empty"))
def test_a_required_value_that_is_missing_stops_everything_and_is_named(
    missing: str, how: str, tmp_path: Path
) -> None:
    values = {**REQUIRED, missing: ""}
    if how == "absent":
        del values[missing]

    with pytest.raises(ComposeRefused, match=missing):
        resolved(values, folder=tmp_path)


def test_cloudstack_is_there_with_its_profile_only(services: dict[str, Any]) -> None:
    profiled = {name for name, service in services.items() if service.get("profiles") == [PROFILE]}

    assert profiled == {"cloudstack", "cloudstack-zone"}


def test_the_example_asks_for_what_has_no_default_and_gives_no_value() -> None:
    wanted, shown = _examples()
    demanded = {
        name
        for name, rest in variables_of(COMPOSE_FILE.read_text(encoding="utf-8")).items()
        if rest.startswith(":?")
    }

    assert set(wanted) == demanded == set(REQUIRED)
    assert set(wanted.values()) | set(shown.values()) == {""}


def test_every_name_in_the_example_does_something() -> None:
    wanted, shown = _examples()
    used = set(variables_of(COMPOSE_FILE.read_text(encoding="utf-8"))) | _passed_on()

    assert set(wanted) | set(shown) <= used


def test_every_variable_with_a_default_is_shown_in_the_example() -> None:
    _, shown = _examples()
    defaulted = {
        name
        for name, rest in variables_of(COMPOSE_FILE.read_text(encoding="utf-8")).items()
        if rest.startswith(":-")
    }

    assert defaulted <= set(shown)


def test_git_ignores_the_filled_in_example() -> None:
    ignored = (ENV_EXAMPLE.parent / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert ".env" in ignored


def test_no_secret_is_written_in_the_file(written: dict[str, Any]) -> None:
    for service, definition in written.items():
        for name, value in definition.get("environment", {}).items():
            if value is None:
                continue
            if any(word in name for word in ("PASSWORD", "PWD", "SECRET", "CRED", "_KEY")):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)), f"{service}: {name}"
            assert "@" not in str(value) or ":${" in str(value), f"{service}: {name} has a credential"


def test_the_passwords_of_env_reach_no_command_line(services: dict[str, Any]) -> None:
    secrets = [value for name, value in REQUIRED.items() if name.endswith("PASSWORD")]

    for service, definition in services.items():
        arguments = [definition.get("command", []), definition.get("entrypoint", [])]
        spoken = str([*arguments, definition.get("healthcheck", {})])
        assert not [secret for secret in secrets if secret in spoken], service
