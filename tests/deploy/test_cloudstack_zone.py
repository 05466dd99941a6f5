"""The one-shot of the profile cloudstack, against a server with the simulator's unsigned answers."""

import ast
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from embedded.environment import PROJECT_ROOT
from tests.support.compose import read_compose_file

SCRIPT = PROJECT_ROOT / "deploy" / "cloudstack_zone.py"
ENDPOINT = "http://cloudstack:8080/client/api"
KEY, SECRET = "made-up-key", "made-up-secret"


class Cloud(ThreadingHTTPServer):
    """What the management server answers on its unsigned port, as GetUserKeysCmd and others make it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.zones: list[dict[str, Any]] = []
        self.users: list[dict[str, Any]] = [{"id": "user-1", "username": "admin"}]
        self.keys: dict[str, str] = {}
        self.asked: list[str] = []
        self.starting = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/client/api"

    def answer(self, command: str, arguments: dict[str, str]) -> dict[str, Any]:
        self.asked.append(command)
        match command:
            case "listZones":
                return {"count": len(self.zones), "zone": self.zones} if self.zones else {}
            case "deployed":  # sent by the test's own deployer
                self.zones.append({"id": "zone-1", "allocationstate": arguments["state"]})
                return {}
            case "listUsers":
                return {"count": 1, "user": self.users} if self.users else {}
            case "getUserKeys" if arguments["id"] == "user-1":
                return {"userkeys": self.keys}
            case "registerUserKeys" if arguments["id"] == "user-1":
                self.keys = {"apikey": KEY, "secretkey": SECRET}
                return {"userkeys": self.keys}
        raise AssertionError(command)


class _Answer(BaseHTTPRequestHandler):
    server: Cloud

    def do_GET(self) -> None:
        query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        if self.server.starting:
            self.server.starting -= 1
            self.send_error(503)
            return
        command = query.pop("command")
        body = json.dumps({f"{command.lower()}response": self.server.answer(command, query)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A management server without a zone and without keys."""
    with Cloud() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _deployer(folder: Path, cloud: Cloud, *, state: str = "Enabled", code: int = 0) -> Path:
    """Write what stands in Marvin's place: it takes ``-i CONFIG`` and leaves a zone behind."""
    script = folder / "deployDataCenter.py"
    script.write_text(
        "import sys, urllib.request\n"
        "assert sys.argv[1:] == ['-i', 'advanced.cfg'], sys.argv\n"
        f"urllib.request.urlopen('{cloud.url}?command=deployed&state={state}').close()\n"
        f"sys.exit({code})\n",
        encoding="ascii",
    )
    return script


def _run(cloud_url: str, folder: Path, deployer: Path, **more: str) -> subprocess.CompletedProcess[str]:
    values = {
        "ZONE_CONFIG": "advanced.cfg",
        "ZONE_DEPLOYER": str(deployer),
        "UNSIGNED_API": cloud_url,
        "KEYS_ENDPOINT": ENDPOINT,
        "KEYS_FILE": str(folder / "worker.env"),
        "KEYS_OWNER": "10001",
    }
    assert set(values) == set(read_compose_file()["services"]["cloudstack-zone"]["environment"])
    return subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"PATH": os.defpath, "PAUSE_SECONDS": "0.05", **values, **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_zone_is_deployed_and_the_keys_are_for_the_worker_alone(cloud: Cloud, tmp_path: Path) -> None:
    cloud.starting = 3

    done = _run(cloud.url, tmp_path, _deployer(tmp_path, cloud))

    file = tmp_path / "worker.env"
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_text(encoding="ascii").splitlines() == [
        f"CLOUDSTACK_ENDPOINT={ENDPOINT}", f"CLOUDSTACK_KEY={KEY}", f"CLOUDSTACK_SECRET={SECRET}",
    ]  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o400
    if os.geteuid() == 0:
        assert (file.stat().st_uid, file.stat().st_gid) == (10001, 10001)
    assert SECRET not in done.stdout + done.stderr


def test_a_second_run_changes_neither_zone_nor_keys(cloud: Cloud, tmp_path: Path) -> None:
    deployer = _deployer(tmp_path, cloud)
    _run(cloud.url, tmp_path, deployer)
    first = (tmp_path / "worker.env").read_text(encoding="ascii")
    cloud.asked.clear()

    done = _run(cloud.url, tmp_path, deployer)

    assert done.returncode == 0, done.stdout
    assert not {"deployed", "registerUserKeys"} & set(cloud.asked)
    assert (tmp_path / "worker.env").read_text(encoding="ascii") == first


def test_a_deployment_that_fails_is_said(cloud: Cloud, tmp_path: Path) -> None:
    done = _run(cloud.url, tmp_path, _deployer(tmp_path, cloud, code=3))

    assert (done.returncode, "exit code 3" in done.stdout) == (1, True), done.stdout
    assert not (tmp_path / "worker.env").exists()


def test_the_rest_of_an_interrupted_deployment_is_not_taken_for_a_zone(cloud: Cloud, tmp_path: Path) -> None:
    cloud.zones = [{"id": "zone-1", "allocationstate": "Disabled"}]

    done = _run(cloud.url, tmp_path, _deployer(tmp_path, cloud))

    assert (done.returncode, "interrupted" in done.stdout) == (1, True), done.stdout
    assert "deployed" not in cloud.asked
    assert not (tmp_path / "worker.env").exists()


def test_without_the_admin_there_are_no_keys(cloud: Cloud, tmp_path: Path) -> None:
    cloud.zones = [{"id": "zone-1", "allocationstate": "Enabled"}]
    cloud.users = []

    done = _run(cloud.url, tmp_path, _deployer(tmp_path, cloud))

    assert (done.returncode, "no user admin" in done.stdout) == (1, True), done.stdout


def test_a_server_that_never_comes_up_ends_the_waiting(tmp_path: Path) -> None:
    done = _run("http://127.0.0.1:1/client/api", tmp_path, tmp_path, START_SECONDS="0.2")

    assert (done.returncode, "does not answer" in done.stdout) == (1, True), done.stdout


def test_the_worker_looks_where_the_keys_are_written(written: dict[str, Any]) -> None:
    file = Path(written["cloudstack-zone"]["environment"]["KEYS_FILE"])

    assert f"cloudstack-keys:{file.parent}" in written["cloudstack-zone"]["volumes"]
    assert f"cloudstack-keys:{file.parent}:ro" in written["worker"]["volumes"]
    assert str(file) in (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    assert str(file) in (PROJECT_ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_script_runs_on_the_simulators_older_python() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 10))


def test_the_simulators_own_user_id_is_the_images(written: dict[str, Any]) -> None:
    owner = written["cloudstack-zone"]["environment"]["KEYS_OWNER"]

    assert f"--uid {owner} " in (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
