import asyncio
import socket
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from cloudstack import BadRequest, NotAuthenticated, NotTrusted, OutcomeUnknown, Transport, Unreachable
from cloudstack.transport import is_read
from tests.cloudstack.cloudstack_server import Dropped, FakeCloudStack, Reply, fault, reply
from tests.cloudstack.cs_signature import signature_of_cs

KEY = "made-up-api-key"
SECRET = "made-up-secret"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


async def test_a_request_is_a_signed_form_and_nothing_is_in_the_url(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.answer(reply("listVirtualMachines", {}))

    await transport.call("listVirtualMachines", {"keyword": "a b*ü+%&=", "tags[0].key": "k"})

    [params] = server.requests
    signature = params.pop("signature")
    assert signature == signature_of_cs(params, SECRET)
    assert params["keyword"] == "a b*ü+%&="
    assert params["apiKey"] == KEY
    assert (server.methods, server.queries) == (["POST"], [""])


async def test_the_content_of_the_envelope_is_returned(server: FakeCloudStack, transport: Transport) -> None:
    server.answer(reply("listZones", {"count": 1, "zone": [{"id": "z"}]}))

    assert await transport.call("listZones", {}) == {"count": 1, "zone": [{"id": "z"}]}


@pytest.mark.parametrize("command", ("listZones", "deployVirtualMachine"))
async def test_a_request_that_is_not_authenticated_is_signed_afresh_once(
    server: FakeCloudStack, command: str
) -> None:
    times = iter([NOON, NOON + timedelta(seconds=5)])
    server.answer(fault(command, 401, None), reply(command, {"jobid": "j"}))

    async with Transport(server.url, KEY, SECRET, clock=lambda: next(times)) as transport:
        assert await transport.call(command, {}, expires_in=60) == {"jobid": "j"}

    first, second = server.requests
    assert (first["expires"], second["expires"]) == ("2026-11-24T12:01:00+0000", "2026-11-24T12:01:05+0000")
    assert first["signature"] != second["signature"]


async def test_a_second_refusal_of_the_key_is_final(server: FakeCloudStack, transport: Transport) -> None:
    server.answer(fault("listZones", 401, None))

    with pytest.raises(NotAuthenticated):
        await transport.call("listZones", {})

    assert len(server.requests) == 2


async def test_a_write_on_a_kept_connection_that_the_server_closed_is_not_sent_again(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.answer(reply("stopVirtualMachine", {"jobid": "1"}), Dropped())
    await transport.call("stopVirtualMachine", {})

    with pytest.raises(OutcomeUnknown):
        await transport.call("stopVirtualMachine", {})

    assert len(server.requests) == 2


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that takes no connection: its queue of waiting ones is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.settimeout(0)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for caller in callers:
            caller.close()


@pytest.mark.parametrize("command", ("listZones", "deployVirtualMachine"))
async def test_a_refused_connection_means_that_nothing_ran(closed_port: int, command: str) -> None:
    endpoint = f"http://127.0.0.1:{closed_port}/client/api"

    async with Transport(endpoint, KEY, SECRET, retry_seconds=0.001) as transport:
        with pytest.raises(Unreachable) as caught:
            await transport.call(command, {})

    assert caught.value.code is None


async def test_a_connection_that_does_not_come_about_means_that_nothing_ran(deaf_port: int) -> None:
    endpoint = f"http://127.0.0.1:{deaf_port}/client/api"

    async with Transport(endpoint, KEY, SECRET, timeout_seconds=0.4) as transport:
        with pytest.raises(Unreachable):
            await transport.call("deployVirtualMachine", {})


async def test_an_unknown_host_means_that_nothing_ran() -> None:
    async with Transport("http://cloud.invalid/client/api", KEY, SECRET, timeout_seconds=2) as transport:
        with pytest.raises(Unreachable):
            await transport.call("deployVirtualMachine", {})


async def test_a_read_outlives_a_restart_of_the_server(closed_port: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"listzonesresponse": {"count": 0}})

    application = web.Application()
    application.router.add_post("/client/api", answer)
    restarted = TestServer(application, port=closed_port)
    endpoint = f"http://127.0.0.1:{closed_port}/client/api"

    async with Transport(endpoint, KEY, SECRET, read_retries=50, retry_seconds=0.01) as transport:
        reading = asyncio.create_task(transport.call("listZones", {}))
        await asyncio.sleep(0.02)
        await restarted.start_server()
        assert await reading == {"count": 0}

    await restarted.close()


async def test_redirects_are_not_followed() -> None:
    elsewhere = FakeCloudStack()
    await elsewhere.start()
    application = web.Application()

    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": elsewhere.url})

    application.router.add_post("/client/api", redirect)
    redirecting = TestServer(application)
    await redirecting.start_server()

    async with Transport(str(redirecting.make_url("/client/api")), KEY, SECRET) as redirected:
        with pytest.raises(BadRequest, match="307"):
            await redirected.call("listZones", {})

    assert elsewhere.requests == []
    await redirecting.close()
    await elsewhere.stop()


async def test_no_more_requests_are_under_way_than_allowed(server: FakeCloudStack) -> None:
    full = asyncio.Event()

    async def wait_for_company(_: dict[str, str]) -> Reply:
        if server.busy == 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0.02)
        return reply("listZones", {})

    server.behave(wait_for_company)
    async with Transport(server.url, KEY, SECRET, concurrency=3) as transport:
        await asyncio.gather(*(transport.call("listZones", {}) for _ in range(12)))

    assert server.most_busy == 3
    assert len(server.requests) == 12


