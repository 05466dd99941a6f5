"""The snapshots of a failover: one of each disk in each attempt, whatever is retried or lost.

A snapshot is known by its name as soon as it exists, and by its tags once it is made: one that failed never
gets any (observed, section 15). CloudStack takes a name twice, so a create call whose answer was lost is left
to expire before the next one.
"""

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats, to_the_end
from activities.lost_calls import left_to_expire, look_after_lost_call
from activities.messages.disks import (
    Removed,
    RemoveSnapshotsRequest,
    SnapshotReply,
    SnapshotRequest,
)
from activities.our_volumes import LEFTOVER, describe, read_volume
from activities.translate import typed_failures
from cloudstack import InvalidParameter, NotExecuted, OutcomeUnknown, ServerFault, Snapshot
from rules.clones import (
    MARK_PURPOSE,
    mark_value,
    snapshot_name,
    snapshot_prefix,
    snapshot_tags,
)
from rules.disks import SnapshotFact
from rules.errors import FailoverErrorType
from rules.identity import MARK_WORKFLOW

_log = structlog.get_logger(__name__)

_USABLE = "BackedUp"
_FAILED = frozenset({"Error", "Destroyed", "Destroying"})
_READY = "Ready"
_NO_STORAGE = "Allocated"


class SnapshotActivities:
    """Takes and removes snapshots.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="CreateSnapshotActivity")
    async def create_snapshot(self, request: SnapshotRequest) -> SnapshotReply:
        """Submit the snapshot of one disk, or find the one of this attempt: usable, or in the making.

        One that failed is removed, and a new one is submitted.

        Raises:
            ApplicationError: SnapshotFailed when the volume allows none, or CloudStack refuses it;
                QuotaExceeded; DiskBusy, CloudStackUnavailable and CloudStackOutcomeUnknown are retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                return await _Taking(cloud, request).run()

    @activity.defn(name="RemoveSnapshotsActivity")
    async def remove_snapshots(self, request: RemoveSnapshotsRequest) -> Removed:
        """Remove this failover's snapshots of one purpose, in whatever state, of all attempts.

        Raises:
            ApplicationError: DiskBusy, CloudStackUnavailable and the like are retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                removed, stuck = [], []
                for volume_id in dict.fromkeys(request.volume_ids):
                    for snapshot in await _of_purpose(cloud, volume_id, request):
                        what = f"{snapshot.name} ({snapshot.id})"
                        if await _remove(cloud, snapshot):
                            removed.append(f"{what}: removed")
                        else:
                            stuck.append(what)
        if stuck:
            raise failure(FailoverErrorType.DISK_BUSY, f"snapshots are still there: {', '.join(stuck)}")
        _log.info("snapshots_removed", number=len(removed), purpose=request.purpose.value)
        return Removed(removed=tuple(removed))


class _Taking:
    def __init__(self, cloud: Cloud, request: SnapshotRequest) -> None:
        self._cloud = cloud
        self._request = request
        owner, purpose = request.owner, request.purpose.value
        self._name = snapshot_name(owner.disks_key, request.disk_id, purpose, request.attempt)
        self._tags = snapshot_tags(
            owner.disks_key, owner.context_id, purpose, request.volume_id, request.attempt
        )
        self._cleared: dict[str, str] = {}

    async def run(self) -> SnapshotReply:
        found = await self._look()
        if found is None and activity.info().attempt > 1:
            # A call of an earlier try may still be on its way, and CloudStack would take both.
            await left_to_expire(self._request.settle_seconds)
            found = await self._look()
        if found is not None:
            return found
        try:
            return await self._submit_twice()
        except ServerFault:
            found = await self._look()
            if found is None:
                raise
            return found
        except OutcomeUnknown:
            found = await self._look_late()
        return found or await self._submit_again()

    async def _look_late(self) -> SnapshotReply | None:
        return await look_after_lost_call(self._look, self._request.settle_seconds)

    async def _submit_again(self) -> SnapshotReply:
        """Submit after a call of which nothing came, and nothing can come any more."""
        try:
            return await self._submit_twice()
        except (ServerFault, OutcomeUnknown):
            found = await self._look_late()
            if found is None:
                raise
            return found

    async def _submit_twice(self) -> SnapshotReply:
        """Submit; a refusal by a volume that is Ready when it is read may have met another job's end."""
        try:
            return await self._submit()
        except InvalidParameter as refusal:
            if (await read_volume(self._cloud, self._request.volume_id)).state != _READY:
                raise await self._why(refusal) from refusal
        try:
            return await self._submit()
        except InvalidParameter as refusal:
            raise await self._why(refusal) from refusal

    async def _look(self) -> SnapshotReply | None:
        """Find the snapshot of this attempt; what failed is cleared away, and of several one stays."""
        found = [
            snapshot
            for snapshot in await self._cloud.storage.list_snapshots(volume_id=self._request.volume_id)
            if snapshot.name == self._name or self._tags.items() <= snapshot.tag_values.items()
        ]
        good = sorted((one for one in found if one.state not in _FAILED), key=_first)
        for snapshot in [*(one for one in found if one.state in _FAILED), *good[1:]]:
            await self._clear(snapshot)
        return None if not good else self._take(good[0])

    def _take(self, snapshot: Snapshot) -> SnapshotReply:
        if snapshot.state == _USABLE:
            _log.info("snapshot_adopted", snapshot_id=snapshot.id, volume_id=self._request.volume_id)
            return self._reply(snapshot.id, snapshot.state)
        if snapshot.jobid:
            return self._reply(snapshot.id, snapshot.state, snapshot.jobid)
        raise failure(
            FailoverErrorType.DISK_BUSY, f"snapshot {self._name} ({snapshot.id}) is in state {snapshot.state}"
        )

    async def _clear(self, snapshot: Snapshot) -> None:
        what = f"{snapshot.name} ({snapshot.id}), found in state {snapshot.state}"
        if not await _remove(self._cloud, snapshot):
            raise failure(FailoverErrorType.DISK_BUSY, f"snapshot {what}, is in the way and still there")
        self._cleared[snapshot.id] = f"{what}: removed"
        _log.warning("snapshot_cleared_away", what=self._cleared[snapshot.id])

    async def _submit(self) -> SnapshotReply:
        submitted = await to_the_end(
            self._cloud.storage.create_snapshot(
                self._request.volume_id,
                name=self._name,
                tags=self._tags,
                expires_in=self._request.expiry_seconds,
            )
        )
        _log.info("snapshot_submitted", volume_id=self._request.volume_id, job_id=submitted.jobid)
        return self._reply(submitted.id or "", "Allocated", submitted.jobid)

    async def _why(self, refusal: InvalidParameter) -> Exception:
        """Say what a refusal means: the volume is read, since the texts are for people."""
        volume = await read_volume(self._cloud, self._request.volume_id)
        lasting = not volume.found or volume.state in {*LEFTOVER, _NO_STORAGE, _READY}
        error_type = FailoverErrorType.SNAPSHOT_FAILED if lasting else FailoverErrorType.DISK_BUSY
        return failure(error_type, f"no snapshot of {self._request.disk_id}: {describe(volume)}: {refusal}")

    def _reply(self, snapshot_id: str, state: str, job_id: str = "") -> SnapshotReply:
        return SnapshotReply(
            snapshot=SnapshotFact(
                snapshot_id=snapshot_id, volume_id=self._request.volume_id, name=self._name, state=state
            ),
            job_id=job_id,
            cleared=tuple(self._cleared.values()),
        )


