"""Volumes and snapshots: the commands that a failover needs, one method each.

Validation of attach, detach, revert and delete happens inside the job (observed, section 8), so a submit that
succeeds says little. A volume says where it is, and nothing else does.
"""

from collections.abc import Iterable, Mapping

from cloudstack.errors import InvalidParameter
from cloudstack.models import Submitted
from cloudstack.owner import Owner
from cloudstack.reading import Reader, same
from cloudstack.replies import unreadable
from cloudstack.storage_models import Snapshot, Volume
from cloudstack.transport import Transport

_VOLUMES = ("listVolumes", "volume", Volume)
_SNAPSHOTS = ("listSnapshots", "snapshot", Snapshot)

Tags = Mapping[str, str] | Iterable[tuple[str, str]]


class StorageClient:
    """Typed commands for one owner; every method raises what `cloudstack.transport.Transport.call` raises.

    Args:
        transport: Sends the calls; closing it stays with the caller.
        owner: Who gets new volumes, and whose are listed unless an argument says otherwise.
        page_size: Entries per page.
    """

    def __init__(self, transport: Transport, owner: Owner | None = None, *, page_size: int = 500) -> None:
        self._reader = Reader(transport, owner, page_size)
        self._transport = transport

    async def find_volume(self, volume_id: str) -> Volume | None:
        """Return a volume, whoever owns it, or None: it never existed, or was deleted.

        Raises:
            NotPermitted: There is such a volume, and this key may not see it.
        """
        _, volume = await self._reader.look_up(*_VOLUMES, volume_id)
        return volume

    async def list_volumes(
        self,
        *,
        vm_id: str | None = None,
        name: str | None = None,
        keyword: str | None = None,
        all_owners: bool = False,
    ) -> list[Volume]:
        """List volumes, to the last page; what failed in its making is among them, in state ``Destroy``.

        Args:
            vm_id: Only those attached to this VM, whoever owns it. Empty when there is no such VM.
            name: The whole name; upper and lower case are one.
            keyword: A part of the name.
            all_owners: Whatever the caller may see.
        """
        asked = {"virtualmachineid": vm_id, "name": name, "keyword": keyword}
        params = {key: value for key, value in asked.items() if value is not None}
        try:
            if all_owners or vm_id is not None:
                found = await self._reader.everybodys(*_VOLUMES, params)
            else:
                found = await self._reader.every(*_VOLUMES, {**params, **self._reader.owner})
        except InvalidParameter:
            # An owner that is gone is refused with the same code, and must not look like a VM without disks.
            if vm_id is None or await self._reader.takes("listVolumes", {"virtualmachineid": vm_id}):
                raise
            return []
        # A parameter that a server does not know is ignored silently (observed, section 6).
        return [
            volume
            for volume in found
            if (name is None or same(volume.name, name))
            and (vm_id is None or same(volume.virtualmachineid or "", vm_id))
        ]

    async def attach_volume(
        self, volume_id: str, vm_id: str, device_id: int | None = None, *, expires_in: float | None = None
    ) -> Submitted:
        """Submit an attach.

        It may migrate the volume without a word to where the VM's root is (observed, section 9): compare
        ``storageid`` before and after.

        Args:
            volume_id: The volume.
            vm_id: The VM; stopped for the root.
            device_id: 0 for the root, then 1, 2, 4 and so on; None lets CloudStack choose, never 0.
            expires_in: Seconds for which the server accepts this request.
        """
        params = {"id": volume_id, "virtualmachineid": vm_id}
        if device_id is not None:
            params["deviceid"] = str(device_id)
        return await self._reader.submit("attachVolume", params, expires_in=expires_in)

    async def detach_volume(self, volume_id: str, *, expires_in: float | None = None) -> Submitted:
        """Submit a detach; by VM and device id the server fails (observed, section 9).

        Args:
            volume_id: The volume.
            expires_in: Seconds for which the server accepts this request.
        """
        return await self._reader.submit("detachVolume", {"id": volume_id}, expires_in=expires_in)

    async def delete_volume(self, volume_id: str) -> bool:
        """Delete an unattached volume for good; synchronous.

        Returns:
            False when it is gone already.

        Raises:
            InvalidParameter: It is attached, or a snapshot of it is being made.
        """
        try:
            await self._transport.call("deleteVolume", {"id": volume_id})
        except InvalidParameter:
            if await self.find_volume(volume_id) is not None:
                raise
            return False
        return True

    async def create_volume_from_snapshot(
        self, snapshot_id: str, *, name: str, custom_id: str | None, expires_in: float
    ) -> Submitted:
        """Submit a volume with a snapshot's content; ``id`` is the volume's.

        It lands on any pool of the zone, whatever is asked (observed, section 16).

        Args:
            snapshot_id: In state ``BackedUp``.
            name: At most 255 characters.
            custom_id: The volume's id, chosen by the caller. Only a root administrator may (else 531).
            expires_in: Seconds for which the server accepts this request.
        """
        params = {"snapshotid": snapshot_id, "name": name, **self._reader.owner}
        if custom_id is not None:
            params["customid"] = custom_id
        return await self._create("createVolume", params, expires_in)

    async def create_snapshot(
        self, volume_id: str, *, name: str, tags: Mapping[str, str], expires_in: float
    ) -> Submitted:
        """Submit a snapshot of a ``Ready`` volume; ``id`` is the snapshot's.

        The tags stand when the job has ended. It belongs to the volume's owner.

        Args:
            volume_id: The volume, attached or not.
            name: At most 255 characters.
            tags: Marks, never empty texts: a tag without a value fails the job and leaves the snapshot.
            expires_in: Seconds for which the server accepts this request.
        """
        params = {"volumeid": volume_id, "name": name, **_tag_params(tags)}
        return await self._create("createSnapshot", params, expires_in)

    async def list_snapshots(
        self, *, volume_id: str | None = None, name: str | None = None, tags: Tags = ()
    ) -> list[Snapshot]:
        """List snapshots, failed ones too, whoever owns them.

        Args:
            volume_id: Only of this volume; a deleted one too.
            name: The whole name; upper and lower case are one.
            tags: Only with all of these. The server takes several for "one of" (observed, section 15), so
                the tags read back decide. One that is being made has no tags yet: look for its name.
        """
        wanted = dict(tags)
        params = {} if volume_id is None else {"volumeid": volume_id}
        if name is not None:
            params["name"] = name
        if wanted:
            # One is enough for the server; which one does not matter.
            params |= _tag_params(dict([next(iter(wanted.items()))]))
        try:
            found = await self._reader.everybodys(*_SNAPSHOTS, params)
        except InvalidParameter:
            if volume_id is None or await self._reader.takes("listSnapshots", {"volumeid": volume_id}):
                raise
            return []
        return [
            snapshot
            for snapshot in found
            if (name is None or same(snapshot.name, name))
            and (volume_id is None or same(snapshot.volumeid or "", volume_id))
            and wanted.items() <= snapshot.tag_values.items()
        ]

    async def find_snapshot(self, snapshot_id: str) -> Snapshot | None:
        """Return a snapshot, whoever owns it, or None: it never existed, or was deleted."""
        _, snapshot = await self._reader.look_up(*_SNAPSHOTS, snapshot_id)
        return snapshot

    async def revert_snapshot(self, snapshot_id: str, *, expires_in: float | None = None) -> Submitted:
        """Submit the return of a volume to its snapshot; at no VM, or at a stopped one.

        Args:
            snapshot_id: In state ``BackedUp``.
            expires_in: Seconds for which the server accepts this request.
        """
        return await self._reader.submit("revertSnapshot", {"id": snapshot_id}, expires_in=expires_in)

    async def delete_snapshot(self, snapshot_id: str) -> Submitted:
        """Submit the removal of a snapshot; what was made from it stays. Of a deleted one the job fails."""
        return await self._reader.submit("deleteSnapshot", {"id": snapshot_id})

    async def create_tags(self, resource_type: str, ids: Iterable[str], tags: Mapping[str, str]) -> Submitted:
        """Submit tags; the job fails when one of the keys is there already, whatever its value.

        Args:
            resource_type: ``UserVm``, ``Volume``, ``Snapshot`` or ``Network``.
            ids: Of the resources.
            tags: Cut at 255 characters each by the server.
        """
        params = {"resourcetype": resource_type, "resourceids": ",".join(ids), **_tag_params(tags)}
        return await self._reader.submit("createTags", params)

    async def _create(self, command: str, params: Mapping[str, str], expires_in: float) -> Submitted:
        submitted = await self._reader.submit(command, params, expires_in=expires_in)
        if submitted.id is None:
            raise unreadable(command, "no id")
        return submitted


def _tag_params(tags: Mapping[str, str]) -> dict[str, str]:
    return {
        f"tags[{index}].{part}": text
        for index, pair in enumerate(tags.items())
        for part, text in zip(("key", "value"), pair, strict=True)
    }
