"""Which NICs a new VM gets (observed, section 1)."""

from dataclasses import dataclass, replace

from simulators.cloudstack.addresses import (
    MacNotUnicastError,
    MacNotValidError,
    can_give,
    is_ipv4,
    macs_in,
    normalised_mac,
)
from simulators.cloudstack.commands.invocation import Invocation
from simulators.cloudstack.entities import Account, Network, NetworkType, Vm, Zone
from simulators.cloudstack.errors import ApiError, Code, Detail, internal, refused, unknown_entity
from simulators.cloudstack.faults import FaultKind


@dataclass(frozen=True, slots=True)
class NicRequest:
    """One NIC that was asked for, at its place in device order; empty ``mac`` and ``ip`` are any free one."""

    network: Network
    mac: str = ""
    ip: str = ""
    is_default: bool = False


def requested_nics(inv: Invocation, owner: Account, zone: Zone) -> list[NicRequest]:
    """Return the NICs in device order, checked as far as it goes without the addresses in use.

    Raises:
        ApiError: 431 for parameters that contradict each other, an unknown network or a bad address; 531
            for a network that is the owner's no more than anybody's.
    """
    params = inv.params
    entries = params.array("iptonetworklist")
    if entries and (params.get("networkids") or params.get("ipaddress")):
        raise refused("ipToNetworkMap can't be specified along with networkIds or ipAddress")
    wanted = _by_list(inv, entries) if entries else _by_ids(inv, owner)
    for nic in wanted:
        network = nic.network
        if network.zone is not zone:
            raise refused(f"Network id={network.id} doesn't belong to zone {zone.id}")
        if network.account not in (None, owner):
            raise ApiError(
                Code.PERMISSION,
                f"Unable to use network with id= {network.id}, permission denied",
                Detail.PERMISSION,
            )
    return wanted


def place_nics(inv: Invocation, vm: Vm, wanted: list[NicRequest]) -> None:
    """Give the VM its NICs.

    Raises:
        ApiError: 530, an IP is taken or outside the range, or there is none left.
    """
    for nic in wanted:
        if nic.ip and not can_give(inv.world, nic.network, nic.ip):
            raise _no_address(nic.network)
    backwards = inv.has_fault(FaultKind.WRONG_NIC_ORDER)
    for nic in reversed(wanted) if backwards else wanted:
        mac = "" if inv.has_fault(FaultKind.WRONG_MAC) else nic.mac
        try:
            inv.world.add_nic(vm, nic.network, is_default=nic.is_default, mac=mac, ip=nic.ip)
        except LookupError:
            raise _no_address(nic.network) from None


def require_free_macs(inv: Invocation, wanted: list[NicRequest]) -> None:
    """Check that no MAC is held in its network, not even by a Destroyed VM.

    Raises:
        ApiError: 431, one is.
    """
    for nic in wanted:
        if nic.mac and nic.mac in macs_in(inv.world, nic.network):
            raise refused(f"The requested Mac address is already taken! {nic.mac}")


def _by_list(inv: Invocation, entries: list[dict[str, str]]) -> list[NicRequest]:
    """Read iptonetworklist. A network that comes twice makes one NIC, silently."""
    wanted: dict[str, NicRequest] = {}
    for entry in entries:
        network = inv.world.networks.get(entry.get("networkid", "").lower())
        if network is None or network.removed:
            raise refused(f"Unable to translate and find entity with networkId: {entry.get('networkid', '')}")
        mac = _good_mac(entry.get("mac", ""))
        wanted[network.id] = NicRequest(network, mac, _good_ip(network, entry.get("ip", "")))
    return _first_is_default(list(wanted.values()))


def _by_ids(inv: Invocation, owner: Account) -> list[NicRequest]:
    """Read networkids; ipaddress or macaddress make the default NIC the last one."""
    networks: dict[str, Network] = {}
    for value in inv.params.many("networkids"):
        network = inv.world.networks.get(value.lower())
        if network is None or network.removed:
            raise unknown_entity(inv.params.command, "networkids", value)
        networks[network.id] = network
    if not networks:
        only = _own_isolated_network(inv, owner)
        networks[only.id] = only
    wanted = _first_is_default([NicRequest(network) for network in networks.values()])
    mac, ip = _good_mac(inv.params.get("macaddress")), inv.params.get("ipaddress")
    if not mac and not ip:
        return wanted
    default = replace(wanted[0], mac="" if ip else mac, ip=_good_ip(wanted[0].network, ip))
    return [*wanted[1:], default]


def _own_isolated_network(inv: Invocation, owner: Account) -> Network:
    """Return the network of a deploy that names none: the owner's only isolated one, or a new one."""
    own = [
        network
        for network in inv.world.networks.values()
        if network.type is NetworkType.ISOLATED and network.account is owner and not network.removed
    ]
    if len(own) > 1:
        raise refused(
            "More than 1 default Isolated networks are found for account; please specify networkIds"
        )
    return (
        own[0] if own else inv.world.add_network(f"{owner.name}-network", NetworkType.ISOLATED, account=owner)
    )


def _first_is_default(wanted: list[NicRequest]) -> list[NicRequest]:
    return [replace(nic, is_default=place == 0) for place, nic in enumerate(wanted)]


def _good_mac(text: str) -> str:
    if not text:
        return ""
    try:
        return normalised_mac(text)
    except MacNotValidError:
        raise refused(f"Mac address is not valid: {text}") from None
    except MacNotUnicastError:
        raise refused(f"Mac address is not unicast: {text}") from None


def _good_ip(network: Network, text: str) -> str:
    """Check an IP; on L2 it is dropped without a word."""
    if text and not is_ipv4(text):
        raise refused(f"Invalid specified IPv4 address {text}")
    return "" if network.type is NetworkType.L2 else text


def _no_address(network: Network) -> ApiError:
    if network.type is NetworkType.SHARED:
        return internal("Insufficient address capacity")
    return internal(f"Unable to acquire Guest IP address for network {network.name}")
