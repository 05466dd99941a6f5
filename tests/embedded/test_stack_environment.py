"""Nothing that is configured on the machine reaches a process of the stack."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedded.environment import PROJECT_ROOT, child_environment, forget_foreign_settings

FOREIGN = (
    "CLOUDSTACK_ENDPOINT",
    "CLOUDSTACK_KEY",
    "CLOUDSTACK_SECRET",
    "CLOUDSTACK_CONFIG",
    "VMA_URL",
    "VMA_VCENTER_PASSWORD",
    "FAILOVER_DATABASE_URL",
    "FAILOVER_UPSIDE_DOWN",
    "TEMPORAL_ADDRESS",
    "TEMPORAL_API_KEY",
    "TEMPORAL_PROFILE",
    "TEMPORAL_TLS_CLIENT_KEY_PATH",
    "MIGRATEKIT_CRED_ENCRYPTION_KEY",
)
PROXIES = ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy", "NO_PROXY")


@pytest.mark.parametrize("name", (*FOREIGN, *PROXIES, "SOMETHING_NOBODY_THOUGHT_OF", "XDG_CONFIG_HOME"))
def test_a_part_of_the_stack_gets_no_foreign_setting(tmp_path: Path, name: str) -> None:
    environment = child_environment(tmp_path, outside={name: "made-up", "PATH": "/bin"})

    assert environment.get(name) != "made-up"
    assert "made-up" not in environment.values()
    assert environment["PATH"] == "/bin"


def test_a_part_finds_no_configuration_file_of_the_users(tmp_path: Path) -> None:
    outside = {
        "HOME": "/home/somebody",
        "TEMPORAL_CONFIG_FILE": "/etc/temporal.toml",
        "FAILOVER_ENV_FILE": ".env",
    }

    environment = child_environment(tmp_path, outside=outside)

    assert environment["HOME"] == str(tmp_path)
    assert environment["TEMPORAL_CONFIG_FILE"] == "/dev/null"
    assert environment["FAILOVER_ENV_FILE"] == ""


def test_what_the_stack_sets_wins(tmp_path: Path) -> None:
    environment = child_environment(
        tmp_path, {"VMA_URL": "http://127.0.0.1:9"}, outside={"VMA_URL": "https://vma.example"}
    )

    assert environment["VMA_URL"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ("LANG", "LC_ALL", "TZ", "TMPDIR"))
def test_language_and_time_zone_are_passed_on(tmp_path: Path, name: str) -> None:
    assert child_environment(tmp_path, outside={name: "x"})[name] == "x"


def test_the_stacks_own_process_forgets_foreign_settings_and_keeps_its_own() -> None:
    kept = {"PATH": "/bin", "TEMPORAL_CLI": "/opt/temporal", "FAILOVER_UP_UI_PORT": "1", "HTTPS_PROXY": "p"}
    environ = {**dict.fromkeys(FOREIGN, "made-up"), **kept}

    removed = forget_foreign_settings(environ)

    assert environ == kept
    assert removed == sorted(FOREIGN)


def test_a_test_session_forgets_foreign_settings_too(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(
        "import os\ndef test_none():\n    assert not [n for n in os.environ if n.startswith('CLOUDSTACK_')]\n"
    )

    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.support.temporal",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ],
        cwd=PROJECT_ROOT,
        env={**os.environ, "CLOUDSTACK_SECRET": "made-up"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout
