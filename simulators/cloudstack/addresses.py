"""MAC and IP addresses of networks: who holds them, and which are free."""

import ipaddress
import re
from typing import TYPE_CHECKING

from simulators.cloudstack.entities import Network, NetworkType

if TYPE_CHECKING:
    from simulators.cloudstack.state import State

_MULTICAST_BIT = 0x01
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class MacNotValidError(ValueError):
    """It is no MAC address."""


class MacNotUnicastError(ValueError):
    """It is a multicast MAC address."""


def normalised_mac(text: str) -> str:
    """Return the MAC as the server stores it: lower case, with colons (observed, section 1).

    Raises:
        MacNotValidError: It is none.
        MacNotUnicastError: It addresses a group.
    """
    mac = text.strip().lower().replace("-", ":")
    if _MAC.fullmatch(mac) is None:
        raise MacNotValidError
    if int(mac[:2], 16) & _MULTICAST_BIT:
        raise MacNotUnicastError
    return mac


def is_ipv4(text: str) -> bool:
    """Tell whether it is a complete IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def macs_in(state: "State", network: Network) -> set[str]:
    """Return the MACs held in the network, by Destroyed VMs too (observed, section 1)."""
    return {nic.mac for vm in state.vms_existing() for nic in vm.nics if nic.network is network}


def free_mac(state: "State", network: Network) -> str:
    """Return a new MAC that nobody holds in the network."""
    held = macs_in(state, network)
    while (mac := state.ids.mac()) in held:
        continue
    return mac


def can_give(state: "State", network: Network, ip: str) -> bool:
    """Tell whether a VM may have this IP: in the network's range and nobody's."""
    return ip in _range(network) and ip not in _ips_in(state, network)


def free_ip(state: "State", network: Network) -> str:
    """Return the first free IP of the network; empty on L2, which has none.

    Raises:
        LookupError: The range is used up.
    """
    if network.type is NetworkType.L2:
        return ""
    held = _ips_in(state, network)
    for ip in _range(network):
        if ip not in held:
            return ip
    raise LookupError(f"no free address in {network.name}")


def _ips_in(state: "State", network: Network) -> set[str]:
    return {nic.ip for vm in state.vms_existing() for nic in vm.nics if nic.network is network}


def _range(network: Network) -> list[str]:
    first, last = ipaddress.IPv4Address(network.start_ip), ipaddress.IPv4Address(network.end_ip)
    return [str(ipaddress.IPv4Address(value)) for value in range(int(first), int(last) + 1)]
