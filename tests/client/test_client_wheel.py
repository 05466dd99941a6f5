"""Another service installs the client alone: the wheel, in an empty environment, with its own needs only."""

import asyncio
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.client.empty_environment import EmptyEnvironment, build_wheel
from tests.support.site import LIVE, TEST, Site

# As docs/client.md shows it; a test below compares the two.
_SERVICE = """\
import asyncio
import sys

from client import FailoverClient, FailoverNotCompleted, FailoverType, UnifiedFailoverConfig


async def main(context_id: str, task_queue: str) -> None:
    request = UnifiedFailoverConfig(context_id=context_id, failover_type=FailoverType.LIVE)
    async with await FailoverClient.connect(task_queue=task_queue) as client:
        answer = await client.accepted(request, request_id=f"service-{context_id}")
        if not answer.accepted:
            raise SystemExit(f"{answer.error_type}: {answer.message}")
        try:
            result = await client.result(answer.workflow_id)
        except FailoverNotCompleted as error:
            raise SystemExit(str(error)) from error
    print(result.model_dump_json())


asyncio.run(main(*sys.argv[1:]))
"""
_FORBIDDEN = ("sqlalchemy", "asyncmy", "aiosqlite", "aiohttp", "structlog", "typer", "rich", "cryptography")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> EmptyEnvironment:
    made = EmptyEnvironment.make(tmp_path_factory.mktemp("empty") / "venv")
    made.install(str(wheel))
    return made


def test_the_wheel_holds_every_package_and_says_that_it_is_typed(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"client/py.typed", "rules/py.typed", "client/failover_client.py", "rules/outcomes.py"} <= names
    assert {"worker.py", "api/__main__.py", "cli/app.py", "workflows/failover.py", "vma/__init__.py"} <= names
    assert {"database/migrations/script.py.mako", "activities/create_vm.py", "settings/settings.py"} <= names
    left_out = ("tests/", "tools/", "embedded/", "simulators/", "deploy/")
    assert not [name for name in names if name.startswith(left_out)]


async def test_a_service_starts_and_awaits_a_failover_with_the_client_alone(
    site: Site, environment: EmptyEnvironment
) -> None:
    config = site.client.service_client.config
    (environment.folder / "service.py").write_text(_SERVICE)
    done = await asyncio.to_thread(
        environment.run,
        "service.py",
        LIVE["context_id"],
        site.task_queue,
        TEMPORAL_ADDRESS=config.target_host,
        TEMPORAL_NAMESPACE=site.client.namespace,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["outcome"] == "completed"
    assert [one["destination_network_name"] for one in result["decisions"]] == ["prod-lan", "prod-dmz"]
    assert [vm.name for vm in site.running()] == ["pgtest1"]


def test_nothing_of_the_server_or_the_command_line_is_installed_with_it(
    environment: EmptyEnvironment,
) -> None:
    code = (
        "import importlib.util, client;"
        f" print(*[name for name in {_FORBIDDEN!r} if importlib.util.find_spec(name)]);"
        " print(client.__file__)"
    )
    missing, where = environment.run("-c", code).stdout.splitlines()
    assert missing == ""
    assert Path(where).is_relative_to(environment.folder)


def test_the_program_says_what_it_lacks(environment: EmptyEnvironment) -> None:
    done = environment.run(str(environment.folder / "bin" / "failover"), "list")
    assert done.returncode == 2
    assert "cloudstack-failover[cli]" in done.stderr


def test_a_type_checker_sees_the_types_of_the_installed_client(
    environment: EmptyEnvironment, tmp_path: Path
) -> None:
    wrong = _SERVICE.replace("result.model_dump_json()", "result.vm.nothing_of_the_kind")
    (tmp_path / "service.py").write_text(_SERVICE)
    (tmp_path / "wrong.py").write_text(wrong)
    command = [
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", str(environment.python)),
        *("--cache-dir", str(tmp_path / "cache"), "--config-file", "", "service.py", "wrong.py"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert errors[0].startswith("wrong.py")
    assert "nothing_of_the_kind" in errors[0]


async def test_the_command_line_comes_with_its_extra(
    site: Site, wheel: Path, environment: EmptyEnvironment, tmp_path: Path
) -> None:
    made = await asyncio.to_thread(EmptyEnvironment.make, tmp_path / "venv", on=environment)
    await asyncio.to_thread(made.install, f"{wheel}[cli]")
    config = site.client.service_client.config
    done = await asyncio.to_thread(
        made.run,
        str(environment.folder / "bin" / "failover"),
        *("start", TEST["context_id"], "--type", "test", "--wait", "--json"),
        TEMPORAL_ADDRESS=config.target_host,
        TEMPORAL_NAMESPACE=site.client.namespace,
        FAILOVER_TASK_QUEUE=site.task_queue,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "completed"


def test_the_example_in_the_documentation_is_the_one_that_was_run() -> None:
    text = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
    assert _SERVICE in text
    assert "from client import FailoverClient" in text
