"""The simulators as processes, and the cs command line against the one of CloudStack (section 23)."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulators.cloudstack import CloudStackSimulator, sample
from simulators.vma.sample import VCENTER_HOST
from tests.simulators.simulator_cloud import Cloud, running_cloud

ROOT = Path(__file__).parents[2]
CS = Path(sys.executable).with_name("cs")
ALL = ("simulators.cloudstack", "simulators.vma", "simulators.replication", "simulators.volume_daemon")


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@asynccontextmanager
async def running(
    module: str, *arguments: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, Any]]]:
    process = await start(module, "--port", "0", *arguments)
    try:
        assert process.stdout is not None
        line = await process.stdout.readline()
        assert line, await process.communicate()
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("module", ALL)
@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
async def test_one_line_says_where_it_listens_and_a_signal_ends_it(module: str, number: int) -> None:
    async with running(module) as (process, started):
        assert started["event"] == "simulator started"
        assert "never point production at it" in started["warning"]
        assert started["url"].startswith("http://127.0.0.1:")
        assert sample.ADMIN.secret not in json.dumps(started)
        process.send_signal(number)
        stdout, stderr = await process.communicate()
        assert json.loads(stdout)["event"] == "simulator stopped"
        assert stderr == b""
        assert process.returncode == 0


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        yield int(holder.getsockname()[1])


@pytest.mark.parametrize("module", ALL)
async def test_a_taken_port_is_said_and_exit_2(module: str, taken_port: int) -> None:
    process = await start(module, "--port", str(taken_port))
    stdout, stderr = await process.communicate()
    assert (process.returncode, stdout) == (2, b"")
    assert stderr.decode().count("\n") == 1
    assert f"port {taken_port} of 127.0.0.1 is taken" in stderr.decode()


async def test_a_seed_file_adds_to_the_sample(tmp_path: Path) -> None:
    seed = {
        "zones": [{"name": "second"}],
        "networks": [
            {"name": "extra", "type": "Isolated", "subnet": "10.77.0"},
            {"name": "plains", "account": "plain"},
        ],
        "templates": [{"name": "big", "size": 5368709120}],
        "offerings": [{"name": "huge", "cpu_number": 8, "cpu_speed": 2000, "memory": 16384}],
        "vms": [{"name": "seeded", "networks": ["extra", "prod-dmz"], "state": "Running"}],
    }
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(seed))
    async with running("simulators.cloudstack", "--seed-file", str(path)) as (_, started):
        base = started["url"].removesuffix("/client/api")
        async with aiohttp.ClientSession() as session, session.get(f"{base}/simulator/state") as answer:
            state = await answer.json()
    assert [(vm["name"], vm["state"], vm["networks"]) for vm in state["vms"]] == [
        ("seeded", "Running", ["extra", "prod-dmz"])
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    (
        ("{", "cannot be read"),
        ("[]", "has to be an object"),
        ('{"secrets": []}', "no other keys than zones"),
        ('{"networks": [{}]}', "networks[0].name has to be text"),
        ('{"networks": [{"name": "a", "colour": "red"}]}', "networks[0] has unknown fields: colour"),
        ('{"networks": [{"name": "a", "type": "L3"}]}', "networks[0].type names 'L3', there is: L2"),
        ('{"vms": [{"name": "a", "networks": ["none"]}]}', "vms[0].networks names 'none'"),
        ('{"templates": [{"name": "a", "size": true}]}', "templates[0].size has to be a whole number"),
    ),
)
async def test_a_bad_seed_file_is_said_and_exit_2(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "seed.json"
    path.write_text(text)
    process = await start("simulators.cloudstack", "--port", "0", "--seed-file", str(path))
    _, stderr = await process.communicate()
    assert process.returncode == 2
    assert message in stderr.decode()


async def test_faults_and_restarts_are_ordered_over_http() -> None:
    async with running_cloud() as cloud:
        base = cloud.sim.endpoint.removesuffix("/client/api")
        order = {"command": "listZones", "kind": "throttled", "params": {"name": "x"}}
        async with cloud.session.post(f"{base}/simulator/faults", json=order) as answer:
            assert answer.status == 201
        assert (await cloud.call("listZones")).status == 200
        assert (await cloud.call("listZones", name="x")).status == 429
        unusable: tuple[object, ...] = (
            {"command": "x"},
            {"command": "x", "kind": "nonsense"},
            {**order, "colour": 1},
            [],
        )
        for bad in unusable:
            async with cloud.session.post(f"{base}/simulator/faults", json=bad) as answer:
                assert answer.status == 400
        async with cloud.session.post(f"{base}/simulator/faults", json=order) as answer:
            assert answer.status == 201
        async with cloud.session.delete(f"{base}/simulator/faults") as answer:
            assert answer.status == 204
        async with cloud.session.post(f"{base}/simulator/restart?disconnected_seconds=60") as answer:
            assert answer.status == 202
        async with asyncio.timeout(30):
            await disconnected(cloud)
        async with cloud.session.get(f"{base}/simulator/state") as answer:
            state = await answer.json()
        assert (state["faults"], state["hosts_connected"]) == ([], False)


async def disconnected(cloud: Cloud) -> None:
    """Wait until the restart that was ordered has happened."""
    while True:
        await asyncio.sleep(0.02)
        try:
            reply = await cloud.call("listHosts")
        except aiohttp.ClientError:
            continue
        if reply.body["host"][0]["state"] == "Disconnected":
            return


async def cs(simulator: CloudStackSimulator, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        CS, *arguments,
        env={
            "PATH": os.environ["PATH"],
            "CLOUDSTACK_ENDPOINT": simulator.endpoint,
            "CLOUDSTACK_KEY": sample.ADMIN.key,
            "CLOUDSTACK_SECRET": sample.ADMIN.secret,
            "CLOUDSTACK_POLL_INTERVAL": "0.05",
            **environment,
        },
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    stdout, stderr = await process.communicate()
    return process.returncode or 0, stdout.decode(), stderr.decode()


@pytest.mark.parametrize("how", ((), ("--post",)))
async def test_the_cs_command_line_deploys_starts_and_expunges(how: tuple[str, ...]) -> None:
    async with running_cloud() as cloud:
        code, out, err = await cs(
            cloud.sim, *how, "deployVirtualMachine", "name=by-cs", f"zoneid={sample.ZONE_ID}",
            f"templateid={sample.TEMPLATE_ID}", f"serviceofferingid={sample.CUSTOM_OFFERING_ID}",
            f"iptonetworklist[0].networkid={sample.PROD_DMZ_ID}", "iptonetworklist[0].mac=02:00:00:00:00:aa",
            f"iptonetworklist[1].networkid={sample.PROD_LAN_ID}", "startvm=false",
            "details[0].cpuNumber=2", "details[0].cpuSpeed=600", "details[0].memory=512",
        )  # fmt: skip
        assert (code, err) == (0, "")
        vm = json.loads(out)["virtualmachine"]
        assert [nic["networkid"] for nic in vm["nic"]] == [sample.PROD_DMZ_ID, sample.PROD_LAN_ID]
        assert vm["nic"][0]["macaddress"] == "02:00:00:00:00:aa"
        code, out, _ = await cs(cloud.sim, *how, "startVirtualMachine", f"id={vm['id']}")
        assert json.loads(out)["virtualmachine"]["state"] == "Running"
        code, out, _ = await cs(cloud.sim, *how, "--async", "destroyVirtualMachine", f"id={vm['id']}")
        assert list(json.loads(out)) == ["jobid"]
        await cloud.settled("Destroyed")
        code, out, _ = await cs(cloud.sim, *how, "expungeVirtualMachine", f"id={vm['id']}")
        assert (code, json.loads(out)) == (0, {"success": True})
        assert cloud.states() == []


@pytest.mark.parametrize("how", ((), ("--post",)))
async def test_the_cs_command_line_shows_lists_and_errors_as_observed(how: tuple[str, ...]) -> None:
    async with running_cloud() as cloud:
        assert await cs(cloud.sim, *how, "listVirtualMachines") == (0, "", "")
        code, out, _ = await cs(cloud.sim, *how, "listNetworks", "fetch_list=true")
        assert (code, len(json.loads(out))) == (0, 6)
        code, out, err = await cs(cloud.sim, *how, "startVirtualMachine", "id=unknown")
        assert code == 1
        assert json.loads(out)["startvirtualmachineresponse"]["errorcode"] == 431
        assert "CloudStack error: HTTP 431 response from CloudStack" in err
        vm_id = cloud.running_vm("up")
        code, out, err = await cs(cloud.sim, *how, "startVirtualMachine", f"id={vm_id}")
        assert code == 1
        assert json.loads(out)["queryasyncjobresultresponse"]["jobresultcode"] == 431
        assert "CloudStack error: Job failure" in err
        code, out, _ = await cs(cloud.sim, *how, "listZones", "name=a~b")
        assert (code, json.loads(out)["listzonesresponse"]["errorcode"]) == (1, 401)


async def test_the_vma_process_answers() -> None:
    async with running("simulators.vma") as (_, started), aiohttp.ClientSession() as session:
        assert started["vcenter"] == VCENTER_HOST
        async with session.get(f"{started['url']}/api/v1/health") as answer:
            assert (await answer.json())["status"] == "healthy"
