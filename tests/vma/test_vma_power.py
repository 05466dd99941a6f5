"""Power through the agent: only a clear success says anything, and no text ever shows the credential."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlsplit

import pytest
from aiohttp import ClientSession

from simulators.vma import VmaSimulator, sample, sample_vcenters
from tests.vma.odd_agent import OddAgent, Reply
from tests.vma.questions import everything_said
from vma import PowerChange, PowerReading, PowerUnknown, VmaClient, VmaUnreachable
from vma.errors import SourceUnreachable

PASSWORD = "p ä&s+s=w%20#o/r?d;\"'"
WHO = {"vcenter": sample.VCENTER_HOST, "username": sample.VCENTER_USERNAME}
VM = sample.PGTEST1_ID


def state(
    client: VmaClient, password: str = sample.VCENTER_PASSWORD, vm_id: str = VM
) -> Awaitable[PowerReading]:
    return client.power_state(**WHO, password=password, vm_id=vm_id)


def off(
    client: VmaClient, password: str = sample.VCENTER_PASSWORD, vm_id: str = VM, *, force: bool = False
) -> Awaitable[PowerChange]:
    return client.power_off(**WHO, password=password, vm_id=vm_id, force=force, timeout_seconds=5)


def on(client: VmaClient, password: str = sample.VCENTER_PASSWORD, vm_id: str = VM) -> Awaitable[PowerChange]:
    return client.power_on(
        vcenter=sample.VCENTER_HOST, username=sample.VCENTER_USERNAME, password=password, vm_id=vm_id
    )


CALLS = (state, off, on)
_Call = Callable[..., Awaitable[PowerReading | PowerChange]]


async def failure_of(call: _Call, client: VmaClient, password: str = sample.VCENTER_PASSWORD) -> Exception:
    """Return the error of a call, after a look that it shows no credential and drags nothing along."""
    with pytest.raises(SourceUnreachable) as caught:
        await call(client, password)
    said = everything_said(caught.value)
    for secret in (password, sample.VCENTER_USERNAME, "password=", "username="):
        assert secret not in said
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def answer(body: object, status: int = 200) -> Reply:
    return Reply(json.dumps(body).encode(), status)


# Against the simulated agent


async def test_a_vm_is_read_switched_off_and_on(client: VmaClient) -> None:
    reading = await state(client)
    assert (reading.power_state, reading.tools_status) == ("poweredOn", "toolsOk")

    change = await off(client)
    assert (change.previous_state, change.new_state, change.shutdown_method) == (
        "poweredOn",
        "poweredOff",
        "graceful",
    )
    assert (await state(client)).power_state == "poweredOff"
    assert (await off(client)).shutdown_method == "already-off"
    assert (await on(client)).new_state == "poweredOn"
    assert (await state(client)).power_state == "poweredOn"


async def test_asked_gently_it_pulls_the_plug_without_tools(client: VmaClient) -> None:
    assert (await state(client, vm_id=sample.PGTEST2_ID)).tools_status == "toolsNotInstalled"
    assert (await off(client, vm_id=sample.PGTEST2_ID)).shutdown_method == "forced"


async def test_a_uuid_has_no_letter_case(client: VmaClient) -> None:
    assert (await state(client, vm_id=VM.upper())).power_state == "poweredOn"


@pytest.mark.parametrize("call", CALLS)
async def test_an_unknown_uuid_does_not_prove_that_the_vm_is_gone(
    simulator: VmaSimulator, client: VmaClient, call: _Call
) -> None:
    simulator.vcenters[sample.VCENTER_HOST].vms.clear()

    error = await failure_of(call, client)

    assert type(error) is PowerUnknown
    assert "does not prove that it is gone (HTTP 404)" in str(error)


@pytest.mark.parametrize("call", CALLS)
async def test_another_datacenter_says_nothing_of_the_vm(session: ClientSession, call: _Call) -> None:
    simulator = VmaSimulator(sample_vcenters(), power_datacenter="compiled in")
    await simulator.start()
    try:
        error = await failure_of(call, VmaClient(simulator.url, session))
    finally:
        await simulator.stop()

    assert type(error) is PowerUnknown
    assert "another datacenter only, which says nothing of the VM (HTTP 404)" in str(error)


@pytest.mark.parametrize("call", CALLS)
async def test_a_vcenter_that_is_down(simulator: VmaSimulator, client: VmaClient, call: _Call) -> None:
    simulator.set_vcenter_down(sample.VCENTER_HOST)

    error = await failure_of(call, client)

    assert type(error) is PowerUnknown
    assert "the agent's vCenter does not answer (HTTP 500)" in str(error)


@pytest.mark.parametrize("call", CALLS)
async def test_a_wrong_password(client: VmaClient, call: _Call) -> None:
    error = await failure_of(call, client, PASSWORD)

    assert type(error) is PowerUnknown
    assert "vCenter refuses the credential (HTTP 500)" in str(error)


@pytest.mark.parametrize("call", CALLS)
async def test_an_agent_that_is_down(simulator: VmaSimulator, client: VmaClient, call: _Call) -> None:
    await simulator.stop()

    error = await failure_of(call, client)

    assert type(error) is VmaUnreachable
    assert str(error) == "The VMware agent does not answer: ClientConnectorError"


@pytest.mark.parametrize("call", CALLS)
async def test_an_agent_that_goes_down_while_it_works(
    simulator: VmaSimulator, client: VmaClient, call: _Call
) -> None:
    simulator.hang(3600)
    asking = asyncio.create_task(failure_of(call, client))
    while not simulator.calls:  # noqa: ASYNC110 - the simulator has no event to wait for
        await asyncio.sleep(0.01)
    await simulator.stop()

    assert type(await asking) is VmaUnreachable


async def test_a_tunnel_that_hangs_costs_the_time_budget(
    simulator: VmaSimulator, session: ClientSession
) -> None:
    simulator.hang(3600)

    error = await failure_of(state, VmaClient(simulator.url, session, timeout_seconds=0.2))

    assert str(error) == "The VMware agent does not answer: TimeoutError"


async def test_a_power_off_may_take_longer_than_any_other_request(
    simulator: VmaSimulator, session: ClientSession
) -> None:
    # The client's own limit is over long before the guest is down; the agent may wait for it all the same.
    client = VmaClient(simulator.url, session, timeout_seconds=0.1)
    held = simulator.hold("power-off")
    switching = asyncio.ensure_future(off(client))
    await held.arrived.wait()
    await asyncio.sleep(0.3)
    held.released.set()

    assert (await switching).new_state == "poweredOff"


@pytest.mark.parametrize("effect", (True, False))
async def test_an_answer_that_is_lost_says_nothing(
    simulator: VmaSimulator, client: VmaClient, *, effect: bool
) -> None:
    simulator.lose("power-off", effect=effect)

    assert type(await failure_of(off, client)) is VmaUnreachable
    assert (simulator.vm(VM).power_state == "poweredOff") is effect


# Against an agent that answers as it is told


CHANGED = {"success": True, "new_state": "poweredOff"}


@pytest.mark.parametrize(
    "reply",
    (
        *(
            pytest.param(Reply(b"whatever\n", status, "text/plain"), id=str(status))
            for status in (201, 301, 302, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503, 504)
        ),
        pytest.param(Reply(b"{"), id="cut JSON"),
        pytest.param(Reply(b""), id="nothing"),
        pytest.param(Reply(b"<html>a login page</html>"), id="a web page"),
        pytest.param(answer([]), id="another shape"),
        pytest.param(answer({}), id="nothing said"),
        pytest.param(answer({"success": None, "power_state": None}), id="null"),
        pytest.param(answer({"success": False, "power_state": ""}), id="no success"),
        pytest.param(answer({"success": "perhaps", "power_state": 7}), id="other types"),
    ),
)
@pytest.mark.parametrize("call", CALLS)
async def test_nothing_but_a_clear_success_says_anything(
    odd_agent: OddAgent, odd_client: VmaClient, call: _Call, reply: Reply
) -> None:
    odd_agent.reply = reply

    assert type(await failure_of(call, odd_client)) is PowerUnknown
    assert len(odd_agent.requests) == 1


async def test_an_answer_about_another_vm_says_nothing(odd_agent: OddAgent, odd_client: VmaClient) -> None:
    odd_agent.reply = answer({"vm_id": sample.PGTEST2_ID, "power_state": "poweredOff"})

    assert "for another VM" in str(await failure_of(state, odd_client))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("vm_id", ("", " ", "..", "."))
async def test_a_vm_without_a_uuid_asks_nobody(
    odd_agent: OddAgent, odd_client: VmaClient, call: _Call, vm_id: str
) -> None:
    with pytest.raises(PowerUnknown, match="no uuid"):
        await call(odd_client, vm_id=vm_id)
    assert odd_agent.requests == []


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
@pytest.mark.parametrize("call", CALLS)
async def test_a_redirect_does_not_get_the_password(
    odd_agent: OddAgent, odd_client: VmaClient, call: _Call, status: int
) -> None:
    elsewhere = OddAgent(answer({**CHANGED, "power_state": "poweredOff"}))
    await elsewhere.start()
    odd_agent.reply = Reply(status=status, headers=(f"Location: {elsewhere.url}/api/v1/vm/x/power-state",))
    try:
        assert type(await failure_of(call, odd_client)) is PowerUnknown
    finally:
        await elsewhere.stop()
    assert elsewhere.requests == []


async def test_what_the_agent_gets(odd_agent: OddAgent, odd_client: VmaClient) -> None:
    odd_agent.reply = answer({**CHANGED, "power_state": "poweredOn"})
    for call in CALLS:
        await call(odd_client, PASSWORD, vm_id="a/b c")

    reading, *changes = (request.partition(b"\r\n\r\n") for request in odd_agent.requests)
    method, target, _ = reading[0].split(b"\r\n")[0].decode().split(" ")
    assert (method, urlsplit(target).path) == ("GET", "/api/v1/vm/a%2Fb%20c/power-state")
    assert dict(parse_qsl(urlsplit(target).query, keep_blank_values=True)) == {**WHO, "password": PASSWORD}
    assert [head.split(b"\r\n")[0] for head, _, _ in changes] == [
        b"POST /api/v1/vm/a%2Fb%20c/power-off HTTP/1.1",
        b"POST /api/v1/vm/a%2Fb%20c/power-on HTTP/1.1",
    ]
    asked = {**WHO, "password": PASSWORD, "vm_id": "a/b c"}
    assert [json.loads(body) for _, _, body in changes] == [
        {**asked, "force": False, "timeout": 5},
        {**asked, "wait_for_tools": False, "timeout": 30},
    ]


@pytest.mark.parametrize(
    "reply", (None, Reply(b"no", 500, "text/plain"), Reply(b"{", announced=4000), answer({}))
)
@pytest.mark.parametrize("call", CALLS)
async def test_the_password_is_in_no_log_and_no_error(
    odd_agent: OddAgent,
    odd_client: VmaClient,
    caplog: pytest.LogCaptureFixture,
    call: _Call,
    reply: Reply | None,
) -> None:
    odd_agent.reply = reply
    with caplog.at_level(logging.DEBUG):
        await failure_of(call, odd_client, PASSWORD)

    assert PASSWORD not in caplog.text
    assert "password=" not in caplog.text
    assert PASSWORD not in repr(odd_client)
