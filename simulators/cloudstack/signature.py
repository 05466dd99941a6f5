"""Verification of a request's signature and expiry (observed, section 7)."""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from simulators.cloudstack.errors import unauthorized

VERSION_WITH_EXPIRY = "3"
_FURTHEST_EXPIRY_WHEN_ENFORCED = timedelta(minutes=15)
_EXPIRES_FORMAT = "%Y-%m-%dT%H:%M:%S%z"


def java_encoded(value: str) -> str:
    """Return what java.net.URLEncoder makes of the value, with a space as %20."""
    return quote(value, safe="*").replace("~", "%7E")


def signature_of(raw: Mapping[str, str], secret: str) -> str:
    """Return the signature that the request ought to carry; names sorted with regard to case."""
    signed = "&".join(
        f"{name}={java_encoded(value)}" for name, value in sorted(raw.items()) if name.lower() != "signature"
    )
    digest = hmac.digest(secret.encode(), signed.lower().encode(), "sha1")
    return base64.b64encode(digest).decode()


def verify(raw: Mapping[str, str], secret: str, now: datetime, *, enforced: bool) -> None:
    """Check the signature and, where the request says version 3, its expiry.

    Args:
        raw: All parameters, decoded, with their names as sent.
        secret: The caller's.
        now: The server's time.
        enforced: ``enforce.post.requests.and.timestamps`` is on: an expiry is a must, at most 15 minutes
            ahead.

    Raises:
        ApiError: 401, whatever is wrong.
    """
    by_name = {name.lower(): value for name, value in raw.items()}
    has_expiry = by_name.get("signatureversion") == VERSION_WITH_EXPIRY
    if has_expiry or enforced:
        expires = _moment(by_name.get("expires", "")) if has_expiry else None
        if expires is None or expires < now:
            raise unauthorized()
        if enforced and expires > now + _FURTHEST_EXPIRY_WHEN_ENFORCED:
            raise unauthorized()
    if not hmac.compare_digest(by_name.get("signature", "").encode(), signature_of(raw, secret).encode()):
        raise unauthorized()


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _EXPIRES_FORMAT)  # noqa: DTZ007 (the format demands a zone)
    except ValueError:
        return None
