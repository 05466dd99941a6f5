"""Revert a volume to its snapshot, while it is attached to nothing."""

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats, to_the_end
from activities.lost_calls import left_to_expire
from activities.messages.disks import JobStarted, RevertRequest
from activities.our_volumes import LEFTOVER, describe, read_volume
from activities.translate import typed_failures
from cloudstack import OutcomeUnknown, Snapshot
from rules.disks import VolumeFacts
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)

_READY = "Ready"
_USABLE = "BackedUp"
_PASSING_SNAPSHOT = frozenset({"Allocated", "Creating", "CreatedOnPrimary", "BackingUp", "Copying"})


class RevertDiskActivities:
    """Reverts.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="RevertDiskActivity")
    async def revert_disk(self, request: RevertRequest) -> JobStarted:
        """Submit the revert. Repeated, it brings the volume to the same point again.

        A revert whose answer was lost is left to expire first: it must not take effect after the disk is back
        at a VM.

        Raises:
            ApplicationError: RevertFailed when volume or snapshot is not as it must be; DiskBusy is retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                await _require_revertible(cloud, request)
                call = cloud.storage.revert_snapshot(request.snapshot_id, expires_in=request.expiry_seconds)
                try:
                    submitted = await to_the_end(call)
                except OutcomeUnknown:
                    await left_to_expire(request.settle_seconds)
                    raise
                _log.info("revert_submitted", volume_id=request.volume_id, job_id=submitted.jobid)
                return JobStarted(job_id=submitted.jobid)


async def _require_revertible(cloud: Cloud, request: RevertRequest) -> None:
    volume = await read_volume(cloud, request.volume_id)
    snapshot = await cloud.storage.find_snapshot(request.snapshot_id)
    if problem := _problem(volume, snapshot, request):
        raise failure(FailoverErrorType.REVERT_FAILED, problem)
    if volume.state != _READY or (snapshot is not None and snapshot.state in _PASSING_SNAPSHOT):
        raise failure(FailoverErrorType.DISK_BUSY, f"{describe(volume)}: not to be reverted now")


def _problem(volume: VolumeFacts, snapshot: Snapshot | None, request: RevertRequest) -> str:
    if not volume.found or volume.state in LEFTOVER:
        return f"CloudStack has no usable volume {request.volume_id}"
    if volume.vm_id:
        return f"{describe(volume)}: only a volume that is attached to nothing is reverted"
    if snapshot is None:
        return f"CloudStack has no snapshot {request.snapshot_id} of {describe(volume)}"
    if snapshot.volumeid != request.volume_id:
        return f"snapshot {snapshot.name} ({snapshot.id}) is not one of {describe(volume)}"
    if snapshot.state != _USABLE and snapshot.state not in _PASSING_SNAPSHOT:
        return f"snapshot {snapshot.name} ({snapshot.id}) of {describe(volume)} is in state {snapshot.state}"
    return ""
