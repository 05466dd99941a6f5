"""The signature as the `cs` package makes it, which real servers accept for values without a tilde."""

from collections.abc import Mapping

from cs import CloudStack


def signature_of_cs(params: Mapping[str, str], secret: str) -> str:
    client = CloudStack(endpoint="http://127.0.0.1/client/api", key="unused", secret=secret)
    to_sign = dict(params)
    client._sign(to_sign)  # type: ignore[no-untyped-call]  # cs types its public methods only
    return to_sign["signature"]
