"""The clones of a drill: one of each replica, whatever is retried or lost; and their removal.

Look up before create; adopt what is found; after any answer but a plain success look again. A clone whose
making failed stays behind in state Destroy and holds its id (observed, section 16): it is deleted, and the
generation rises, since the id is spent then. A key that may not choose ids (531) has only the name to find a
clone by, which CloudStack takes twice: there a create call that was not answered is first left to expire.
"""

import asyncio

import structlog
from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats, to_the_end
from activities.lost_calls import Look, left_to_expire, look_after_lost_call
from activities.messages.disks import CloneReply, CloneRequest
from activities.our_volumes import LEFTOVER, MOST_GENERATIONS, OurClones, describe, facts_of
from activities.translate import typed_failures
from cloudstack import (
    CloudStackError,
    InternalFault,
    InvalidParameter,
    NotPermitted,
    OutcomeUnknown,
    ServerFault,
    Volume,
)
from rules.clones import clone_tags
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)

_READY = "Ready"
_ALLOCATED = "Allocated"
_TAG_SECONDS = 30.0
"""Longer nobody waits for a mark that is not needed to find the clone."""


class CreateCloneActivities:
    """Makes volumes from snapshots.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="CreateCloneActivity")
    async def create_clone(self, request: CloneRequest) -> CloneReply:
        """Submit a volume with the snapshot's content, or find the one that was made.

        Its pool is a random one (observed, section 16): it is where the reply of a later call says.

        Raises:
            ApplicationError: CloneFailed, QuotaExceeded, CloudStackNotPermitted; DiskBusy while it is in the
                making, CloudStackUnavailable and CloudStackOutcomeUnknown are retried.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                return await _Cloning(cloud, request).run()


class _IdSpentError(Exception):
    """CloudStack will never take this generation's id again."""


