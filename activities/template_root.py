"""The volume that CloudStack makes from the template with our VM: found, and deleted once it is detached."""

import structlog
from temporalio import activity

from activities.clouds import Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats
from activities.messages.disks import Removed, RemoveVolumeRequest, TemplateRoot, TemplateRootRequest
from activities.our_volumes import TEMPLATE_ROOT, describe, facts_of, is_template_root, read_volume
from activities.translate import typed_failures
from cloudstack import InvalidParameter
from rules.disks import VolumeFacts
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)


class TemplateRootActivities:
    """Finds and deletes.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="FindTemplateRootActivity")
    async def find_template_root(self, request: TemplateRootRequest) -> TemplateRoot:
        """Find the root that was made with our VM, while it is attached; the run keeps its id from then on.

        Raises:
            ApplicationError: VmLost; CloudStackUnavailable and the like are retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                vm = (await cloud.client.find_vm(request.vm.id)).vm
                if vm is None:
                    raise failure(
                        FailoverErrorType.VM_LOST, f"VM {request.vm.name} ({request.vm.id}) is gone"
                    )
                for volume in await cloud.storage.list_volumes(vm_id=vm.id):
                    if volume.id not in request.replica_ids and is_template_root(volume, vm.templateid):
                        return TemplateRoot(volume=facts_of(volume.id, volume))
                return TemplateRoot()

    @activity.defn(name="RemoveVolumeActivity")
    async def remove_volume(self, request: RemoveVolumeRequest) -> Removed:
        """Delete the template's root, which an operator would otherwise find as a detached ``ROOT-nnn``.

        Raises:
            ApplicationError: ReplicaAttached for anything but such a volume, DiskElsewhere while a VM has it;
                DiskBusy is retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                volume = await read_volume(cloud, request.volume_id)
                if not volume.found:
                    return Removed(removed=(f"volume {request.volume_id}: CloudStack no longer shows it",))
                _require_removable(volume, request.replica_ids)
                try:
                    await cloud.storage.delete_volume(request.volume_id)
                except InvalidParameter as error:
                    # Attached meanwhile, or a snapshot of it is being made.
                    _require_removable(await read_volume(cloud, request.volume_id), request.replica_ids)
                    raise failure(
                        FailoverErrorType.DISK_BUSY, f"{describe(volume)}: not deleted: {error}"
                    ) from error
                _log.info("template_root_removed", volume_id=request.volume_id)
                return Removed(removed=(f"{volume.name} ({volume.volume_id}): deleted",))


def _require_removable(volume: VolumeFacts, replica_ids: tuple[str, ...]) -> None:
    if volume.volume_id in replica_ids:
        raise failure(
            FailoverErrorType.REPLICA_ATTACHED, f"{describe(volume)}: a replicated volume is never deleted"
        )
    if volume.vm_id:
        raise failure(FailoverErrorType.DISK_ELSEWHERE, f"{describe(volume)}: deleted only when detached")
    if volume.found and not volume.name.startswith(TEMPLATE_ROOT):
        raise failure(FailoverErrorType.REPLICA_ATTACHED, f"{describe(volume)}: not one that a template made")
