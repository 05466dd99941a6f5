"""What the contract suite finds at a CloudStack by itself: where and from what it can make its VMs."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.contract.raw_api import Json, RawApi

_ROOT_ADMIN = 1
_BLANK_GB = 1


class UnfitError(Exception):
    """The suite cannot run here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Site:
    """Ids of what is there.

    Attributes:
        offering: The smallest compute offering of a fixed size.
        custom_offering: One without any size or bounds of its own; empty where there is none.
        template: The smallest one that is ready and needs no password.
        blank: Parameters of ``createVolume`` for a small blank volume.
    """

    zone: str
    offering: str
    custom_offering: str
    template: str
    template_size: int
    hypervisor: str
    l2_offering: str
    isolated_offering: str
    blank: dict[str, str]
    snapshots_while_running: bool


async def explored(api: RawApi) -> Site:
    """Look around.

    Raises:
        UnfitError: There is no zone, offering or template to use, or the key is no root admin's.
    """
    await _require_root_admin(api)
    zone = _first(await _all(api, "listZones", "zone"), _is_usable_zone, "an enabled advanced zone")
    zone_id = str(zone["id"])
    offerings = await _all(api, "listServiceOfferings", "serviceoffering", zoneid=zone_id)
    fixed = sorted(filter(_is_plain_fixed, offerings), key=_size)
    template = await _template(api, zone_id)
    custom = [item for item in offerings if _is_unbounded(item)]
    return Site(
        zone=zone_id,
        offering=str(_first(fixed, lambda _: True, "a compute offering of a fixed size")["id"]),
        custom_offering=str(custom[0]["id"]) if custom else "",
        template=str(template["id"]),
        template_size=int(template["size"]),
        hypervisor=str(template["hypervisor"]),
        l2_offering=await _network_offering(api, zone_id, "L2", lambda names: not names),
        isolated_offering=await _network_offering(
            api, zone_id, "Isolated", lambda names: {"Dhcp", "SourceNat", "UserData"} <= names
        ),
        blank=await _blank(api, zone_id),
        snapshots_while_running=await _snapshots_while_running(api, str(template["hypervisor"])),
    )


async def _require_root_admin(api: RawApi) -> None:
    accounts = await _all(api, "listAccounts", "account")
    if not any(account.get("accounttype") == _ROOT_ADMIN for account in accounts):
        raise UnfitError("CLOUDSTACK_CONTRACT_KEY has to be a root admin's: only those may choose a VM's id")


async def _all(api: RawApi, command: str, key: str, **params: str) -> list[Json]:
    reply = await api.call(command, params)
    if reply.status != 200:
        raise UnfitError(f"{command} answers {reply.status}: {reply.body.get('errortext', '')}")
    return reply.items(key)


def _first(items: list[Json], fits: Callable[[Json], bool], what: str) -> Json:
    found = next(filter(fits, items), None)
    if found is None:
        raise UnfitError(f"there is no {what.removeprefix('an ').removeprefix('a ')} here")
    return found


def _is_usable_zone(zone: Json) -> bool:
    return (
        zone.get("allocationstate") == "Enabled"
        and zone.get("networktype") == "Advanced"
        and not zone.get("securitygroupsenabled")
    )


def _is_plain_fixed(offering: Json) -> bool:
    bound = offering.get("hosttags") or offering.get("storagetags") or offering.get("tags")
    return not offering.get("iscustomized") and "cpunumber" in offering and not bound


def _is_unbounded(offering: Json) -> bool:
    return bool(offering.get("iscustomized")) and not (
        "cpuspeed" in offering or offering.get("serviceofferingdetails")
    )


def _size(offering: Json) -> tuple[int, int, int]:
    return int(offering["memory"]), int(offering["cpunumber"]), int(offering.get("cpuspeed", 0))


async def _template(api: RawApi, zone_id: str) -> Json:
    templates = await _all(api, "listTemplates", "template", templatefilter="executable", zoneid=zone_id)
    ready = [
        item
        for item in templates
        if item.get("isready") and not item.get("passwordenabled") and not item.get("deployasis")
    ]
    smallest_first = sorted(ready, key=lambda item: int(item.get("size", 0)))
    return _first(smallest_first, lambda _: True, "a ready template without a password")


async def _network_offering(api: RawApi, zone_id: str, kind: str, fits: Callable[[set[str]], bool]) -> str:
    """Return an offering that lets the server choose the VLAN and has the right services."""
    offerings = await _all(
        api, "listNetworkOfferings", "networkoffering", guestiptype=kind, state="Enabled", zoneid=zone_id
    )
    found = _first(
        offerings,
        lambda item: (
            not item.get("specifyvlan")
            and not item.get("forvpc")
            and fits({service["name"] for service in item.get("service", [])})
        ),
        f"an {kind} network offering",
    )
    return str(found["id"])


async def _blank(api: RawApi, zone_id: str) -> dict[str, str]:
    offerings = await _all(api, "listDiskOfferings", "diskoffering")
    usable = [item for item in offerings if not item.get("tags") and not item.get("encrypt")]
    fixed = sorted((item for item in usable if not item["iscustomized"]), key=lambda item: item["disksize"])
    by_preference = [*fixed, *(item for item in usable if item["iscustomized"])]
    best = _first(by_preference, lambda _: True, "a disk offering")
    size = {"size": str(_BLANK_GB)} if best["iscustomized"] else {}
    return {"zoneid": zone_id, "diskofferingid": str(best["id"]), **size}


async def _snapshots_while_running(api: RawApi, hypervisor: str) -> bool:
    """Tell whether volumes of a Running VM may be snapshotted; KVM refuses unless a setting allows it."""
    reply = await api.call("listCapabilities")
    return hypervisor != "KVM" or bool(reply.body.get("capability", {}).get("kvmsnapshotenabled"))
