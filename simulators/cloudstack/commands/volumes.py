"""listVolumes: for now every VM has its root volume and nothing else (observed, sections 9 and 16)."""

from simulators.cloudstack import shapes
from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import keyword_of, one_of, paged, same_name, shown_owner, tagged
from simulators.cloudstack.entities import Volume


async def list_volumes(inv: Invocation) -> Json:
    """Return volumes."""
    wanted = inv.find("id", inv.world.volumes) if inv.params.get("id") else None
    if wanted is not None:
        inv.require_access(wanted.account)
    if inv.params.get("virtualmachineid"):
        inv.require_access(inv.find("virtualmachineid", inv.world.vms).account)
    shown = shown_owner(inv, by_id=wanted is not None)
    keyword, has_tag = keyword_of(inv), tagged(inv, "Volume")
    volumes = [
        volume
        for volume in inv.world.volumes.values()
        if not volume.removed
        and shown(volume.account)
        and (wanted is None or volume is wanted)
        and keyword in volume.name.lower()
        and has_tag(volume.id)
        and _fits(inv, volume)
    ]
    return paged(inv, "volume", volumes, lambda volume: shapes.volume(inv.world, volume, inv.caller))


def _fits(inv: Invocation, volume: Volume) -> bool:
    params = inv.params
    return (
        same_name(params.get("name"), volume.name)
        and one_of(params.get("type"), [volume.type])
        and one_of(params.get("state"), [volume.state])
        and one_of(params.get("zoneid"), [volume.zone.id])
        and one_of(params.get("virtualmachineid"), [volume.vm.id] if volume.vm else [])
    )


COMMANDS = (Command("listVolumes", list_volumes),)
