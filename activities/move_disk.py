"""Bring a disk one step nearer to its place; the caller waits for the job and asks again.

What forbids an attach or a detach is found out inside its job (observed, section 8), and a job can get lost:
the volume is read before each step, and once more at the end.
"""

from collections.abc import Awaitable

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.disk_mover import DiskMover, mover_of
from activities.failures import failure
from activities.heartbeats import heartbeats
from activities.lost_calls import left_to_expire
from activities.messages.disks import MoveReply, MoveRequest
from activities.our_volumes import describe, facts_of, read_volume
from activities.translate import typed_failures
from cloudstack import OutcomeUnknown
from rules.disks import VolumeFacts
from rules.errors import FailoverErrorType
from rules.placement import Step, Target, next_step
from volume_daemon import DaemonUnsure, VolumeDaemonClient

_log = structlog.get_logger(__name__)

_ROOT = 0


class MoveDiskActivities:
    """Moves disks, through CloudStack or through the appliance's Volume Daemon, never through both.

    Args:
        clouds: The clients.
        daemon: The Volume Daemon, where the site has one configured.
    """

    def __init__(self, clouds: Clouds, daemon: VolumeDaemonClient | None = None) -> None:
        self._clouds = clouds
        self._daemon = daemon

    @activity.defn(name="MoveDiskActivity")
    async def move_disk(self, request: MoveRequest) -> MoveReply:
        """Look where the volume is, and begin the one step that brings it nearer, if there is one left.

        A call whose answer was lost is left to expire before the next look: a detach that comes late must not
        take the disk from the place that it was moved to meanwhile.

        Raises:
            ApplicationError: DiskElsewhere at any VM but the appliance and ours, or when it is gone;
                StorageChanged; DiskMoveFailed when its place is taken, or the Volume Daemon chose another;
                DiskBusy, CloudStackUnavailable and CloudStackOutcomeUnknown are retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                return await _Move(cloud, self._daemon, request).run()


class _Move:
    def __init__(self, cloud: Cloud, daemon: VolumeDaemonClient | None, request: MoveRequest) -> None:
        self._cloud = cloud
        self._request = request
        self._to = Target(vm_id=request.to.vm_id, device_id=request.to.device_id)
        self._daemon = daemon

    async def run(self) -> MoveReply:
        volume = await read_volume(self._cloud, self._request.volume_id)
        mover = mover_of(self._cloud.storage, self._daemon, self._request, volume)
        match next_step(volume, self._to, self._request.allowed_vm_ids):
            case Step.PLACED:
                if self._to.vm_id:
                    self._require_same_pool(volume)
                return MoveReply(volume=volume, placed=True)
            case Step.DETACH:
                self._require_not_misplaced(volume, mover)
                return await self._begin(volume, Step.DETACH, mover.detach(volume.volume_id))
            case Step.ATTACH:
                self._require_same_pool(volume)
                await self._require_free_place()
                attach = mover.attach(volume.volume_id, self._to.vm_id, self._to.device_id)
                return await self._begin(volume, Step.ATTACH, attach)
            case Step.WAIT:
                raise failure(FailoverErrorType.DISK_BUSY, describe(volume))
            case Step.ELSEWHERE:
                raise failure(
                    FailoverErrorType.DISK_ELSEWHERE,
                    f"{describe(volume)}: not touched, since it should be at the appliance, at the "
                    "failover's own VM or attached to nothing",
                )

    async def _begin(self, volume: VolumeFacts, step: Step, move: Awaitable[str]) -> MoveReply:
        try:
            job_id = await move
        except (OutcomeUnknown, DaemonUnsure):
            await left_to_expire(self._request.settle_seconds)
            raise
        _log.info("disk_move_begun", volume_id=volume.volume_id, step=step.value, job_id=job_id)
        return MoveReply(volume=volume, placed=False, job_id=job_id)

    def _require_same_pool(self, volume: VolumeFacts) -> None:
        """Check the pool: an attach copies to another one without a word (observed, section 9)."""
        wanted = self._request.storage_id
        # A key without root rights sees no pool: then nothing can be compared.
        if wanted and volume.storage_id and volume.storage_id != wanted:
            raise failure(
                FailoverErrorType.STORAGE_CHANGED,
                f"{describe(volume)}: on pool {volume.storage_name} ({volume.storage_id}), not on {wanted}",
            )

    def _require_not_misplaced(self, volume: VolumeFacts, mover: DiskMover) -> None:
        """Refuse to move what the Volume Daemon would put at the same wrong place once more."""
        is_data = self._to.device_id not in {None, _ROOT}
        if volume.vm_id == self._to.vm_id and is_data and not mover.can_place:
            raise failure(
                FailoverErrorType.DISK_MOVE_FAILED,
                f"{describe(volume)}: it should be at {self._to.device_id}, and the Volume Daemon cannot "
                "choose the place",
            )

    async def _require_free_place(self) -> None:
        if self._to.device_id is None:
            return
        for other in await self._cloud.storage.list_volumes(vm_id=self._to.vm_id):
            if other.deviceid == self._to.device_id:
                raise failure(
                    FailoverErrorType.DISK_MOVE_FAILED,
                    f"volume {self._request.volume_id} cannot be attached at {self._to.device_id}: "
                    f"{describe(facts_of(other.id, other))} is there",
                )
