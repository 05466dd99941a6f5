"""``make up``, end to end, as a process."""

import asyncio
import json
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from client import FailoverClient
from embedded.ports import HOST, free_ports
from tests.support.stack_process import Machine, StackProcess

SETTINGS = (
    "FAILOVER_UP_VMA_PORT",
    "FAILOVER_UP_CLOUDSTACK_PORT",
    "FAILOVER_UP_TEMPORAL_PORT",
    "FAILOVER_UP_UI_PORT",
    "FAILOVER_UP_API_PORT",
    "FAILOVER_UP_REPLICATION_PORT",
)


def settings() -> dict[str, str]:
    return dict(zip(SETTINGS, map(str, free_ports(len(SETTINGS))), strict=True))


async def start(machine: Machine, moved: dict[str, str]) -> StackProcess:
    up = await machine.start("up", **moved)
    await up.read_until(r"Ctrl-C stops all of it")
    await up.read_until(r"workflow cancel .*\n")
    return up


async def shell(command: str) -> str:
    process = await asyncio.create_subprocess_shell(
        command,
        # Whoever copies the line has a shell of their own, without the settings of this test session.
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize(
    "stop", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP), ids=lambda number: number.name
)
async def test_a_printed_line_starts_a_failover_and_a_signal_stops_all(
    appliance: Machine, stop: signal.Signals
) -> None:
    moved = settings()
    up = await start(appliance, moved)
    line = re.search(r"^\S+ workflow start .*$", up.output, flags=re.MULTILINE)
    assert line is not None

    await shell(line.group())

    client = await FailoverClient.connect(f"{HOST}:{moved['FAILOVER_UP_TEMPORAL_PORT']}", "default")
    result = await client.result("failover-live-ctx-pgtest1-20250922-210037")
    assert result.vm.name == "pgtest1"
    assert result.vm.state == "Running"
    back = re.search(r"^./failover rollback .*$", up.output, flags=re.MULTILINE)
    assert back is not None
    assert "restored: source VM: powered on" in await shell(back.group())

    listed = re.search(r"^curl -s .*$", up.output, flags=re.MULTILINE)
    assert listed is not None
    assert f":{moved['FAILOVER_UP_API_PORT']}/" in listed.group()
    (job,) = json.loads(await shell(listed.group()))["jobs"]
    assert (job["status"], job["vm"]["id"]) == ("completed", result.vm.id)
    assert job["ending"] == "rolled_back"

    up.send(stop)
    assert await up.end() == 0, up.output
    assert "Stopped; nothing is left running." in up.output
    assert up.survivors() == []
    assert list(appliance.temporary.iterdir()) == []
    assert appliance.calls == []


async def test_the_printed_post_starts_a_failover(appliance: Machine) -> None:
    up = await start(appliance, settings())
    line = re.search(r"^curl -X POST .*$", up.output, flags=re.MULTILINE)
    assert line is not None

    answer = json.loads(await shell(line.group().replace("curl", "curl -s", 1)))

    assert answer["success"] is True
    assert [one["destination_network_name"] for one in answer["data"]["decisions"]] == [
        "prod-lan",
        "prod-dmz",
    ]


async def test_nothing_outlives_a_stack_that_is_killed(appliance: Machine) -> None:
    up = await start(appliance, settings())
    assert len(up.survivors()) >= 6

    up.send(signal.SIGKILL)

    assert await up.end() == -signal.SIGKILL
    await up.wait_for_no_survivor()


async def test_a_part_that_dies_is_told_with_its_log_and_ends_the_stack(appliance: Machine) -> None:
    up = await start(appliance, settings())
    (pid_file,) = appliance.temporary.glob("*/worker.pid")

    os.kill(int(pid_file.read_text()), signal.SIGKILL)

    assert await up.end() == 1
    assert "error: Worker ended unexpectedly with exit code 137. The last lines of its log:" in up.output
    assert up.survivors() == []


async def test_a_taken_port_is_told_and_nothing_is_started(appliance: Machine) -> None:
    moved = settings()
    with socket.create_server((HOST, int(moved["FAILOVER_UP_CLOUDSTACK_PORT"]))):
        up = await appliance.start("up", **moved)
        assert await up.end() == 2

    message = up.output.splitlines()[-1]
    assert message.startswith(f"error: port {moved['FAILOVER_UP_CLOUDSTACK_PORT']} on 127.0.0.1 is taken")
    assert "the CloudStack simulator" in message
    assert "FAILOVER_UP_CLOUDSTACK_PORT" in message
    assert "Starting" not in up.output
    assert list(appliance.temporary.iterdir()) == []


async def test_a_temporal_cli_that_does_not_exist_is_told(appliance: Machine, tmp_path: Path) -> None:
    up = await appliance.start("up", TEMPORAL_CLI=str(tmp_path / "none"), **settings())

    assert await up.end() == 2
    assert f"TEMPORAL_CLI cannot be used: {tmp_path}/none is no executable file" in up.output


async def test_foreign_settings_are_named_and_their_values_are_not(appliance: Machine) -> None:
    up = await appliance.start("up", FAILOVER_UP_UI_PORT="nonsense")

    assert await up.end() == 2
    assert "FAILOVER_UP_UI_PORT must be a port number" in up.output
    assert "not used here: CLOUDSTACK_ENDPOINT, CLOUDSTACK_KEY, CLOUDSTACK_SECRET" in up.output
    assert "production" not in up.output
    assert json.dumps("nonsense") not in up.output
