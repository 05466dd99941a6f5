"""The removal of a drill's clones; a replica is never one of them."""

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats
from activities.messages.disks import RemoveClonesRequest, Removed
from activities.our_volumes import MOST_GENERATIONS, OurClones, describe, facts_of, read_volume
from activities.translate import typed_failures
from cloudstack import InvalidParameter, Volume
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)


class RemoveClonesActivities:
    """Removes clones.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="RemoveClonesActivity")
    async def remove_clones(self, request: RemoveClonesRequest) -> Removed:
        """Delete every clone of these replicas, in whatever state; one that a VM has is named and stays.

        Raises:
            ApplicationError: DiskBusy, CloudStackUnavailable and the like are retried.
        """
        removed, left_behind, stuck = [], [], []
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                for volume in (await _all(cloud, request)).values():
                    what = f"{volume.name} ({volume.id})"
                    attached_to = await _delete(cloud, volume)
                    if attached_to is None:
                        _log.info("clone_removed", volume_id=volume.id)
                        removed.append(f"{what}: deleted")
                    elif attached_to:
                        left_behind.append(f"{what}: not deleted, since it is attached to VM {attached_to}")
                    else:
                        stuck.append(describe(facts_of(volume.id, volume)))
        if stuck:
            raise failure(FailoverErrorType.DISK_BUSY, f"clones are still there: {'; '.join(stuck)}")
        return Removed(removed=tuple(removed), left_behind=tuple(left_behind))


async def _all(cloud: Cloud, request: RemoveClonesRequest) -> dict[str, Volume]:
    """Find the clones by name, and by id: a name can be changed by anybody."""
    clones = OurClones(request.owner, request.volume_ids)
    found: dict[str, Volume] = {}
    for replica_id in dict.fromkeys(request.volume_ids):
        for volume in await cloud.storage.list_volumes(name=clones.name(replica_id), all_owners=True):
            found[volume.id] = volume
        for generation in range(1, MOST_GENERATIONS + 1):
            of_id = await cloud.storage.find_volume(clones.identity(replica_id, generation))
            if of_id is None:
                break
            found[of_id.id] = of_id
    return {volume.id: volume for volume in found.values() if clones.is_one(volume)}


async def _delete(cloud: Cloud, volume: Volume) -> str | None:
    """Delete a clone; return the VM that has it, empty when it is in use otherwise, None when it is gone."""
    if volume.virtualmachineid:
        return volume.virtualmachineid
    try:
        await cloud.storage.delete_volume(volume.id)
    except InvalidParameter:
        found = await read_volume(cloud, volume.id)
        return found.vm_id if found.found else None
    return None
