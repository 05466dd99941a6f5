"""The settings of a conversion worker: each default, wrong values named and not shown, all on the page."""

import os
from pathlib import Path

import pytest

from settings import SettingsError
from settings.conversion import ConversionSettings, load_conversion_settings
from tests.conversion.bench import Bench
from tests.docs.doc_pages import DOCS, table
from tests.support.worker_process import worker_process

_MARK = "zq9-never-shown"
_DEFAULTS = {
    "FAILOVER_CONVERSION_APPLIANCE_ID": "",
    "FAILOVER_CONVERSION_COMMAND": "virt-v2v-in-place -i disk -if raw",
    "FAILOVER_CONVERSION_NOT_NEEDED_CODE": "",
    "FAILOVER_CONVERSION_PARALLEL": "2",
    "FAILOVER_CONVERSION_GRACE_SECONDS": "5",
    "FAILOVER_CONVERSION_PATIENCE_SECONDS": "30",
    "FAILOVER_CONVERSION_DEVICE_DIRECTORY": "/dev/disk/by-id",
    "FAILOVER_CONVERSION_LOCK_DIRECTORY": "/run/lock",
    "FAILOVER_SHUTDOWN_SECONDS": "30",
    "FAILOVER_LOG_FORMAT": "json",
}
_FIELDS = {str(field.validation_alias): name for name, field in ConversionSettings.model_fields.items()}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in set(os.environ) & set(_DEFAULTS):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _value(settings: ConversionSettings, name: str) -> str:
    value = getattr(settings, _FIELDS[name])
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _loaded(monkeypatch: pytest.MonkeyPatch, **given: str) -> ConversionSettings:
    for name, value in ({"FAILOVER_CONVERSION_APPLIANCE_ID": "an-appliance"} | given).items():
        monkeypatch.setenv(name, value)
    settings = load_conversion_settings()
    assert settings is not None
    return settings


def test_without_an_appliance_a_worker_is_no_conversion_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILOVER_CONVERSION_PARALLEL", "none of its business")

    assert load_conversion_settings() is None


def test_the_settings_are_these_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _loaded(monkeypatch)

    assert {name: _value(settings, name) for name in _FIELDS} == _DEFAULTS | {
        "FAILOVER_CONVERSION_APPLIANCE_ID": "an-appliance"
    }


def test_a_setting_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "FAILOVER_CONVERSION_COMMAND": "/opt/convert --with 'two words'",
        "FAILOVER_CONVERSION_NOT_NEEDED_CODE": "3",
        "FAILOVER_CONVERSION_PARALLEL": "4",
        "FAILOVER_CONVERSION_GRACE_SECONDS": "1.5",
        "FAILOVER_CONVERSION_PATIENCE_SECONDS": "2.5",
        "FAILOVER_CONVERSION_DEVICE_DIRECTORY": "/srv/devices",
        "FAILOVER_CONVERSION_LOCK_DIRECTORY": "/srv/locks",
        "FAILOVER_SHUTDOWN_SECONDS": "600",
        "FAILOVER_LOG_FORMAT": "console",
    }
    settings = _loaded(monkeypatch, **given)

    assert {name: _value(settings, name) for name in given} == given
    assert settings.command_words == ("/opt/convert", "--with", "two words")


@pytest.mark.parametrize(
    ("name", "value"),
    (
        ("FAILOVER_CONVERSION_APPLIANCE_ID", f"../{_MARK}"),
        ("FAILOVER_CONVERSION_COMMAND", f"'{_MARK}"),
        ("FAILOVER_CONVERSION_COMMAND", "  "),
        ("FAILOVER_CONVERSION_NOT_NEEDED_CODE", "0"),
        ("FAILOVER_CONVERSION_NOT_NEEDED_CODE", "256"),
        ("FAILOVER_CONVERSION_PARALLEL", "0"),
        ("FAILOVER_CONVERSION_GRACE_SECONDS", "0"),
        ("FAILOVER_CONVERSION_PATIENCE_SECONDS", "nan"),
        ("FAILOVER_CONVERSION_DEVICE_DIRECTORY", _MARK),
        ("FAILOVER_CONVERSION_LOCK_DIRECTORY", _MARK),
        ("FAILOVER_SHUTDOWN_SECONDS", _MARK),
        ("FAILOVER_LOG_FORMAT", _MARK),
    ),
)
def test_a_wrong_setting_is_named_and_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError) as caught:
        _loaded(monkeypatch, **{name: value})
    (problem,) = caught.value.problems

    assert problem.startswith(f"{name}: ")
    assert _MARK not in problem


async def test_a_conversion_worker_with_a_wrong_setting_does_not_start(bench: Bench) -> None:
    wrong = {"FAILOVER_CONVERSION_APPLIANCE_ID": "a", "FAILOVER_CONVERSION_PARALLEL": _MARK}
    async with worker_process(bench.folder, wrong) as worker:
        await worker.start()
        code = await worker.end()

    assert code == 2
    assert "FAILOVER_CONVERSION_PARALLEL: " in worker.output
    assert _MARK not in worker.output


def test_the_page_lists_them_with_the_defaults_of_the_code() -> None:
    rows = table(DOCS / "conversion.md", "Setting", "Default")

    assert {row[0].strip("`"): row[1].strip("`") for row in rows} == {
        name: value or "-" for name, value in _DEFAULTS.items()
    }
    assert all((row[2] == "s") is ("_SECONDS" in row[0]) for row in rows)