def _first(snapshot: Snapshot) -> tuple[bool, str, str]:
    """Order by usable first, then by age, so that every retry keeps the same one."""
    return snapshot.state != _USABLE, snapshot.created or "", snapshot.id


async def _of_purpose(cloud: Cloud, volume_id: str, request: RemoveSnapshotsRequest) -> list[Snapshot]:
    workflow_id, purpose = request.owner.disks_key, request.purpose.value
    prefix = snapshot_prefix(workflow_id, purpose)
    tags = {MARK_WORKFLOW: mark_value(workflow_id), MARK_PURPOSE: purpose}
    return [
        snapshot
        for snapshot in await cloud.storage.list_snapshots(volume_id=volume_id)
        if snapshot.id not in request.keep
        and (snapshot.name.startswith(prefix) or tags.items() <= snapshot.tag_values.items())
    ]


async def _remove(cloud: Cloud, snapshot: Snapshot) -> bool:
    """Delete a snapshot; what is read back afterwards says whether it is gone, not the job."""
    try:
        submitted = await cloud.storage.delete_snapshot(snapshot.id)
        await cloud.jobs.wait(submitted.jobid)
    except InvalidParameter:
        pass  # gone already, or its job cannot be asked for
    except (NotExecuted, OutcomeUnknown, ServerFault) as error:
        _log.info("snapshot_delete_unsure", snapshot_id=snapshot.id, error=str(error))
    return await cloud.storage.find_snapshot(snapshot.id) is None
