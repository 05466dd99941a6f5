"""What the agent's errors mean: it has no codes, each refusal is a 4xx or 5xx with a text (observed)."""

import re

from vma.errors import PowerUnknown, SourceRefused, VcenterUnreachable, VmaError, VmaUnreachable

_SERVER_ERROR = 500
_NOT_FOUND = 404
_GATEWAY_ERRORS = frozenset({502, 503, 504})
_UNREACHABLE = re.compile(
    r"dial tcp|connection refused|connection reset|i/o timeout|no route to host|network is unreachable"
    r"|no such host|deadline exceeded|TLS handshake timeout|: EOF$",
    re.IGNORECASE,
)
"""The agent answers 500 for everything and has no codes (observed): only the network errors of its own
language tell a vCenter that is down from one that says no. Whatever is not recognised is a refusal."""


def refusal(status: int, body: str) -> VmaError:
    """Return what the refusal of a discovery means."""
    if status in _GATEWAY_ERRORS:
        return VmaUnreachable(f"The way to the VMware agent is down (HTTP {status})")
    if status >= _SERVER_ERROR and _UNREACHABLE.search(body.strip()):
        return VcenterUnreachable(f"The agent's vCenter does not answer (HTTP {status})")
    if _refuses_credential(body):
        return SourceRefused("vCenter refuses the credential")
    if "datacenter" in body:
        return SourceRefused("vCenter does not know the datacenter")
    return SourceRefused(f"The VMware agent refuses the discovery (HTTP {status})")


def unknown_power(status: int, body: str) -> PowerUnknown:
    """Return what the refusal of a power call means: nobody can say. The text is only for people.

    A 404 does not mean that the VM is gone: the agent also gives it where the vCenter has no datacenter of
    the name that is compiled into the agent (observed).
    """
    if status in _GATEWAY_ERRORS:
        why = "the way to the VMware agent is down"
    elif status >= _SERVER_ERROR and _UNREACHABLE.search(body.strip()):
        why = "the agent's vCenter does not answer"
    elif _refuses_credential(body):
        why = "vCenter refuses the credential"
    elif status == _NOT_FOUND and "datacenter" in body:
        why = "the agent knows another datacenter only, which says nothing of the VM"
    elif status == _NOT_FOUND:
        why = "the agent does not find the VM, which does not prove that it is gone"
    else:
        why = "the VMware agent refuses"
    return PowerUnknown(f"The power of the source VM is unknown: {why} (HTTP {status})")


def _refuses_credential(body: str) -> bool:
    return "Login failure" in body or "incorrect user name or password" in body
