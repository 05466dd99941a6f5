"""Settings of the API: one message per wrong one, and never a value."""

from pathlib import Path
from typing import Any

import pytest

from api.settings import ApiSettings, is_loopback, load_api_settings, load_tokens
from api.tokens import new_token
from settings import SettingsError

_DATABASE = "mysql+asyncmy://user:a-made-up-password@db/name"


def _settings(**given: Any) -> ApiSettings:  # noqa: ANN401 - whatever a setting takes
    return ApiSettings(_env_file=None, **{"FAILOVER_DATABASE_URL": _DATABASE, **given})


def test_the_defaults_are_the_ones_of_the_job_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_ENV_FILE", "")
    monkeypatch.setenv("FAILOVER_DATABASE_URL", _DATABASE)
    settings = load_api_settings()
    assert (settings.host, settings.port, settings.accept_seconds) == ("127.0.0.1", 8082, 10)
    assert settings.task_queue == "failover"
    assert load_tokens(settings) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("FAILOVER_API_PORT", "70000"),
        ("FAILOVER_API_ACCEPT_SECONDS", "0"),
        ("FAILOVER_API_ACCEPT_SECONDS", "inf"),
        ("FAILOVER_API_RATE_PER_MINUTE", "none"),
        ("FAILOVER_DATABASE_URL", "postgres://u:a-made-up-password@h/d"),
    ),
)
def test_a_wrong_setting_is_named_and_its_value_is_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILOVER_ENV_FILE", "")
    monkeypatch.setenv("FAILOVER_DATABASE_URL", _DATABASE)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_api_settings()
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}: ")
    assert "a-made-up-password" not in problem


@pytest.mark.parametrize("host", ("0.0.0.0", "::", "192.0.2.1", "api.example", "127.0.0.1.example"))  # noqa: S104 - what must be refused
def test_another_address_than_loopback_needs_a_token(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FAILOVER_API_TOKENS_FILE"):
        load_tokens(_settings(FAILOVER_API_HOST=host))
    path = tmp_path / "tokens"
    path.write_text("# none yet\n")
    with pytest.raises(SettingsError, match="FAILOVER_API_TOKENS_FILE"):
        load_tokens(_settings(FAILOVER_API_HOST=host, FAILOVER_API_TOKENS_FILE=path))
    path.write_text(new_token("a", ["read"])[1].line)
    assert len(load_tokens(_settings(FAILOVER_API_HOST=host, FAILOVER_API_TOKENS_FILE=path))) == 1


def test_a_file_of_tokens_that_cannot_be_used_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^FAILOVER_API_TOKENS_FILE: "):
        load_tokens(_settings(FAILOVER_API_TOKENS_FILE=tmp_path / "none"))


@pytest.mark.parametrize(
    ("host", "answer"),
    (
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - what must be refused
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ),
)
def test_loopback_is_this_machine_only(host: str, answer: bool) -> None:  # noqa: FBT001 - a row of the table
    assert is_loopback(host) is answer


def test_no_secret_stands_in_the_repr_of_the_settings() -> None:
    assert "a-made-up-password" not in repr(_settings())
