"""``python -m api`` as a person or a supervisor runs it."""

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from api.tokens import find_token, read_tokens
from embedded.environment import child_environment
from tests.api.api_server import JOBS, START
from tests.support.site import LIVE, Site

_PATIENCE = 60


class ApiProcess:
    """One ``python -m api`` command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.output = ""

    async def ready(self) -> str:
        """Wait until it listens, and return where."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE):
            async for line in self._process.stdout:
                self.output += line.decode()
                if b'"api_started"' in line:
                    return f"http://127.0.0.1:{json.loads(line)['port']}"
        raise AssertionError(self.output)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end, and return the exit code."""
        output, _ = await asyncio.wait_for(self._process.communicate(), _PATIENCE)
        self.output += output.decode()
        return self._process.returncode or 0

    def events(self) -> list[dict[str, Any]]:
        """Its structured log."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]


@contextlib.asynccontextmanager
async def _api(folder: Path, *arguments: str, **environment: str) -> AsyncIterator[ApiProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api",
        *arguments,
        env=child_environment(folder, environment),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield ApiProcess(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _environment(site: Site, **changes: str) -> dict[str, str]:
    return {
        "FAILOVER_DATABASE_URL": site.url,
        "FAILOVER_TASK_QUEUE": site.task_queue,
        "FAILOVER_API_PORT": "0",
        "TEMPORAL_ADDRESS": site.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": site.client.namespace,
        **changes,
    }


async def _has_taken_a_start(site: Site) -> None:
    async with asyncio.timeout(_PATIENCE):
        started = 0
        while not started:
            await asyncio.sleep(0.05)
            started = (await site.client.count_workflows(f"TaskQueue = '{site.task_queue}'")).count


async def test_it_serves_and_ends_with_0_on_sigterm(site: Site, tmp_path: Path) -> None:
    async with _api(tmp_path, **_environment(site)) as process, aiohttp.ClientSession() as session:
        url = await process.ready()
        async with session.get(f"{url}/readyz") as ready:
            assert ready.status == 200, await ready.text()
        async with session.post(url + START, json=LIVE) as started:
            job = await started.json()
            assert started.status == 200, job
        await site.client.get_workflow_handle(job["job_id"]).result()
        async with session.get(url + JOBS) as listed:
            assert [one["job_id"] for one in (await listed.json())["jobs"]] == [job["job_id"]]
        process.send(signal.SIGTERM)
        assert await process.end() == 0, process.output
    events = [event["event"] for event in process.events()]
    assert events.count("http_request") == 2, "a probe that succeeds is not worth a line"
    assert events[-2:] == ["api_draining", "api_stopped"]


async def test_sigterm_lets_a_waiting_request_end(site: Site, tmp_path: Path) -> None:
    await site.stop_worker()
    environment = _environment(site, FAILOVER_API_ACCEPT_SECONDS="3")
    async with _api(tmp_path, **environment) as process, aiohttp.ClientSession() as session:
        url = await process.ready()
        waiting = asyncio.create_task(session.post(url + START, json=LIVE))
        await _has_taken_a_start(site)
        process.send(signal.SIGTERM)
        response = await waiting
        assert response.status == 202
        assert (await response.json())["data"]["status"] == "pending"
        assert await process.end() == 0, process.output


async def test_it_starts_without_temporal_and_is_not_ready(site: Site, tmp_path: Path) -> None:
    environment = _environment(site, TEMPORAL_ADDRESS="127.0.0.1:1")
    async with _api(tmp_path, **environment) as process, aiohttp.ClientSession() as session:
        url = await process.ready()
        async with session.get(f"{url}/healthz") as alive, session.get(f"{url}/readyz") as ready:
            assert (alive.status, ready.status) == (200, 503)
        process.send(signal.SIGINT)
        assert await process.end() == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    (
        ({"FAILOVER_API_PORT": "high"}, "FAILOVER_API_PORT"),
        ({"FAILOVER_DATABASE_URL": ""}, "FAILOVER_DATABASE_URL"),
        ({"FAILOVER_API_HOST": "0.0.0.0"}, "FAILOVER_API_TOKENS_FILE"),  # noqa: S104 - what must be refused
        ({"FAILOVER_API_HOST": "192.0.2.1", "FAILOVER_API_TOKENS_FILE": "none"}, "FAILOVER_API_TOKENS_FILE"),
        ({"FAILOVER_DATABASE_URL": "mysql+asyncmy://u:made-up@127.0.0.1:1/d"}, "127.0.0.1:1"),
        ({"TEMPORAL_CONFIG_FILE": "/nowhere/temporal.toml", "TEMPORAL_PROFILE": "none"}, "Temporal"),
    ),
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
async def test_what_cannot_work_is_said_and_ends_with_2(
    site: Site, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    async with _api(tmp_path, **_environment(site, **changes)) as process:
        assert await process.end() == 2, process.output
    assert said in process.output
    assert "Traceback" not in process.output
    assert "made-up" not in process.output


async def test_a_taken_port_is_said_and_ends_with_2(site: Site, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with _api(tmp_path, **_environment(site, FAILOVER_API_PORT=port)) as process:
            assert await process.end() == 2
    assert port in process.output
    assert "Traceback" not in process.output


async def test_the_token_command_prints_a_token_once_and_the_line_that_knows_it(tmp_path: Path) -> None:
    async with _api(tmp_path, "token", "backup", "read", "test") as process:
        assert await process.end() == 0, process.output
    _, secret, _, line = (one.strip() for one in process.output.splitlines())
    path = tmp_path / "tokens"
    path.write_text(line)
    token = find_token(read_tokens(path), secret)
    assert token is not None
    assert (token.name, sorted(token.scopes)) == ("backup", ["read", "test"])


async def test_the_token_command_refuses_an_unknown_scope(tmp_path: Path) -> None:
    async with _api(tmp_path, "token", "backup", "admin") as process:
        assert await process.end() == 2
    assert "scope" in process.output
    assert "fo_" not in process.output
