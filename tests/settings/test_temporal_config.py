"""Temporal's own settings, read from where the others are read too."""

from pathlib import Path

import pytest

from settings.temporal import DEFAULT_ADDRESS, temporal_config

pytestmark = pytest.mark.usefixtures("nothing_set")


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE", "FAILOVER_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "no-such-file.toml"))
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_it_is_the_local_server() -> None:
    assert temporal_config()["target_host"] == DEFAULT_ADDRESS


def test_lines_of_the_env_file_count(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TEMPORAL_ADDRESS=from-file:7233\nTEMPORAL_NAMESPACE=of-file\n")
    config = temporal_config()
    assert (config["target_host"], config["namespace"]) == ("from-file:7233", "of-file")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("TEMPORAL_ADDRESS=from-file:7233\n")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "from-environment:7233")
    assert temporal_config()["target_host"] == "from-environment:7233"


def test_no_file_is_read_where_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("TEMPORAL_ADDRESS=from-file:7233\n")
    monkeypatch.setenv("FAILOVER_ENV_FILE", "")
    assert temporal_config()["target_host"] == DEFAULT_ADDRESS
