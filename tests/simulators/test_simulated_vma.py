"""The VMA simulator against vma-observed.md."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulators.vma import VCenter, VmaSimulator, sample_vcenters
from simulators.vma.sample import (
    DATACENTER,
    DMZ_NETWORK,
    PGTEST1_ID,
    PGTEST1_MACS,
    PGTEST2_ID,
    VCENTER_HOST,
    VCENTER_PASSWORD,
    VCENTER_USERNAME,
    VM_NETWORK,
)

Json = dict[str, Any]
CREDENTIAL: Json = {"vcenter": VCENTER_HOST, "username": VCENTER_USERNAME, "password": VCENTER_PASSWORD}
VM_KEYS = {
    "id", "name", "path", "datacenter", "power_state", "guest_os", "memory_mb", "num_cpu", "cpus", "os_type",
    "vmx_version", "display_name", "annotation", "folder_path", "vmware_tools_status", "vmware_tools_version",
    "disks", "networks",
}  # fmt: skip
DISK_KEYS = {
    "id", "label", "path", "vmdk_path", "size_gb", "capacity_bytes", "datastore", "provisioning_type",
    "unit_number",
}  # fmt: skip
PREFIX = "Discovery failed: failed to discover VMs from vCenter: "


class Agent:
    def __init__(self, simulator: VmaSimulator, session: aiohttp.ClientSession) -> None:
        self.sim = simulator
        self.session = session

    async def discover(self, **request: Any) -> tuple[int, str, Json | str]:  # noqa: ANN401 (any JSON)
        body = {**CREDENTIAL, "datacenter": DATACENTER, "filter": "", **request}
        return await self.send("POST", "/api/v1/discover", json=body)

    async def power(self, vm_id: str, operation: str, **request: Any) -> tuple[int, str, Json | str]:  # noqa: ANN401 (any JSON)
        path = f"/api/v1/vm/{vm_id}/{operation}"
        if operation == "power-state":
            return await self.send("GET", path, params={**CREDENTIAL, **request})
        return await self.send("POST", path, json={"vm_id": vm_id, **CREDENTIAL, **request})

    async def send(self, method: str, path: str, **how: Any) -> tuple[int, str, Json | str]:  # noqa: ANN401 (passed on)
        async with self.session.request(method, f"{self.sim.url}{path}", **how) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, answer.content_type, await (answer.json() if is_json else answer.text())


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    simulator = VmaSimulator(sample_vcenters())
    await simulator.start()
    async with aiohttp.ClientSession() as session:
        yield Agent(simulator, session)
    await simulator.stop()


@pytest.mark.parametrize(
    ("wanted", "names"),
    (
        ("pgtest1", ["pgtest1", "pgtest1-old"]),
        ("PGTEST1", ["pgtest1", "pgtest1-old"]),
        ("", ["pgtest1", "pgtest1-old", "pgtest2", "pgtest3"]),
        ("nothing", []),
    ),
)
async def test_the_filter_is_a_part_of_the_name_in_any_letter_case(
    agent: Agent, wanted: str, names: list[str]
) -> None:
    status, _, body = await agent.discover(filter=wanted)
    assert isinstance(body, dict)
    assert (status, body["vcenter"]) == (200, {"host": VCENTER_HOST, "datacenter": DATACENTER})
    assert [vm["name"] for vm in body["vms"]] == names


async def test_a_vm_has_the_observed_keys_and_its_nics_in_device_order(agent: Agent) -> None:
    _, _, body = await agent.discover(filter="pgtest1")
    assert isinstance(body, dict)
    vm = body["vms"][0]
    assert set(vm) == VM_KEYS
    assert set(vm["disks"][0]) == DISK_KEYS
    assert (vm["id"], vm["path"], vm["cpus"], vm["num_cpu"]) == (PGTEST1_ID, "/DC1/vm/pgtest1", 0, 2)
    assert vm["disks"][0]["capacity_bytes"] == vm["disks"][0]["size_gb"] * 1024**3
    assert [nic["network_name"] for nic in vm["networks"]] == [VM_NETWORK, DMZ_NETWORK]
    assert [nic["mac_address"] for nic in vm["networks"]] == list(PGTEST1_MACS)
    assert vm["networks"][0] == {
        "label": "ethernet--7",
        "network_name": VM_NETWORK,
        "adapter_type": "vmxnet3",
        "mac_address": PGTEST1_MACS[0],
        "connected": True,
        "type": "",
    }


async def test_no_nic_of_a_vm_that_is_off_is_connected(agent: Agent) -> None:
    await agent.power(PGTEST1_ID, "power-off")
    _, _, body = await agent.discover(filter="pgtest1")
    assert isinstance(body, dict)
    assert [nic["connected"] for nic in body["vms"][0]["networks"]] == [False, False]


@pytest.mark.parametrize(
    ("request_fields", "text"),
    (
        (
            {"datacenter": "NOPE"},
            "failed to discover VMs: failed to find datacenter NOPE: datacenter 'NOPE' not found\n",
        ),
        ({"password": "wrong"}, "failed to connect to vCenter: ServerFaultCode: Login failure\n"),
        (
            {"vcenter": ""},
            'failed to connect to vCenter: Post "https:///sdk": http: no Host in request URL\n',
        ),
        (
            {"vcenter": "nowhere.example"},
            (
                'failed to connect to vCenter: Post "https://nowhere.example/sdk": dial tcp: lookup'
                " nowhere.example: no such host\n"
            ),
        ),
    ),
)
async def test_what_keeps_it_from_vcenter_is_a_500_in_plain_text(
    agent: Agent, request_fields: Json, text: str
) -> None:
    assert await agent.discover(**request_fields) == (500, "text/plain", f"{PREFIX}{text}")


async def test_an_empty_object_has_no_host(agent: Agent) -> None:
    status, kind, text = await agent.send("POST", "/api/v1/discover", json={})
    assert (status, kind) == (500, "text/plain")
    assert isinstance(text, str)
    assert text.endswith('Post "https:///sdk": http: no Host in request URL\n')


async def test_a_vcenter_that_is_down_refuses_the_agent(agent: Agent) -> None:
    agent.sim.set_vcenter_down(VCENTER_HOST)
    for _, _, text in (await agent.discover(), await agent.power(PGTEST1_ID, "power-state")):
        assert isinstance(text, str)
        assert "dial tcp" in text
        assert text.endswith("connect: connection refused\n")
    agent.sim.set_vcenter_down(VCENTER_HOST, down=False)
    assert (await agent.discover())[0] == 200


@pytest.mark.parametrize(
    ("body", "text"),
    (
        ('{"vcenter":"x', "Invalid request: unexpected EOF\n"),
        ('{"vcenter"', "Invalid request: unexpected EOF\n"),
        ("", "Invalid request: EOF\n"),
        ("nonsense", "Invalid request: invalid character 'n' looking for beginning of value\n"),
        ("[]", "Invalid request: json: cannot unmarshal into Go value of type struct\n"),
    ),
)
async def test_a_body_that_is_no_object_is_400(agent: Agent, body: str, text: str) -> None:
    assert await agent.send("POST", "/api/v1/discover", data=body) == (400, "text/plain", text)


async def test_power_state(agent: Agent) -> None:
    status, _, body = await agent.power(PGTEST2_ID, "power-state")
    assert isinstance(body, dict)
    assert (status, set(body)) == (200, {"vm_id", "power_state", "tools_status", "timestamp"})
    assert (body["power_state"], body["tools_status"]) == ("poweredOn", "toolsNotInstalled")


@pytest.mark.parametrize(
    ("vm_id", "force", "method"),
    ((PGTEST2_ID, False, "forced"), (PGTEST1_ID, False, "graceful"), (PGTEST1_ID, True, "forced")),
)
async def test_power_off_says_how_and_the_second_time_that_it_was_off(
    agent: Agent, vm_id: str, *, force: bool, method: str
) -> None:
    status, _, first = await agent.power(vm_id, "power-off", force=force, timeout=5)
    assert isinstance(first, dict)
    assert (status, first["success"], first["operation"]) == (200, True, "power-off")
    assert (first["previous_state"], first["new_state"]) == ("poweredOn", "poweredOff")
    assert first["shutdown_method"] == method
    _, _, second = await agent.power(vm_id, "power-off", force=force)
    assert isinstance(second, dict)
    assert (second["previous_state"], second["shutdown_method"]) == ("poweredOff", "already-off")
    _, _, third = await agent.power(vm_id, "power-on")
    assert isinstance(third, dict)
    assert (third["operation"], third["new_state"]) == ("power-on", "poweredOn")
    assert agent.sim.vm(vm_id).power_state == "poweredOn"


@pytest.mark.parametrize("operation", ("power-state", "power-off", "power-on"))
async def test_an_unknown_uuid_is_404(agent: Agent, operation: str) -> None:
    text = "VM not found: VM not found with UUID: 00000000-0000-4000-8000-000000000000\n"
    reply = await agent.power("00000000-0000-4000-8000-000000000000", operation)
    assert reply == (404, "text/plain", text)


async def test_a_vcenter_without_the_compiled_in_datacenter_is_404_although_the_vm_is_there() -> None:
    vms = sample_vcenters()[VCENTER_HOST].vms
    simulator = VmaSimulator({VCENTER_HOST: VCenter(VCENTER_USERNAME, VCENTER_PASSWORD, "Elsewhere", vms)})
    await simulator.start()
    async with aiohttp.ClientSession() as session:
        agent = Agent(simulator, session)
        status, _, text = await agent.power(PGTEST1_ID, "power-state")
        assert isinstance(text, str)
        assert (status, text.startswith("VM not found: failed to find datacenter DC1")) == (404, True)
        assert (await agent.discover(datacenter="Elsewhere"))[0] == 200
    await simulator.stop()


async def test_an_empty_id_is_redirected(agent: Agent) -> None:
    status, _, _ = await agent.send("GET", "/api/v1/vm//power-state", allow_redirects=False)
    assert status == 301


async def test_health(agent: Agent) -> None:
    status, _, body = await agent.send("GET", "/api/v1/health")
    assert isinstance(body, dict)
    assert (status, body["status"], set(body)) == (200, "healthy", {"status", "timestamp", "uptime"})


async def test_a_hanging_tunnel_and_a_stopped_agent(agent: Agent) -> None:
    agent.sim.hang(3600)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await agent.discover()
    agent.sim.hang(0)
    assert (await agent.discover())[0] == 200
    port = int(agent.sim.url.rpartition(":")[2])
    await agent.sim.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await agent.discover()
    await agent.sim.start(port)
    assert (await agent.discover())[0] == 200


async def test_faults_over_http(agent: Agent) -> None:
    order = {"vcenter_down": True, "hang_seconds": 0.01}
    status, _, state = await agent.send("POST", "/simulator/faults", json=order)
    assert isinstance(state, dict)
    assert (status, state["hang_seconds"]) == (200, 0.01)
    assert state["vcenters"][VCENTER_HOST]["down"] is True
    assert (await agent.discover())[0] == 500
    await agent.send("POST", "/simulator/faults", json={"vcenter_down": False})
    assert (await agent.discover())[0] == 200


async def test_calls_are_recorded_without_the_credential(agent: Agent) -> None:
    await agent.discover(filter="pgtest1")
    await agent.power(PGTEST1_ID, "power-state")
    assert [(call.vcenter, call.vm) for call in agent.sim.calls] == [
        (VCENTER_HOST, "pgtest1"),
        (VCENTER_HOST, PGTEST1_ID),
    ]
    assert VCENTER_PASSWORD not in repr((agent.sim.calls, agent.sim.vcenters))
