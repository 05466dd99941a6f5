"""CloudStack's request signature, version 3.

The rules were observed on a 4.22.0.0 server (cloudstack-observed.md, section 7): a request whose string to
sign differs in one byte is answered 401, with the same text as a wrong secret.
"""

import base64
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

EXPIRES_FORMAT = "%Y-%m-%dT%H:%M:%S+0000"
"""``expires`` in UTC. With milliseconds the server answers 401."""


def encoded(value: str) -> str:
    """Encode one value as the server does before it compares signatures.

    That is Java's ``URLEncoder`` with the space as ``%20``: ``*`` stays as it is and ``~`` does not, the
    reverse of what RFC 3986 says and Python does.

    Raises:
        UnicodeEncodeError: The value holds half of a surrogate pair, which no request can carry.
    """
    return quote(value, safe="*").replace("~", "%7E")


def sign(params: Mapping[str, str], secret: str) -> str:
    """Return the signature of a request.

    Args:
        params: Every parameter that is sent. A ``signature`` among them is left out of the calculation.
        secret: The secret key of the API user.

    Returns:
        HMAC-SHA1 in base64, of the lower-cased string of all parameters in the order of their names. The
        order is that of the names as they are sent: sorted after lower-casing, some requests fail.
    """
    names = sorted(name for name in params if name != "signature")
    text = "&".join(f"{name}={encoded(params[name])}" for name in names).lower()
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode("ascii")


def signed(
    params: Mapping[str, str], *, api_key: str, secret: str, expires_in: float, now: datetime
) -> dict[str, str]:
    """Return the parameters with everything that authenticates them.

    Args:
        params: ``command`` and its arguments.
        api_key: The API key of the caller.
        secret: Its secret key.
        expires_in: For how many seconds from ``now`` the server accepts the request.
        now: An aware time. The expiry is cut to whole seconds, so it is never later than asked for.
    """
    expires = (now + timedelta(seconds=expires_in)).astimezone(UTC)
    request = {
        **params,
        "apiKey": api_key,
        "response": "json",
        "signatureVersion": "3",
        "expires": expires.strftime(EXPIRES_FORMAT),
    }
    request["signature"] = sign(request, secret)
    return request