class _Cloning:
    def __init__(self, cloud: Cloud, request: CloneRequest) -> None:
        self._storage = cloud.storage
        self._jobs = cloud.jobs
        self._request = request
        self._replica_id = request.disk.volume_id
        self._clones = OurClones(request.owner, [self._replica_id])
        self._name = self._clones.name(self._replica_id)
        self._cleared: dict[str, str] = {}

    async def run(self) -> CloneReply:
        found = await self._look_by_name()
        if found is not None:
            return found
        for generation in range(1, MOST_GENERATIONS + 1):
            try:
                return await self._create(generation)
            except _IdSpentError:
                _log.warning("clone_id_spent", volume_id=self._replica_id, generation=generation)
            except InvalidParameter as refusal:
                raise failure(
                    FailoverErrorType.CLONE_FAILED,
                    f"{self._request.disk.disk_id} cannot be cloned from snapshot "
                    f"{self._request.snapshot_id}: {refusal}",
                ) from refusal
        raise failure(
            FailoverErrorType.CLOUDSTACK_UNAVAILABLE,
            f"CloudStack takes none of {MOST_GENERATIONS} ids for a clone of {self._request.disk.disk_id}",
        )

    async def _create(self, generation: int) -> CloneReply:
        identity = self._clones.identity(self._replica_id, generation)
        found = await self._look(identity)
        if found is not None:
            return found
        try:
            return await self._submit(identity)
        except NotPermitted:
            # The key may not choose ids, or may not do this at all: the same call without an id tells.
            return await self._create_without_id()
        except (InvalidParameter, ServerFault, OutcomeUnknown) as error:
            found = await self._look_after(error, lambda: self._look(identity))
            if found is not None:
                return found
            if isinstance(error, InternalFault):
                # What CloudStack says to the id of a volume that was deleted (observed, section 15).
                raise _IdSpentError from error
            raise

    async def _create_without_id(self) -> CloneReply:
        if activity.info().attempt > 1:
            # A call of an earlier try may still be on its way, and CloudStack would take both.
            await left_to_expire(self._request.settle_seconds)
            found = await self._look_by_name()
            if found is not None:
                return found
        try:
            return await self._submit(None)
        except (ServerFault, OutcomeUnknown) as error:
            found = await self._look_after(error, self._look_by_name)
            if found is None:
                raise
            return found

    async def _look_after(self, error: CloudStackError, look: Look[CloneReply]) -> CloneReply | None:
        if isinstance(error, OutcomeUnknown):
            return await look_after_lost_call(look, self._request.settle_seconds)
        return await look()

    async def _look(self, identity: str) -> CloneReply | None:
        volume = await self._storage.find_volume(identity)
        if volume is None:
            return None
        if volume.state in LEFTOVER:
            await self._clear(volume)
            raise _IdSpentError
        return await self._take(volume)

    async def _look_by_name(self) -> CloneReply | None:
        """Find the clone whoever chose its id; what failed is cleared away, and of several one stays."""
        found = [
            volume
            for volume in await self._storage.list_volumes(name=self._name, all_owners=True)
            if self._clones.is_one(volume)
        ]
        good = sorted((one for one in found if one.state not in LEFTOVER), key=_first)
        for volume in [*(one for one in found if one.state in LEFTOVER), *good[1:]]:
            await self._clear(volume)
        return await self._take(good[0]) if good else None

    async def _take(self, volume: Volume) -> CloneReply:
        if volume.state != _READY:
            raise failure(FailoverErrorType.DISK_BUSY, describe(facts_of(volume.id, volume)))
        _log.info("clone_adopted", volume_id=volume.id, of=self._replica_id)
        await self._mark(volume)
        return self._reply(volume)

    async def _clear(self, volume: Volume) -> None:
        what = describe(facts_of(volume.id, volume))
        if volume.virtualmachineid:
            # One too many, and in use: only an operator may choose.
            raise failure(FailoverErrorType.CLONE_FAILED, f"{what}: a second clone of {self._replica_id}")
        try:
            await self._storage.delete_volume(volume.id)
        except InvalidParameter as error:
            raise failure(FailoverErrorType.DISK_BUSY, f"{what}: not deleted: {error}") from error
        self._cleared[volume.id] = f"{what}: deleted"
        _log.warning("clone_cleared_away", what=self._cleared[volume.id])

    async def _mark(self, volume: Volume) -> None:
        """Tag the clone where the key may; the create call takes no tags (observed, section 15)."""
        owner = self._request.owner
        tags = clone_tags(owner.disks_key, owner.context_id, self._replica_id)
        have = {tag.key for tag in volume.tags}
        missing = {key: value for key, value in tags.items() if key not in have}
        if not missing:
            return
        try:
            async with asyncio.timeout(_TAG_SECONDS):
                submitted = await self._storage.create_tags("Volume", [volume.id], missing)
                await self._jobs.wait(submitted.jobid)
        except (CloudStackError, TimeoutError) as error:
            # Id and name say whose it is.
            _log.info("clone_not_tagged", volume_id=volume.id, error=str(error))

    async def _submit(self, customid: str | None) -> CloneReply:
        submitted = await to_the_end(
            self._storage.create_volume_from_snapshot(
                self._request.snapshot_id,
                name=self._name,
                custom_id=customid,
                expires_in=self._request.expiry_seconds,
            )
        )
        _log.info("clone_submitted", volume_id=submitted.id, of=self._replica_id, job_id=submitted.jobid)
        made = Volume(id=submitted.id or "", name=self._name, state=_ALLOCATED)
        return self._reply(made, submitted.jobid)

    def _reply(self, volume: Volume, job_id: str = "") -> CloneReply:
        return CloneReply(
            volume=facts_of(volume.id, volume), job_id=job_id, cleared=tuple(self._cleared.values())
        )


def _first(volume: Volume) -> tuple[bool, bool, str]:
    """Order by what is in use, then by what is usable, so that every retry keeps the same one."""
    return not volume.virtualmachineid, volume.state != _READY, volume.id
