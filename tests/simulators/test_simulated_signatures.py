"""Section 7 of cloudstack-observed.md: what is accepted and what is 401."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from cs import CloudStack

from simulators.cloudstack import CloudStackSimulator, Credentials, sample
from tests.simulators.simulator_cloud import Cloud, running_cloud, sign, signed

REFUSED = {
    "uuidList": [],
    "errorcode": 401,
    "errortext": "unable to verify user credentials and/or request signature",
}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        yield running


def request_with(**params: str) -> dict[str, str]:
    request = {"command": "listZones", "response": "json", "apiKey": sample.ADMIN.key, **params}
    return {**request, "signature": sign(request, sample.ADMIN.secret)}


def moment(seconds: float, pattern: str = "%Y-%m-%dT%H:%M:%S%z", zone: timezone = UTC) -> str:
    return (datetime.now(zone) + timedelta(seconds=seconds)).strftime(pattern)


@pytest.mark.parametrize(
    "request_params",
    (
        pytest.param(lambda: signed("listZones", {}, Credentials(sample.ADMIN.key, "wrong")), id="secret"),
        pytest.param(lambda: signed("listZones", {}, Credentials("none", sample.ADMIN.secret)), id="key"),
        pytest.param(lambda: request_with(signatureVersion="3", expires=moment(-2)), id="just expired"),
        pytest.param(lambda: request_with(signatureVersion="3"), id="v3 without expires"),
        pytest.param(lambda: request_with(signatureVersion="3", expires="soon"), id="unparsable"),
        pytest.param(
            lambda: request_with(signatureVersion="3", expires=moment(60, "%Y-%m-%dT%H:%M:%S.000%z")),
            id="milliseconds",
        ),
        pytest.param(
            lambda: request_with(signatureVersion="3", expires=moment(60, "%Y-%m-%dT%H:%M:%S")),
            id="no zone",
        ),
        pytest.param(lambda: request_with() | {"signature": ""}, id="empty signature"),
        pytest.param(
            lambda: {name: text for name, text in request_with().items() if name != "signature"},
            id="no signature",
        ),
        pytest.param(lambda: request_with() | {"keyword": "smuggled"}, id="parameter not signed"),
    ),
)
async def test_every_signature_failure_is_the_same_401_without_cserrorcode(
    cloud: Cloud, request_params: Callable[[], dict[str, str]]
) -> None:
    reply = await cloud.send(request_params())
    assert (reply.status, reply.key, reply.body) == (401, "listzonesresponse", REFUSED)


async def test_a_request_without_a_command_is_401_under_the_key_null(cloud: Cloud) -> None:
    reply = await cloud.send({"response": "json"})
    assert (reply.status, reply.key, reply.body) == (401, "null", REFUSED)


@pytest.mark.parametrize(
    "request_params",
    (
        pytest.param(lambda: request_with(signatureVersion="3", expires=moment(60)), id="+0000"),
        pytest.param(
            lambda: request_with(signatureVersion="3", expires=moment(60, "%Y-%m-%dT%H:%M:%SZ")), id="Z"
        ),
        pytest.param(
            lambda: request_with(signatureVersion="3", expires=moment(60, "%Y-%m-%dT%H:%M:%S+00:00")),
            id="+00:00",
        ),
        pytest.param(
            lambda: request_with(
                signatureVersion="3", expires=moment(60, zone=timezone(timedelta(hours=-7)))
            ),
            id="another zone",
        ),
        pytest.param(lambda: request_with(signatureVersion="3", expires=moment(86400)), id="a day ahead"),
        pytest.param(request_with, id="v1 without expires"),
        pytest.param(lambda: request_with(expires=moment(-3600)), id="past expires without version"),
    ),
)
async def test_these_expiries_are_accepted(
    cloud: Cloud, request_params: Callable[[], dict[str, str]]
) -> None:
    reply = await cloud.send(request_params())
    assert reply.status == 200, reply.body


def java(text: str) -> str:
    return quote(text, safe="*").replace("~", "%7E")


def rfc3986(text: str) -> str:
    return quote(text, safe="")


def java_with_plus(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


OTHERS = "+/=&%'()!,[]\":@$\\<>\nü汉İẞ"


@pytest.mark.parametrize(
    ("value", "encode", "status"),
    (
        ("~", java, 200), ("~", rfc3986, 401), ("~", java_with_plus, 200),
        ("*", java, 200), ("*", rfc3986, 401), ("*", java_with_plus, 200),
        ("a b", java, 200), ("a b", rfc3986, 200), ("a b", java_with_plus, 401),
        *((character, java, 200) for character in OTHERS),
        *((character, rfc3986, 200) for character in OTHERS),
        ("\U0001f600", java, 530), ("\U0001f600", rfc3986, 530), ("\U0001f600", java_with_plus, 530),
    ),
)  # fmt: skip
@pytest.mark.parametrize("method", ("GET", "POST"))
async def test_the_encoding_of_a_signed_value_decides(
    cloud: Cloud, value: str, encode: Callable[[str], str], status: int, method: str
) -> None:
    request = {"command": "listZones", "response": "json", "apiKey": sample.ADMIN.key, "keyword": value}
    text = "&".join(f"{name}={encode(request[name])}" for name in sorted(request)).lower()
    digest = hmac.new(sample.ADMIN.secret.encode(), text.encode(), hashlib.sha1).digest()
    reply = await cloud.send({**request, "signature": base64.b64encode(digest).decode()}, method)
    assert reply.status == status, reply.body


@pytest.mark.parametrize(("order", "status"), ((str, 200), (str.lower, 401)))
async def test_names_are_sorted_with_regard_to_letter_case(
    cloud: Cloud, order: Callable[[str], str], status: int
) -> None:
    request = {"command": "listZones", "response": "json", "apiKey": sample.ADMIN.key, "Zeta": "1"}
    text = "&".join(f"{name}={java(request[name])}" for name in sorted(request, key=order)).lower()
    digest = hmac.new(sample.ADMIN.secret.encode(), text.encode(), hashlib.sha1).digest()
    reply = await cloud.send({**request, "signature": base64.b64encode(digest).decode()})
    assert reply.status == status


@pytest.mark.parametrize(("value", "status"), (("plain", 200), ("a*b c", 200), ("a~b", 401)))
async def test_signatures_of_the_cs_package_are_accepted_except_with_a_tilde(
    cloud: Cloud, value: str, status: int
) -> None:
    client: Any = CloudStack(cloud.sim.endpoint, sample.ADMIN.key, sample.ADMIN.secret, method="post")
    _, params = client._prepare_request("listZones", keyword=value)
    client._sign(params)
    client.session.close()
    reply = await cloud.send(params)
    assert reply.status == status


async def test_without_response_json_the_answer_is_xml_an_error_too(cloud: Cloud) -> None:
    good = {"command": "listZones", "apiKey": sample.ADMIN.key}
    for request, status in ((good | {"signature": sign(good, sample.ADMIN.secret)}, 200), (good, 401)):
        async with cloud.session.post(cloud.sim.endpoint, data=request) as answer:
            text = await answer.text()
        assert (answer.status, answer.content_type) == (status, "text/xml")
        assert "<listzonesresponse" in text
        assert (f"<name>{sample.ZONE_NAME}</name>" in text) is (status == 200)


@pytest.mark.parametrize(
    ("command", "method", "lifetime", "status"),
    (
        ("startVirtualMachine", "GET", 60, 400),
        ("listZones", "GET", 60, 200),
        ("listZones", "POST", 14 * 60 + 50, 200),
        ("listZones", "POST", 16 * 60, 401),
        ("startVirtualMachine", "POST", 60, 431),
    ),
)
async def test_enforced_posts_and_timestamps(command: str, method: str, lifetime: int, status: int) -> None:
    async with running_cloud(CloudStackSimulator(enforce_post=True)) as cloud:
        reply = await cloud.call(command, id=sample.ZONE_ID, method=method, lifetime=lifetime)
        assert reply.status == status
        without_expiry = await cloud.send(request_with())
        assert without_expiry.status == 401


async def test_a_long_get_is_414_and_a_large_post_is_404_both_html(cloud: Cloud) -> None:
    status, content_type, text = await cloud.raw("listZones", keyword="x" * 8300)
    assert (status, content_type) == (414, "text/html")
    assert "URI Too Long" in text
    body = urlencode(signed("listZones", {"keyword": "x" * (1024 * 1024)}, sample.ADMIN)).encode()
    async with cloud.session.post(cloud.sim.endpoint, data=BytesIO(body)) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")


async def test_a_fault_recorded_call_holds_no_credential(cloud: Cloud) -> None:
    await cloud.call("listZones", keyword="abc", userdata="c2VjcmV0")
    [call] = cloud.sim.calls_of("listZones")
    assert call.params["keyword"] == "abc"
    assert not {"apikey", "signature", "userdata"} & set(call.params)
    shown = repr((call, cloud.world.admin, sample.ADMIN, cloud.sim))
    assert sample.ADMIN.secret not in shown
    assert sample.ADMIN.key not in shown
