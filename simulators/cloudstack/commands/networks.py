"""listNetworks, createNetwork, deleteNetwork, listNetworkOfferings (observed, sections 10, 15 and 18)."""

from simulators.cloudstack import shapes
from simulators.cloudstack.addresses import free_ip
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.limits import NETWORK, require_room
from simulators.cloudstack.commands.listing import keyword_of, one_of, paged, same_name, shown_owner, tagged
from simulators.cloudstack.commands.names import require_short
from simulators.cloudstack.entities import Account, Network, NetworkOffering, NetworkState, NetworkType
from simulators.cloudstack.errors import Detail, bad_argument, internal, refused, unknown_entity
from simulators.cloudstack.jobs import JobSpec, Progress

_SET_UP = "2026-11-01T09:00:00+0000"


def is_usable(inv: Invocation, network: Network) -> bool:
    """Tell whether a VM can be deployed to it: L2 always, others while they have a free address."""
    try:
        free_ip(inv.world, network)
    except LookupError:
        return False
    return True


async def list_networks(inv: Invocation) -> Json:
    """Return networks. A root admin sees all accounts' without ``listall`` (section 15)."""
    params = inv.params
    wanted = inv.find("id", inv.world.networks) if params.get("id") else None
    if wanted is not None and wanted.account is not None:
        inv.require_access(wanted.account)
    shown = shown_owner(inv, by_id=wanted is not None, admin_sees_all=True)
    keyword, has_tag = keyword_of(inv), tagged(inv, "Network")
    usable = params.get("canusefordeploy")
    networks = [
        network
        for network in inv.world.networks.values()
        if not network.removed
        and (network.account is None or shown(network.account))
        and network.displayed is params.flag("displaynetwork", default=True)
        and (wanted is None or network is wanted)
        and keyword in network.name.lower()
        and has_tag(network.id)
        and same_name(params.get("name"), network.name)
        and one_of(params.get("type"), [network.type.value])
        and one_of(params.get("zoneid"), [network.zone.id])
        and one_of(usable, [str(is_usable(inv, network))])
    ]
    return paged(inv, "network", networks, lambda network: _shape(inv, network))


def _shape(inv: Invocation, network: Network) -> Json:
    return shapes.network(inv.world, network, inv.caller, usable=is_usable(inv, network))


async def create_network(inv: Invocation) -> Json:
    """Make an L2 or an isolated network; synchronous. Tags and customid are ignored without a word."""
    params = inv.params
    offering = inv.find("networkofferingid", inv.world.network_offerings)
    zone = inv.find("zoneid", inv.world.zones)
    name = _good_name(inv, "name", params.get("name"))
    if offering.type is NetworkType.SHARED:
        raise refused("the simulator makes Shared networks by World.add_network only")
    owner = inv.owner()
    vlan = _vlan(inv, offering)
    if offering.type is NetworkType.ISOLATED:
        require_room(inv.world, owner, NETWORK, Detail.ALLOCATION)
    network = inv.world.add_network(
        name,
        offering.type,
        account=owner,
        offering=offering,
        zone=zone,
        subnet=params.get("gateway").rpartition(".")[0],
    )
    network.display_text = _good_name(inv, "displayText", params.get("displaytext") or name)
    network.displayed = params.flag("displaynetwork", default=True) or not inv.caller.is_root_admin
    if vlan is not None:
        network.vlan, network.state = vlan, NetworkState.SETUP
    return {"network": _shape(inv, network)}


def _good_name(inv: Invocation, parameter: str, text: str) -> str:
    if not text:
        raise bad_argument(inv.params.command, f"Invalid value provided for API arg: {parameter}")
    return require_short(inv, parameter, text)


