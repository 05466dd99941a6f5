import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudstack import sign, signed
from cloudstack.signing import encoded
from tests.cloudstack.cs_signature import signature_of_cs

SECRET = "made-up-secret"
NOON = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)

# Names and values as they occur, and everything that URL encoders disagree about except "~".
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="~"))
names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789[].", min_size=1).filter(
    lambda name: name != "signature"
)


def of_text(text: str) -> str:
    digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


@given(st.dictionaries(names, texts, min_size=1))
def test_the_signature_is_the_one_of_the_cs_package(params: dict[str, str]) -> None:
    assert sign(params, SECRET) == signature_of_cs(params, SECRET)


@pytest.mark.parametrize(
    ("value", "expected"),
    (
        ("~", "%7E"),
        ("*", "*"),
        ("a b", "a%20b"),
        ("+", "%2B"),
        ("/", "%2F"),
        ("=&", "%3D%26"),
        ("%", "%25"),
        ("'()!", "%27%28%29%21"),
        (',[]":@$', "%2C%5B%5D%22%3A%40%24"),
        ("\\<>\n", "%5C%3C%3E%0A"),
        (".-_", ".-_"),
        ("ü", "%C3%BC"),
        ("界", "%E7%95%8C"),
        ("İẞ", "%C4%B0%E1%BA%9E"),
    ),
)
def test_a_value_is_encoded_as_the_server_encodes_it(value: str, expected: str) -> None:
    assert encoded(value) == expected


def test_a_tilde_is_signed_as_the_server_does_and_not_as_cs_does() -> None:
    params = {"command": "listZones", "keyword": "a~b"}

    assert sign(params, SECRET) == of_text("command=listzones&keyword=a%7eb")
    assert sign(params, SECRET) != signature_of_cs(params, SECRET)


def test_names_are_sorted_as_they_are_written_before_the_string_is_lower_cased() -> None:
    params = {"b": "1", "C": "2", "a": "3"}

    assert sign(params, SECRET) == of_text("c=2&a=3&b=1")


def test_brackets_in_names_are_signed_raw() -> None:
    params = {"iptonetworklist[0].mac": "02:00:00:00:00:01"}

    assert sign(params, SECRET) == of_text("iptonetworklist[0].mac=02%3a00%3a00%3a00%3a00%3a01")


def test_a_signature_among_the_parameters_is_not_signed() -> None:
    params = {"command": "listZones"}

    assert sign({**params, "signature": "old"}, SECRET) == sign(params, SECRET)


def test_a_signed_request_is_complete_and_its_signature_covers_all_of_it() -> None:
    request = signed({"command": "listZones"}, api_key="made-up", secret=SECRET, expires_in=60, now=NOON)

    signature = request.pop("signature")
    assert request == {
        "command": "listZones",
        "apiKey": "made-up",
        "response": "json",
        "signatureVersion": "3",
        "expires": "2026-11-24T12:01:00+0000",
    }
    assert signature == signature_of_cs(request, SECRET)


def test_the_expiry_is_in_utc_whatever_zone_the_clock_has() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))

    request = signed({}, api_key="k", secret=SECRET, expires_in=0, now=there)

    assert request["expires"] == "2026-11-24T12:00:00+0000"
