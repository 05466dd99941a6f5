"""Section 7: what the server takes for a signature, and what it answers to anything else."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, quote_plus

import pytest
from cs import CloudStack

from tests.contract.cloud import Cloud
from tests.contract.raw_api import Encoder, Reply, java_encoded, moment, signature_of, unsigned
from tests.contract.target import KeyPair

Changes = dict[str, str | None]
MADE_UP = KeyPair("made-up-key", "made-up-secret")
SOON = timedelta(minutes=5)


def rfc3986(text: str) -> str:
    return quote(text, safe="")


def with_plus(text: str) -> str:
    return quote_plus(text, safe="*").replace("~", "%7E")


async def ask(cloud: Cloud, keyword: str, encode: Encoder = java_encoded, **changes: str | None) -> Reply:
    request = unsigned("listZones", {"keyword": keyword}, cloud.keys, **changes)
    signature = signature_of(request, cloud.keys.secret, encode=encode)
    return await cloud.api.send({**request, "signature": signature})


def require_refused(reply: Reply) -> None:
    """One and the same answer to all that is wrong with a signature."""
    assert (reply.status, reply.content_type, reply.key) == (401, "application/json", "listzonesresponse")
    assert set(reply.body) == {"uuidList", "errorcode", "errortext"}
    assert (reply.body["uuidList"], reply.body["errorcode"]) == ([], 401)


@pytest.mark.parametrize(
    "text",
    ("a~b", "a*b", "a b", *"+/=&%'()!,[]\":@$\\<>\n", "ü", "中文", "İ", "ẞ"),
    ids=ascii,
)
@pytest.mark.observed(7, "table: Java-style (* raw, ~ as %7E, space %20) is accepted for every character")
async def test_java_encoding_is_accepted(cloud: Cloud, text: str) -> None:
    assert (await ask(cloud, text)).status == 200


@pytest.mark.parametrize(
    ("text", "encode", "accepted"),
    (
        ("a~b", rfc3986, False),
        ("a*b", rfc3986, False),
        ("a b", rfc3986, True),
        ("a~b", with_plus, True),
        ("a*b", with_plus, True),
        ("a b", with_plus, False),
        ("a+b", rfc3986, True),
        ("ü", rfc3986, True),
        ("ü", with_plus, True),
    ),
)
@pytest.mark.observed(7, "table: RFC 3986 quoting fails for ~ and *, a + for a space fails for the space")
async def test_another_encoding_differs_where_it_was_seen_to(
    cloud: Cloud, text: str, encode: Encoder, *, accepted: bool
) -> None:
    reply = await ask(cloud, text, encode)
    if accepted:
        assert reply.status == 200
    else:
        require_refused(reply)


@pytest.mark.parametrize(
    "expires",
    (
        pytest.param(lambda: moment(SOON), id="+0000"),
        pytest.param(lambda: moment(SOON, "%Y-%m-%dT%H:%M:%SZ"), id="Z"),
        pytest.param(lambda: moment(SOON, "%Y-%m-%dT%H:%M:%S+00:00"), id="+00:00"),
        pytest.param(
            lambda: (datetime.now(timezone(timedelta(hours=-7))) + SOON).strftime("%Y-%m-%dT%H:%M:%S%z"),
            id="another zone",
        ),
        pytest.param(lambda: moment(timedelta(minutes=14)), id="14 minutes ahead"),
    ),
)
@pytest.mark.observed(7, "Accepted: expires as ...+0000, ...Z, ...+00:00, other zones")
async def test_an_expiry_in_this_form_is_accepted(cloud: Cloud, expires: Callable[[], str]) -> None:
    assert (await ask(cloud, "x", expires=expires())).status == 200


@pytest.mark.parametrize(
    "changes",
    (
        pytest.param(lambda: {"expires": moment(-timedelta(hours=1))}, id="expired"),
        pytest.param(lambda: {"expires": None}, id="none"),
        pytest.param(lambda: {"expires": "soon"}, id="unparsable"),
        pytest.param(lambda: {"expires": moment(SOON, "%Y-%m-%dT%H:%M:%S.000%z")}, id="milliseconds"),
    ),
)
@pytest.mark.observed(7, "All failures 401: expired, v3 without expires, unparsable, with milliseconds")
async def test_an_expiry_in_this_form_is_refused(cloud: Cloud, changes: Callable[[], Changes]) -> None:
    require_refused(await ask(cloud, "x", java_encoded, **changes()))


@pytest.mark.observed(7, "All failures 401, no cserrorcode key: wrong secret")
async def test_a_wrong_secret_is_refused(cloud: Cloud) -> None:
    request = unsigned("listZones", {}, cloud.keys)
    require_refused(await cloud.api.send({**request, "signature": signature_of(request, MADE_UP.secret)}))


@pytest.mark.observed(7, "All failures 401: wrong apiKey")
async def test_an_unknown_key_is_refused_in_the_same_words(cloud: Cloud) -> None:
    require_refused(await cloud.call("listZones", who=MADE_UP))


@pytest.mark.observed(7, "All failures 401: signature missing")
async def test_a_missing_signature_is_refused(cloud: Cloud) -> None:
    require_refused(await cloud.api.send(unsigned("listZones", {}, cloud.keys)))


@pytest.mark.observed(7, "No command: key is null")
async def test_without_a_command_the_wrapper_is_called_null(cloud: Cloud) -> None:
    reply = await cloud.api.send({"response": "json"})
    assert (reply.status, reply.key) == (401, "null")


@pytest.mark.parametrize("case_sensitive", (True, False), ids=("raw order", "lower-case order"))
@pytest.mark.observed(7, "Parameter order in the string to sign: raw, case-sensitive name order")
async def test_names_are_sorted_with_their_case(cloud: Cloud, *, case_sensitive: bool) -> None:
    request = unsigned("listZones", {"Zebra": "1"}, cloud.keys)
    order = sorted if case_sensitive else lambda names: sorted(names, key=str.lower)
    signature = signature_of(request, cloud.keys.secret, order=order)
    reply = await cloud.api.send({**request, "signature": signature})
    if case_sensitive:
        assert reply.status == 200
    else:
        require_refused(reply)


@pytest.mark.parametrize("method", ("GET", "POST"))
@pytest.mark.observed(7, "GET on list*/query* ok")
async def test_a_read_goes_by_either_method(cloud: Cloud, method: str) -> None:
    request = unsigned("listZones", {"keyword": "a~*b c"}, cloud.keys)
    signature = signature_of(request, cloud.keys.secret)
    reply = await cloud.api.send({**request, "signature": signature}, method=method)
    assert (reply.status, reply.key) == (200, "listzonesresponse")


@pytest.mark.parametrize(("text", "accepted"), (("a*b", True), ("a b", True), ("ü", True), ("a~b", False)))
@pytest.mark.observed(7, "table: cs 5.2.0 gets 401 for ~ and 200 for the rest")
async def test_the_cs_package_signs_all_but_the_tilde(cloud: Cloud, text: str, *, accepted: bool) -> None:
    request = unsigned("listZones", {"keyword": text}, cloud.keys)
    signer = CloudStack(endpoint=cloud.api.endpoint, key=cloud.keys.key, secret=cloud.keys.secret)
    signer._sign(request)  # type: ignore[no-untyped-call]  # cs types its public methods only
    reply = await cloud.api.send(request)
    assert (reply.status == 200) is accepted
