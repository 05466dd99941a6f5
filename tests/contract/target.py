"""Which CloudStack the contract suite runs against: the bundled simulator, or one that the environment names.

``CLOUDSTACK_CONTRACT_*`` is read when this module is imported. That is before a test session forgets all
settings of real systems, if the session was started for this folder (``make contract``), and after it in
every other session, which therefore always runs against the bundled simulator.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PREFIX = "CLOUDSTACK_CONTRACT_"
_ENDPOINT, _KEY, _SECRET = f"{PREFIX}ENDPOINT", f"{PREFIX}KEY", f"{PREFIX}SECRET"
_PLAIN_KEY, _PLAIN_SECRET = f"{PREFIX}PLAIN_KEY", f"{PREFIX}PLAIN_SECRET"
_MAY_DESTROY = f"{PREFIX}MAY_DESTROY"
NAMES = (_ENDPOINT, _KEY, _SECRET, _PLAIN_KEY, _PLAIN_SECRET, _MAY_DESTROY)

ENVIRONMENT: Mapping[str, str] = {
    name: value for name, value in os.environ.items() if name.startswith(PREFIX) and value
}
"""What this session was given."""


class TargetRefusedError(ValueError):
    """The environment names a CloudStack, and not well enough to let a suite loose on it."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An API key with its secret; neither shows in a repr."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """A CloudStack.

    Attributes:
        endpoint: URL of its API.
        admin: A root admin's keys.
        plain: An ordinary user's; None where there are none.
    """

    endpoint: str
    admin: KeyPair
    plain: KeyPair | None


def named_target(environment: Mapping[str, str]) -> Target | None:
    """Return the CloudStack that the environment names, None where it names none.

    Raises:
        TargetRefusedError: A name is unknown, a half is missing, the endpoint is no URL, or nobody said
            that things may be destroyed at that host. No value is quoted but the host.
    """
    unknown = sorted(set(environment) - set(NAMES))
    if unknown:
        raise TargetRefusedError(f"unknown: {', '.join(unknown)}; there is {', '.join(NAMES)}")
    if not environment:
        return None
    missing = [name for name in (_ENDPOINT, _KEY, _SECRET) if name not in environment]
    if missing:
        raise TargetRefusedError(f"to run against a CloudStack, set {' and '.join(missing)} too")
    if (_PLAIN_KEY in environment) is not (_PLAIN_SECRET in environment):
        raise TargetRefusedError(f"{_PLAIN_KEY} and {_PLAIN_SECRET} go together: set both or neither")
    host = _host_of(environment[_ENDPOINT])
    if environment.get(_MAY_DESTROY, "").lower() != host:
        raise TargetRefusedError(
            f"this suite creates and destroys VMs, volumes, snapshots and networks. To let it do so at"
            f" {host}, set {_MAY_DESTROY}={host}"
        )
    plain = (
        KeyPair(environment[_PLAIN_KEY], environment[_PLAIN_SECRET]) if _PLAIN_KEY in environment else None
    )
    return Target(environment[_ENDPOINT], KeyPair(environment[_KEY], environment[_SECRET]), plain)


def _host_of(endpoint: str) -> str:
    """Return the host in lower case, without the port."""
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise TargetRefusedError(f"{_ENDPOINT} must be an http(s) URL without user and query")
    return parts.hostname
