"""What goes wrong on the source side: a disaster is told from a refusal, and no credential is ever shown."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from aiohttp import ClientSession

from simulators.vma import VmaSimulator, sample
from tests.vma.odd_agent import OddAgent, Reply
from tests.vma.questions import PASSWORD, Question, everything_said
from vma import SourceRefused, VcenterUnreachable, VmaClient, VmaError, VmaUnreachable
from vma.errors import SourceUnreachable

PREFIX = "Discovery failed: failed to discover VMs from vCenter: "


async def failure_of(client: VmaClient, question: Question | None = None) -> VmaError:
    """Return the error of a discovery, after a look that it shows no credential."""
    asked = question or Question()
    with pytest.raises(VmaError) as caught:
        await asked.ask(client)
    said = everything_said(caught.value)
    assert asked.password not in said
    assert asked.username not in said
    return caught.value


async def arrival(simulator: VmaSimulator) -> None:
    while not simulator.calls:  # noqa: ASYNC110 - the simulator has no event to wait for
        await asyncio.sleep(0.01)


def vm(vm_id: str = sample.PGTEST1_ID, name: str = "pgtest1", **fields: object) -> dict[str, object]:
    return {"id": vm_id, "name": name, "networks": [], **fields}


def discovery(vms: object, host: str = sample.VCENTER_HOST) -> Reply:
    return Reply(json.dumps({"vcenter": {"host": host, "datacenter": "DC1"}, "vms": vms}).encode())


def plain(text: str, status: int = 500) -> Reply:
    return Reply(f"{text}\n".encode(), status, "text/plain")


# Against the simulated agent


async def test_a_wrong_password_is_a_refusal_and_no_disaster(client: VmaClient) -> None:
    error = await failure_of(client, Question(password="not-the-password"))

    assert isinstance(error, SourceRefused)
    assert str(error) == "vCenter refuses the credential"


async def test_an_unknown_datacenter_is_a_refusal(client: VmaClient) -> None:
    error = await failure_of(client, Question(datacenter="NOPE"))

    assert isinstance(error, SourceRefused)
    assert str(error) == "vCenter does not know the datacenter"


async def test_a_vcenter_that_is_down_behind_an_agent_that_answers(
    simulator: VmaSimulator, client: VmaClient
) -> None:
    simulator.set_vcenter_down(sample.VCENTER_HOST)

    error = await failure_of(client)

    assert isinstance(error, VcenterUnreachable)
    assert str(error) == "The agent's vCenter does not answer (HTTP 500)"


async def test_a_vcenter_whose_name_is_not_known_any_more(client: VmaClient) -> None:
    assert isinstance(await failure_of(client, Question(vcenter="gone.example.local")), VcenterUnreachable)


async def test_a_request_without_a_vcenter_is_a_refusal(client: VmaClient) -> None:
    error = await failure_of(client, Question(vcenter=""))

    assert isinstance(error, SourceRefused)
    assert str(error) == "The VMware agent refuses the discovery (HTTP 500)"


async def test_an_agent_that_is_down(simulator: VmaSimulator, client: VmaClient) -> None:
    await simulator.stop()

    error = await failure_of(client)

    assert isinstance(error, VmaUnreachable)
    assert str(error) == "The VMware agent does not answer: ClientConnectorError"


async def test_a_tunnel_that_hangs_costs_the_time_budget_and_no_more(
    simulator: VmaSimulator, session: ClientSession
) -> None:
    simulator.hang(3600)

    error = await failure_of(VmaClient(simulator.url, session, timeout_seconds=0.2))

    assert isinstance(error, VmaUnreachable)
    # On a busy machine the time may be over before the request arrives; it is never sent again.
    assert len(simulator.calls) <= 1


async def test_an_agent_that_goes_down_while_it_works(simulator: VmaSimulator, client: VmaClient) -> None:
    simulator.hang(3600)
    asking = asyncio.create_task(failure_of(client))
    await arrival(simulator)
    await simulator.stop()

    assert isinstance(await asking, VmaUnreachable)


async def test_a_cancel_stays_a_cancel(simulator: VmaSimulator, client: VmaClient) -> None:
    simulator.hang(3600)
    asking = asyncio.create_task(Question().ask(client))
    await arrival(simulator)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_after_a_failure_the_same_client_works(simulator: VmaSimulator, client: VmaClient) -> None:
    simulator.set_vcenter_down(sample.VCENTER_HOST)
    await failure_of(client)
    simulator.set_vcenter_down(sample.VCENTER_HOST, down=False)

    assert await Question().ask(client) is not None


# Against an agent that answers as it is told


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    (
        pytest.param(
            plain(f"{PREFIX}failed to connect to vCenter: ServerFaultCode: Login failure"),
            SourceRefused,
            "vCenter refuses the credential",
            id="password, simulated vCenter",
        ),
        pytest.param(
            plain(
                f"{PREFIX}failed to connect to vCenter: ServerFaultCode: Cannot complete login due to an "
                "incorrect user name or password."
            ),
            SourceRefused,
            "vCenter refuses the credential",
            id="password, vCenter",
        ),
        pytest.param(
            plain(
                f"{PREFIX}failed to discover VMs: failed to find datacenter NOPE: datacenter 'NOPE' not found"
            ),
            SourceRefused,
            "vCenter does not know the datacenter",
            id="datacenter",
        ),
        pytest.param(
            plain(f"{PREFIX}failed to find datacenter DC1: Post: dial tcp 10.0.0.1:443: i/o timeout"),
            VcenterUnreachable,
            "The agent's vCenter does not answer (HTTP 500)",
            id="lost while it looked for the datacenter",
        ),
        *(
            pytest.param(
                plain(f'{PREFIX}failed to connect to vCenter: Post "https://vcenter/sdk": {words}'),
                VcenterUnreachable,
                "The agent's vCenter does not answer (HTTP 500)",
                id=words,
            )
            for words in (
                "dial tcp 10.0.0.1:443: connect: connection refused",
                "dial tcp 10.0.0.1:443: connect: no route to host",
                "dial tcp: lookup vcenter: no such host",
                "read tcp 10.0.0.2:5->10.0.0.1:443: read: connection reset by peer",
                "context deadline exceeded",
                "net/http: TLS handshake timeout",
                "EOF",
            )
        ),
        pytest.param(
            plain("Invalid request: EOF", 400),
            SourceRefused,
            "The VMware agent refuses the discovery (HTTP 400)",
            id="the agent's own word of a short body",
        ),
        pytest.param(
            plain("Discovery failed: something new"),
            SourceRefused,
            "The VMware agent refuses the discovery (HTTP 500)",
            id="not recognised",
        ),
        pytest.param(
            plain("404 page not found", 404),
            SourceRefused,
            "The VMware agent refuses the discovery (HTTP 404)",
            id="another service",
        ),
        *(
            pytest.param(
                Reply(b"<h1>whatever</h1>", status, "text/html"),
                VmaUnreachable,
                f"The way to the VMware agent is down (HTTP {status})",
                id=f"gateway {status}",
            )
            for status in (502, 503, 504)
        ),
    ),
)
async def test_each_answer_that_is_no_discovery(
    odd_agent: OddAgent, odd_client: VmaClient, reply: Reply, kind: type[VmaError], text: str
) -> None:
    odd_agent.reply = reply

    error = await failure_of(odd_client)

    assert type(error) is kind
    assert str(error) == text


@pytest.mark.parametrize(
    "reply",
    (
        pytest.param(None, id="closed without a word"),
        pytest.param(Reply(b'{"vcenter":{"host"', announced=4000), id="cut short"),
        pytest.param(Reply(plain("x").body, 500, announced=4000), id="an error cut short"),
    ),
)
async def test_a_connection_that_breaks_is_an_agent_that_does_not_answer(
    odd_agent: OddAgent, odd_client: VmaClient, reply: Reply | None
) -> None:
    odd_agent.reply = reply

    assert isinstance(await failure_of(odd_client), VmaUnreachable)


@pytest.mark.parametrize(
    "reply",
    (
        pytest.param(Reply(b'{"vcenter":{"host":"vcenter.example.local"},"vms":[{"id":"7ff5'), id="cut JSON"),
        pytest.param(Reply(b""), id="nothing"),
        pytest.param(Reply(b"<html>a login page</html>", content_type="text/html"), id="a web page"),
        pytest.param(Reply(b"[]"), id="another shape"),
        pytest.param(Reply(b"{}"), id="no list, which is not an empty one"),
        pytest.param(discovery(None), id="null instead of a list"),
        pytest.param(discovery([{"name": "pgtest1"}]), id="a VM without a uuid"),
        pytest.param(discovery([vm(networks="two")]), id="NICs that are none"),
        pytest.param(Reply(b"\xff\xfe\x00", content_type="application/json; charset=x-odd"), id="no text"),
    ),
)
async def test_an_answer_that_cannot_be_read_is_a_refusal(
    odd_agent: OddAgent, odd_client: VmaClient, reply: Reply
) -> None:
    odd_agent.reply = reply

    error = await failure_of(odd_client)

    assert isinstance(error, SourceRefused)
    assert str(error) == "The VMware agent's answer cannot be read"


async def test_the_answer_of_another_vcenter_is_refused(odd_agent: OddAgent, odd_client: VmaClient) -> None:
    odd_agent.reply = discovery([vm()], host="vcenter-of-another-site.example.local")

    error = await failure_of(odd_client)

    assert isinstance(error, SourceRefused)
    assert str(error) == "The VMware agent answers for another vCenter"


@pytest.mark.parametrize("host", (sample.VCENTER_HOST.upper(), ""))
async def test_a_vcenter_is_the_same_in_any_letter_case_and_may_be_left_out(
    odd_agent: OddAgent, odd_client: VmaClient, host: str
) -> None:
    odd_agent.reply = discovery([vm()], host=host)

    assert await Question().ask(odd_client) is not None


async def test_what_the_agent_has_as_null_is_absent_and_spoils_nothing(
    odd_agent: OddAgent, odd_client: VmaClient
) -> None:
    odd_agent.reply = discovery(
        [
            vm("853e4689-789b-441f-8c1d-1ef9a18c1bec", "without NICs", networks=None, num_cpu=None),
            vm(networks=[{"network_name": "VM Network", "mac_address": None}], added_later={"a": 1}),
        ]
    )

    found = await Question().ask(odd_client)

    assert found is not None
    assert [(nic.network_name, nic.mac_address) for nic in found.networks] == [("VM Network", "")]


@pytest.mark.parametrize(
    ("names", "found"),
    (
        (("pgtest1-copy", "pgtest1"), "pgtest1"),
        (("pgtest1-copy", "pgtest1-another"), None),
        (("pgtest1", "pgtest1"), None),
    ),
)
async def test_of_several_vms_with_one_uuid_only_the_one_with_the_name_is_taken(
    odd_agent: OddAgent, odd_client: VmaClient, names: Sequence[str], found: str | None
) -> None:
    odd_agent.reply = discovery([vm(name=name) for name in names])

    if found is None:
        error = await failure_of(odd_client)
        assert isinstance(error, SourceRefused)
        assert str(error) == "Several VMs of this vCenter have the same uuid"
    else:
        answer = await Question().ask(odd_client)
        assert answer is not None
        assert answer.name == found


@pytest.mark.parametrize("status", (301, 302, 303, 307, 308))
async def test_a_redirect_does_not_get_the_password(
    odd_agent: OddAgent, odd_client: VmaClient, session: ClientSession, status: int
) -> None:
    elsewhere = OddAgent(discovery([vm()]))
    await elsewhere.start()
    odd_agent.reply = Reply(status=status, headers=(f"Location: {elsewhere.url}/api/v1/discover",))
    try:
        error = await failure_of(odd_client)
    finally:
        await elsewhere.stop()

    assert isinstance(error, SourceRefused)
    assert elsewhere.requests == []
    assert len(odd_agent.requests) == 1
    assert not session.closed


async def test_the_password_is_in_the_body_of_the_one_request_and_nowhere_else(
    odd_agent: OddAgent, odd_client: VmaClient
) -> None:
    odd_agent.reply = discovery([vm()])

    await Question().ask(odd_client)

    (request,) = odd_agent.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/discover HTTP/1.1\r\n")
    assert PASSWORD.encode() not in head
    assert json.loads(body) == {
        "vcenter": sample.VCENTER_HOST,
        "username": sample.VCENTER_USERNAME,
        "password": PASSWORD,
        "datacenter": sample.DATACENTER,
        "filter": "pgtest1",
    }


@pytest.mark.parametrize(
    ("kind", "is_disaster"),
    ((VmaUnreachable, True), (VcenterUnreachable, True), (SourceRefused, False)),
)
def test_only_who_does_not_answer_is_a_disaster(kind: type[VmaError], *, is_disaster: bool) -> None:
    assert issubclass(kind, SourceUnreachable) is is_disaster
