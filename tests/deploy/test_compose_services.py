"""What the services say of each other, and of the code that they run."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings
from sqlalchemy.engine import make_url

from api.settings import ApiSettings
from embedded.environment import PROJECT_ROOT
from settings import WorkerSettings
from tests.deploy.pinned_sources import server_variables, sql_tool_variables, ui_variables
from tests.support.compose import REQUIRED, read_compose_file

ONE_SHOTS = {"temporal-schema", "temporal-namespace", "cloudstack-zone"}
OURS = {"worker", "api"}
LONG_RUNNING = sorted(set(read_compose_file()["services"]) - ONE_SHOTS)

ENVCONFIG = {"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"}
"""What ``temporalio.envconfig`` reads; docs.temporal.io names them."""

SERVER = {
    "DB", "DB_PORT", "MYSQL_SEEDS", "MYSQL_USER", "MYSQL_PWD", "NUM_HISTORY_SHARDS", "BIND_ON_IP",
    "DYNAMIC_CONFIG_FILE_PATH", "LOG_LEVEL", "TEMPORAL_ALLOW_NO_AUTH",
}  # fmt: skip
SQL_TOOL = {"SQL_PLUGIN", "SQL_HOST", "SQL_PORT", "SQL_USER", "SQL_PASSWORD"}
UI = {
    "TEMPORAL_ADDRESS",
    "TEMPORAL_DEFAULT_NAMESPACE",
    "TEMPORAL_CORS_ORIGINS",
    "TEMPORAL_DISABLE_NEWS_FETCH",
}


def _names(settings: type[BaseSettings]) -> set[str]:
    found: set[str] = set()
    for field in settings.model_fields.values():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices):
            found.update(str(choice) for choice in alias.choices)
        else:
            found.add(str(alias))
    return found


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text)
    assert found is not None, text
    minutes, seconds = found.groups(default="0")
    return timedelta(minutes=int(minutes), seconds=int(seconds)).total_seconds()


def _set(service: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in service["environment"].items() if value is not None}


def test_each_service_of_ours_takes_every_setting_it_knows_and_no_other(written: dict[str, Any]) -> None:
    worker, api = set(written["worker"]["environment"]), set(written["api"]["environment"])

    assert worker == _names(WorkerSettings) | ENVCONFIG | {"FAILOVER_ENV_FILE"}
    # The port inside of the container is the default, which the published port and the health check name.
    assert api == (_names(ApiSettings) - {"FAILOVER_API_PORT"}) | ENVCONFIG | {"FAILOVER_ENV_FILE"}


@pytest.mark.parametrize(
    ("service", "known"),
    (
        ("temporal", SERVER),
        ("temporal-schema", SQL_TOOL),
        ("temporal-namespace", ENVCONFIG | {"RETENTION"}),
        ("temporal-ui", UI),
        ("temporal-mysql", {"MYSQL_ROOT_PASSWORD", "MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD"}),
        ("mariadb", {"MARIADB_ROOT_PASSWORD", "MARIADB_DATABASE", "MARIADB_USER", "MARIADB_PASSWORD"}),
    ),
)
def test_the_images_of_others_are_told_what_they_read(
    service: str, known: set[str], written: dict[str, Any]
) -> None:
    assert set(written[service]["environment"]) == known


@pytest.mark.parametrize(
    ("told", "read"),
    ((SERVER, server_variables), (SQL_TOOL, sql_tool_variables), (UI, ui_variables)),
    ids=("server", "sql-tool", "ui"),
)
def test_what_temporals_images_are_told_is_read_in_their_sources(
    told: set[str], read: Callable[[], set[str]]
) -> None:
    assert told - read() == set()


def test_the_settings_that_the_file_makes_are_taken(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**_set(services["worker"]), **_set(services["api"])}.items():
        monkeypatch.setenv(name, value)

    worker, api = WorkerSettings(_env_file=None), ApiSettings(_env_file=None)

    assert str(worker.vma_url).rstrip("/") == REQUIRED["VMA_URL"]
    assert api.tokens_file == Path("/run/secrets/api_tokens")
    assert worker.task_queue == api.task_queue


def test_worker_and_api_open_the_database_that_is_made_for_them(services: dict[str, Any]) -> None:
    made = services["mariadb"]["environment"]

    for name in OURS:
        url = make_url(services[name]["environment"]["FAILOVER_DATABASE_URL"])
        assert (url.drivername, url.host, url.port) == ("mysql+asyncmy", "mariadb", 3306)
        assert (url.database, url.username, url.password) == (
            made["MARIADB_DATABASE"], made["MARIADB_USER"], made["MARIADB_PASSWORD"],
        )  # fmt: skip


def test_temporal_opens_the_databases_that_are_made_for_it(services: dict[str, Any]) -> None:
    made, server, schema = (
        services[name]["environment"] for name in ("temporal-mysql", "temporal", "temporal-schema")
    )
    granted = (PROJECT_ROOT / "deploy" / "temporal-mysql.sql").read_text(encoding="utf-8")

    assert made["MYSQL_DATABASE"] == "temporal"  # the server's default for DBNAME
    assert server["DB"] == schema["SQL_PLUGIN"] == "mysql8"
    assert server["MYSQL_SEEDS"] == schema["SQL_HOST"] == "temporal-mysql"
    assert server["MYSQL_USER"] == schema["SQL_USER"] == made["MYSQL_USER"]
    assert server["MYSQL_PWD"] == schema["SQL_PASSWORD"] == made["MYSQL_PASSWORD"]
    assert f"ON temporal_visibility.* TO '{made['MYSQL_USER']}'@'%'" in granted


def test_the_two_databases_share_nothing(services: dict[str, Any]) -> None:
    temporal, ours = services["temporal-mysql"], services["mariadb"]

    assert not set(temporal["volumes"]) & set(ours["volumes"])
    assert not set(temporal["environment"].values()) & set(ours["environment"].values())


def test_everybody_asks_temporal_where_it_listens(services: dict[str, Any]) -> None:
    asking = [
        service["environment"]["TEMPORAL_ADDRESS"]
        for service in services.values()
        if "TEMPORAL_ADDRESS" in service.get("environment", {})
    ]
    namespaces = {
        services[name]["environment"]["TEMPORAL_NAMESPACE"] for name in (*OURS, "temporal-namespace")
    }

    assert asking == ["temporal:7233"] * 4
    assert namespaces == {services["temporal-ui"]["environment"]["TEMPORAL_DEFAULT_NAMESPACE"]}


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_a_long_running_service_is_watched_and_comes_back(name: str, services: dict[str, Any]) -> None:
    service = services[name]

    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert _seconds(service["healthcheck"]["timeout"]) < _seconds(service["healthcheck"]["interval"]) + 1
    assert service["logging"]["options"]["max-size"], "a log without an end fills the disk"


@pytest.mark.parametrize("name", sorted(ONE_SHOTS))
def test_a_one_shot_is_tried_again_until_it_has_succeeded(name: str, services: dict[str, Any]) -> None:
    assert services[name]["restart"] == "on-failure"
    assert "healthcheck" not in services[name]


def test_whoever_waits_waits_for_the_right_thing(services: dict[str, Any]) -> None:
    waits = {
        (name, awaited, wait["condition"])
        for name, service in services.items()
        for awaited, wait in service.get("depends_on", {}).items()
    }

    for _, awaited, condition in waits:
        expected = "service_completed_successfully" if awaited in ONE_SHOTS else "service_healthy"
        assert condition == expected, awaited
    for name in OURS:
        assert set(services[name]["depends_on"]) == {"mariadb", "temporal-namespace"}
    assert {awaited for _, awaited, _ in waits} >= ONE_SHOTS - {"cloudstack-zone"}


@pytest.mark.parametrize(("name", "setting"), (("worker", "graceful_shutdown"), ("api", "shutdown_seconds")))
def test_nothing_is_killed_while_it_still_ends_what_it_does(
    name: str, setting: str, services: dict[str, Any]
) -> None:
    model = WorkerSettings if name == "worker" else ApiSettings

    assert _seconds(services[name]["stop_grace_period"]) > model.model_fields[setting].default


def test_nothing_is_published_to_other_machines_unless_asked(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published), published
    assert not any(":8096" in port or ":3306" in port for port in published)


def test_the_apis_port_is_one_number_everywhere(services: dict[str, Any]) -> None:
    port = ApiSettings.model_fields["port"].default
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert services["api"]["ports"] == [f"127.0.0.1:{port}:{port}/tcp"]
    assert f"http://127.0.0.1:{port}/healthz" in services["api"]["healthcheck"]["test"][-1]
    assert f"EXPOSE {port}\n" in dockerfile


def test_every_image_is_a_version_and_not_a_moving_name(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.search(r":\d+\.\d+\.\d+(\.\d+)?$", service["image"]), f"{name}: {service['image']}"


def test_temporal_is_the_version_that_the_tests_run_against(services: dict[str, Any]) -> None:
    pinned = (PROJECT_ROOT / "tools" / "temporal-cli" / "go.mod").read_text(encoding="utf-8")
    tested = re.search(r"go\.temporal\.io/server v(\S+)", pinned)
    assert tested is not None

    for name, image in (
        ("temporal", "server"),
        ("temporal-schema", "admin-tools"),
        ("temporal-namespace", "admin-tools"),
    ):
        assert services[name]["image"] == f"temporalio/{image}:{tested[1]}"


def test_our_image_has_the_projects_version_in_both_services(services: dict[str, Any]) -> None:
    project = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', project, re.MULTILINE)
    assert version is not None

    assert {services[name]["image"] for name in OURS} == {f"cloudstack-failover:{version[1]}"}


def test_our_containers_may_do_little(services: dict[str, Any]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service, "the image says who runs it"


def test_every_file_that_is_mounted_is_in_the_repository(written: dict[str, Any]) -> None:
    mounted = [
        volume.partition(":")[0]
        for service in written.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]

    assert len(mounted) == 3
    assert [path for path in mounted if not (PROJECT_ROOT / path).is_file()] == []