async def test_neither_repr_nor_log_nor_traceback_shows_a_credential_or_parameter(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.answer(Dropped())
    params = {"name": "private-name"}

    with capture_logs() as logs, pytest.raises(OutcomeUnknown) as caught:
        await transport.call("deployVirtualMachine", params)

    shown = repr(transport) + str(logs) + "".join(traceback.format_exception(caught.value))
    for private in (KEY, SECRET, params["name"], server.requests[0]["signature"]):
        assert private not in shown
    [line] = logs
    assert line.keys() == {"event", "log_level", "command", "code", "ms"}
    assert (line["command"], line["code"], line["log_level"]) == ("deployVirtualMachine", None, "debug")


async def test_the_log_has_a_line_per_exchange_with_its_code(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.answer(fault("listZones", 503), reply("listZones", {}))

    with capture_logs() as logs:
        await transport.call("listZones", {})

    assert [line["code"] for line in logs] == [503, 200]


async def test_a_session_that_was_given_stays_open(server: FakeCloudStack) -> None:
    server.answer(reply("listZones", {}))
    async with aiohttp.ClientSession() as session:
        async with Transport(server.url, KEY, SECRET, session=session) as transport:
            await transport.call("listZones", {})
        assert not session.closed


async def test_a_closed_transport_opens_again_when_it_is_used(server: FakeCloudStack) -> None:
    server.answer(reply("listZones", {}))
    transport = Transport(server.url, KEY, SECRET)

    await transport.close()
    await transport.call("listZones", {})
    await transport.close()
    await transport.close()

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "endpoint",
    (
        "cloud.example.com/client/api",
        "ftp://cloud.example.com/client/api",
        "https:///client/api",
        "https://admin:made-up-password@cloud.example.com/client/api",
        "https://cloud.example.com/client/api?apiKey=made-up-password",
        "https://cloud.example.com/client/api#made-up-password",
    ),
)
def test_an_endpoint_that_is_none_is_refused_without_quoting_it(endpoint: str) -> None:
    with pytest.raises(ValueError, match="CloudStack endpoint") as caught:
        Transport(endpoint, KEY, SECRET)

    assert "made-up-password" not in str(caught.value)


@pytest.mark.parametrize("seconds", (0, 0.5, 901))
async def test_an_expiry_that_servers_refuse_is_refused(server: FakeCloudStack, seconds: float) -> None:
    with pytest.raises(ValueError, match="expiry"):
        Transport(server.url, KEY, SECRET, expiry_seconds=seconds)
    async with Transport(server.url, KEY, SECRET) as transport:
        with pytest.raises(ValueError, match="expiry"):
            await transport.call("listZones", {}, expires_in=seconds)
    assert server.requests == []


@pytest.mark.parametrize(
    ("command", "reads"),
    (
        ("listVirtualMachines", True),
        ("queryAsyncJobResult", True),
        ("getVMPassword", True),
        ("findHostsForMigration", True),
        ("getUploadParamsForVolume", False),
        ("deployVirtualMachine", False),
        ("destroyVirtualMachine", False),
    ),
)
def test_a_command_that_changes_something_is_no_read(command: str, *, reads: bool) -> None:
    assert is_read(command) is reads


class Authority:
    """A certificate authority of a test, and what it signs for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Authority {folder.name}")])
        certificate = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        folder.mkdir()
        self.file = folder / "ca.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._issued = folder / "server.pem"

    def context(self) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        certificate = (
            self._builder(name, key.public_key())
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
            )
            .add_extension(_usage(signs_certificates=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self._issued.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._issued)
        return context

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "own")


@pytest.fixture
async def secure_endpoint(authority: Authority) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"listzonesresponse": {"count": 0}})

    application = web.Application()
    application.router.add_post("/client/api", answer)
    secured = TestServer(application, scheme="https")
    await secured.start_server(ssl=authority.context())
    yield f"https://127.0.0.1:{secured.port}/client/api"
    await secured.close()


async def test_a_server_of_the_own_authority_is_trusted(secure_endpoint: str, authority: Authority) -> None:
    async with Transport(secure_endpoint, KEY, SECRET, ca_file=authority.file) as transport:
        assert await transport.call("listZones", {}) == {"count": 0}


async def test_a_server_of_an_unknown_authority_is_not_trusted(secure_endpoint: str) -> None:
    async with Transport(secure_endpoint, KEY, SECRET) as transport:
        with pytest.raises(NotTrusted):
            await transport.call("listZones", {})


async def test_with_an_own_authority_no_other_one_is_trusted(secure_endpoint: str, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")

    async with Transport(secure_endpoint, KEY, SECRET, ca_file=other.file) as transport:
        with pytest.raises(NotTrusted):
            await transport.call("listZones", {})


async def test_a_server_of_another_name_is_not_trusted(secure_endpoint: str, authority: Authority) -> None:
    endpoint = secure_endpoint.replace("127.0.0.1", "localhost")

    async with Transport(endpoint, KEY, SECRET, ca_file=authority.file) as transport:
        with pytest.raises(NotTrusted):
            await transport.call("listZones", {})


@pytest.mark.parametrize("content", (None, "no certificate\n"))
def test_a_ca_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ValueError, match=r"ca\.pem"):
        Transport("https://cloud.example.com/client/api", KEY, SECRET, ca_file=file)
