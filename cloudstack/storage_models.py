"""What CloudStack says about volumes, snapshots and pools, under its own field names.

Only what identifies a thing must be there. A caller without root rights sees no pool (observed, section 16).
"""

from cloudstack.models import Entity
from rules.models import Record


class Tag(Record):
    """A tag on a resource; each is cut at 255 characters by the server (observed, section 15)."""

    key: str
    value: str = ""


class Volume(Entity):
    """A volume.

    Attributes:
        state: ``Allocated`` (no storage yet), ``Ready``, ``Snapshotting``, ``Destroy`` and so on.
        type: ``ROOT`` or ``DATADISK``; a detached one is always ``DATADISK``.
        size: Bytes.
        account: Owner, with ``domainid``; None when the volume is a project's, which ``projectid`` names.
        virtualmachineid: The VM that has it; None when it is attached to none.
        deviceid: Its place there, 0 for the root.
        storageid: Its pool; None where the caller may not see it, or it has no storage yet.
        snapshotid: Never in a list, only in the job that made it (observed, section 16): not read.
    """

    name: str = ""
    state: str = ""
    type: str = ""
    size: int = 0
    zoneid: str | None = None
    account: str | None = None
    domainid: str | None = None
    projectid: str | None = None
    virtualmachineid: str | None = None
    vmname: str | None = None
    vmstate: str | None = None
    deviceid: int | None = None
    storageid: str | None = None
    storage: str | None = None
    clusterid: str | None = None
    templateid: str | None = None
    hypervisor: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def is_root(self) -> bool:
        """Whether a VM boots from it."""
        return self.type == "ROOT"


class Snapshot(Entity):
    """A snapshot of a volume, which it outlives.

    Attributes:
        state: ``BackedUp`` when it can be used; ``Allocated`` and ``Creating`` before, ``Error`` when it
            failed.
        virtualsize: Bytes of the volume.
        jobid: The job that makes it; None when there is none any more (observed, section 16).
        tags: Of the create call too (observed, section 15).
    """

    name: str = ""
    state: str = ""
    volumeid: str | None = None
    volumename: str | None = None
    volumetype: str | None = None
    created: str | None = None
    physicalsize: int | None = None
    virtualsize: int | None = None
    revertable: bool | None = None
    jobid: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def tag_values(self) -> dict[str, str]:
        """The tags as a map."""
        return {tag.key: tag.value for tag in self.tags}


class StoragePool(Entity):
    """A primary storage pool. Sizes are in bytes.

    Attributes:
        managed: A plug-in makes one LUN for each volume; a root on it cannot be swapped.
        scope: ``CLUSTER``, ``ZONE`` or ``HOST``.
        disksizeallocated: What is promised to volumes; with thin provisioning more than what is used.
        overprovisionfactor: How often the size may be promised; a text in the reply.
    """

    name: str = ""
    state: str | None = None
    managed: bool | None = None
    scope: str | None = None
    zoneid: str | None = None
    clusterid: str | None = None
    disksizetotal: int | None = None
    disksizeused: int | None = None
    disksizeallocated: int | None = None
    overprovisionfactor: float | None = None


class VmSnapshot(Entity):
    """A snapshot of a whole VM: while there is one, no disk can be attached or detached."""

    name: str = ""
    displayname: str | None = None
    state: str | None = None
    virtualmachineid: str | None = None


class Quota(Record):
    """What an owner may have of one resource; None for unlimited.

    Attributes:
        resource: CloudStack's resource type: ``user_vm``, ``volume``, ``snapshot``, ``cpu``, ``memory``
            (MiB), ``primary_storage`` and ``secondary_storage`` (GiB), ``network``.
        available: Below 0 where the limit was lowered afterwards.
    """

    resource: str
    limit: int | None = None
    available: int | None = None


class Capabilities(Record):
    """What the server can do.

    Attributes:
        instanceleaseenabled: Whether instance leases are on; off, their parameters are ignored silently.
        kvmsnapshotenabled: ``kvm.snapshot.enabled``: snapshots of a running VM's volumes on KVM.
    """

    instanceleaseenabled: bool = False
    kvmsnapshotenabled: bool | None = None
