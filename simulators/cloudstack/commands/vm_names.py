"""Names of VMs (observed, section 3)."""

import re
import uuid
from collections.abc import Iterable

from simulators.cloudstack.entities import Network
from simulators.cloudstack.errors import bad_argument, refused
from simulators.cloudstack.world import World

_LONGEST_DISPLAY_NAME = 255
_GOOD = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_FIRST_PRINTABLE = 0x20


def require_good_name(command: str, name: str) -> None:
    """Check that it can be a host name.

    Raises:
        ApiError: 431 (with 9999), it cannot.
    """
    if _GOOD.fullmatch(name) is None:
        raise bad_argument(
            command,
            "Invalid value provided for API arg: name - it can contain ASCII letters 'a' through 'z', the"
            " digits '0' through '9', and the hyphen ('-'), must be between 1 and 63 characters long, and"
            " can't start or end with \"-\" and can't start with digit",
        )


def require_good_display_name(text: str) -> None:
    """Check the free text that people see.

    Raises:
        ApiError: 431, too long, or with characters that cannot be shown.
    """
    if len(text) > _LONGEST_DISPLAY_NAME:
        raise refused(f"Value greater than max allowed length {_LONGEST_DISPLAY_NAME} for param: displayName")
    if any(ord(character) < _FIRST_PRINTABLE for character in text):
        raise refused("Received value for displayName has illegal ASCII non-printable characters")


def generated_name(vm_id: str) -> str:
    """Return the name of a VM that was given none."""
    return f"VM-{uuid.UUID(vm_id)}"


def require_free_name(world: World, name: str, networks: Iterable[Network]) -> None:
    """Check the name against every VM on these networks, of whatever account and state.

    Letter case counts here, other than in lists. A VM without NICs, as a failed deploy leaves it, does not
    hold its name.

    Raises:
        ApiError: 431, it is taken on one of them.
    """
    for network in networks:
        if any(vm.name == name for vm in world.vms_on(network)):
            domain = "null" if network.domain is None else network.domain
            raise refused(
                f"The vm with hostName {name} already exists in the network domain: {domain};"
                f" network={network.name}"
            )