def _vlan(inv: Invocation, offering: NetworkOffering) -> int | None:
    """Return the VLAN asked for, checked as observed in section 18; None where the server will choose."""
    text, zone = inv.params.get("vlan"), inv.find("zoneid", inv.world.zones)
    bypasses = inv.params.flag("bypassvlanoverlapcheck", default=False)
    if not inv.caller.is_root_admin and (text or bypasses or offering.specify_vlan):
        raise refused("Only ROOT admin is allowed to specify vlanId or bypass vlan overlap check")
    if offering.specify_vlan and not text:
        raise refused("Vlan has to be specified; network offering says so")
    if text and not offering.specify_vlan:
        raise refused("Can't specify vlan; corresponding offering says specifyVlan=false")
    if not text or text == "untagged":
        return None
    if not text.isdecimal():
        raise refused(f"Invalid vlan {text}")
    vlan = int(text)
    if vlan in zone.vlans:
        raise refused(
            f"The VLAN tag to use for new guest network, {vlan} is already being used for dynamic vlan"
            f" allocation for the guest network in zone {zone.name}"
        )
    taken = any(item.vlan == vlan and not item.removed for item in inv.world.networks.values())
    if taken and not bypasses:
        raise refused(
            f"Network with vlan {vlan} already exists or overlaps with other network vlans in zone"
            f" {zone.name}"
        )
    return vlan


async def delete_network(inv: Invocation) -> JobSpec:
    """Delete a network that no VM is on, not even a Destroyed one."""
    network = inv.find("id", inv.world.networks)
    if network.removed:
        raise refused(f"Network ID={network.number} doesn't exist")
    inv.require_access(network.account or _domain_wide(inv))

    async def work(progress: Progress) -> Json:
        await progress.take(inv.latency.network)
        if inv.world.vms_on(network):
            raise internal("Failed to delete network")
        network.removed = True
        inv.world.drop_tags(network.id)
        return {"success": True}

    name = "org.apache.cloudstack.api.command.user.network.DeleteNetworkCmd"
    return JobSpec(name, "Network", network.id, work)


def _domain_wide(inv: Invocation) -> Account:
    """Return who may delete what belongs to the whole domain."""
    return inv.world.admin


async def list_network_offerings(inv: Invocation) -> Json:
    """Return what networks are made from."""
    params = inv.params
    if params.get("id") and params.get("id").lower() not in inv.world.network_offerings:
        raise unknown_entity(params.command, "id", params.get("id"))
    keyword = keyword_of(inv)
    offerings = [
        item
        for item in inv.world.network_offerings.values()
        if one_of(params.get("id"), [item.id])
        and same_name(params.get("name"), item.name)
        and one_of(params.get("guestiptype"), [item.type.value])
        and one_of(params.get("state"), ["Enabled"])
        and one_of(params.get("specifyvlan"), [str(item.specify_vlan)])
        and one_of(params.get("forvpc"), ["False"])
        and keyword in item.name.lower()
    ]
    return paged(inv, "networkoffering", offerings, _offering)


def _offering(item: NetworkOffering) -> Json:
    return {
        "id": item.id,
        "name": item.name,
        "displaytext": item.display_text,
        "created": _SET_UP,
        "traffictype": "Guest",
        "isdefault": True,
        "specifyvlan": item.specify_vlan,
        "conservemode": True,
        "specifyipranges": item.type is NetworkType.SHARED,
        "availability": "Optional",
        "networkrate": 200,
        "state": "Enabled",
        "guestiptype": item.type.value,
        "service": [{"name": name} for name in item.services],
        "forvpc": False,
        "fornsx": False,
        "fortungsten": False,
        "ispersistent": False,
        "egressdefaultpolicy": False,
        "supportsstrechedl2subnet": False,
        "supportspublicaccess": False,
        "supportsinternallb": False,
        "internetprotocol": "IPv4",
        "specifyasnumber": False,
        "hasannotations": False,
    }


COMMANDS = (
    Command("listNetworks", list_networks),
    Command("createNetwork", create_network, required=("networkofferingid", "zoneid")),
    Command("deleteNetwork", delete_network, required=("id",), is_async=True),
    Command("listNetworkOfferings", list_network_offerings),
)
