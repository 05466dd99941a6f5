"""What is stored where, and which disk belongs to which VM."""

from datetime import UTC, datetime

from simulators.cloudstack.entities import Account, Tag, Vm, Zone
from simulators.cloudstack.ids import Ids
from simulators.cloudstack.storage import (
    DATA_DISKS,
    DiskOffering,
    Snapshot,
    StoragePool,
    VmSnapshot,
    Volume,
    VolumeType,
    device_ids,
)


class StorageState:
    """Pools, disk offerings, volumes and snapshots.

    Attributes:
        volumes, snapshots, disk_offerings: By uuid; what was deleted stays with ``removed`` set.
        tags: On whatever resource.
        vm_snapshots: Those that are there.
        hypervisor: Of every host.
        can_revert: Whether a revert works, as on KVM. On the hypervisor that was observed it never does
            (section 16).
        max_data_disks: What the hypervisor allows a VM.
    """

    def __init__(self, seed: int) -> None:
        self.ids = Ids(seed)
        self.pools: list[StoragePool] = []
        self.disk_offerings: dict[str, DiskOffering] = {}
        self.volumes: dict[str, Volume] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.tags: list[Tag] = []
        self.vm_snapshots: list[VmSnapshot] = []
        self.hypervisor = "Simulator"
        self.can_revert = False
        self.max_data_disks = DATA_DISKS

    @staticmethod
    def now() -> datetime:
        """Return the server's time."""
        return datetime.now(UTC)

    def volumes_of(self, vm: Vm) -> list[Volume]:
        """Return the VM's volumes."""
        return [volume for volume in self.volumes.values() if volume.vm is vm and not volume.removed]

    def root_of(self, vm: Vm) -> Volume | None:
        """Return the volume that the VM boots from, if it has one."""
        return next((volume for volume in self.volumes_of(vm) if volume.is_root), None)

    def add_pool(self, cluster_id: str = "", cluster: str = "", *, managed: bool = False) -> StoragePool:
        """Add a storage pool to a cluster; without one it is the whole zone's."""
        name = f"PS{len(self.pools)}"
        pool = StoragePool(self.ids.uuid(), name, cluster_id, cluster, self.now(), managed=managed)
        self.pools.append(pool)
        return pool

    def add_disk_offering(
        self, name: str, size: int | None = None, *, offering_id: str = "", created: datetime | None = None
    ) -> DiskOffering:
        """Add what blank volumes are made from; ``size`` in GB, None where each creation says it."""
        offering = DiskOffering(offering_id or self.ids.uuid(), name, created or self.now(), size)
        self.disk_offerings[offering.id] = offering
        return offering

    def add_volume(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        name: str,
        *,
        account: Account,
        zone: Zone,
        size: int,
        volume_id: str = "",
        disk_offering: DiskOffering | None = None,
        pool: StoragePool | None = None,
        content: str = "",
    ) -> Volume:
        """Add a volume that no VM has, with storage where a pool is given."""
        volume = Volume(
            id=volume_id or self.ids.uuid(),
            number=self.ids.number(),
            name=name,
            size=size,
            zone=zone,
            account=account,
            created=self.now(),
            disk_offering=disk_offering,
            content=content,
        )
        if pool is not None:
            volume.put_on(pool, self.ids.uuid())
        self.volumes[volume.id] = volume
        return volume

    def add_root_volume(self, vm: Vm, size: int) -> Volume:
        """Give the VM its ROOT volume, without storage as before a first start (observed, section 9)."""
        volume = self.add_volume(f"ROOT-{vm.number}", account=vm.account, zone=vm.zone, size=size)
        volume.template, volume.offering = vm.template, vm.offering
        volume.vm, volume.device_id, volume.type = vm, 0, VolumeType.ROOT
        return volume

    def add_snapshot(self, name: str, volume: Volume, snapshot_id: str = "") -> Snapshot:
        """Add a snapshot of the volume as it is now, still to be copied."""
        snapshot = Snapshot(
            id=snapshot_id or self.ids.uuid(),
            name=name,
            volume=volume,
            volume_type=volume.type,
            account=volume.account,
            zone=volume.zone,
            created=self.now(),
            size=volume.size,
            template=volume.template,
            content=volume.content,
        )
        self.snapshots[snapshot.id] = snapshot
        return snapshot

    def any_pool(self, cluster_id: str = "") -> StoragePool:
        """Return a pool at random: of this cluster, or of them all, as clones get one (section 16)."""
        near = [pool for pool in self.pools if cluster_id in ("", pool.cluster_id)]
        return self.ids.choice(near or self.pools)

    def cluster_of(self, vm: Vm) -> str:
        """Return the cluster that the VM is bound to; empty where nothing of it is stored or runs yet."""
        root = self.root_of(vm)
        if root is not None and root.pool is not None and not root.pool.is_zone_wide:
            return root.pool.cluster_id
        return "" if vm.host is None else vm.host.cluster_id

    def free_device_id(self, vm: Vm) -> int | None:
        """Return the lowest place for another data disk, None where the VM has all it may (section 12)."""
        used = {volume.device_id for volume in self.volumes_of(vm)}
        places = device_ids(self.max_data_disks)
        return next((device_id for device_id in places if device_id not in used), None)

    def has_vm_snapshot(self, vm: Vm) -> bool:
        """Tell whether a snapshot of the whole VM keeps its disks where they are."""
        return any(snapshot.vm is vm for snapshot in self.vm_snapshots)

    def add_vm_snapshot(self, name: str, vm: Vm) -> VmSnapshot:
        """Take a snapshot of a whole VM."""
        snapshot = VmSnapshot(self.ids.uuid(), name, vm, self.now())
        self.vm_snapshots.append(snapshot)
        return snapshot

    def remove_volume(self, volume: Volume) -> None:
        """Delete the volume and its tags for good; its snapshots stay (section 16)."""
        volume.removed = True
        volume.detach()
        self.drop_tags(volume.id)

    def drop_tags(self, resource_id: str) -> None:
        """Forget the tags of something that is gone."""
        self.tags = [tag for tag in self.tags if tag.resource_id != resource_id]
