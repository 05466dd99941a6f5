"""Volumes, snapshots, pools and disk offerings key by key as a real server returned them."""

from simulators.cloudstack import shapes
from simulators.cloudstack.entities import Account, JobStatus
from simulators.cloudstack.shapes import Json
from simulators.cloudstack.storage import (
    DiskOffering,
    Snapshot,
    StoragePool,
    VmSnapshot,
    Volume,
    VolumeState,
)
from simulators.cloudstack.world import World

_IOPS = 1_000_000


def volume(world: World, item: Volume, viewer: Account) -> Json:
    """Return a volume; an ordinary user does not see where it is stored (section 16)."""
    body: Json = {
        "id": item.id,
        "name": item.name,
        "zoneid": item.zone.id,
        "zonename": item.zone.name,
        "type": item.type.value,
        "provisioningtype": "thin",
        "size": item.size,
        "created": shapes.moment(item.created),
        "state": item.state.value,
        **shapes.owner(world, item.account),
        "storagetype": "shared",
        "hypervisor": world.hypervisor,
        "destroyed": item.state is VolumeState.DESTROY,
        "isextractable": False,
        "displayvolume": True,
        "quiescevm": False,
        "supportsstoragesnapshot": False,
        "deleteprotection": False,
        "tags": shapes.tags_of(world, item.id),
        "hasannotations": False,
    }
    if item.vm is not None:
        body |= {
            "deviceid": item.device_id,
            "virtualmachineid": item.vm.id,
            "vmname": item.vm.name,
            "vmdisplayname": item.vm.display_name,
            "vmstate": item.vm.state.value,
            "vmtype": "User",
            "diskkbsread": 0,
            "diskkbswrite": 0,
            "diskioread": 0,
            "diskiowrite": 0,
        }
    if item.template is not None:
        body |= {
            "templateid": item.template.id,
            "templatename": item.template.name,
            "templatedisplaytext": item.template.name,
        }
    if item.offering is not None:
        body |= {
            "serviceofferingid": "1",
            "serviceofferingname": item.offering.name,
            "serviceofferingdisplaytext": item.offering.name,
        }
    if item.disk_offering is not None:
        body |= {
            "diskofferingid": item.disk_offering.id,
            "diskofferingname": item.disk_offering.name,
            "diskofferingdisplaytext": item.disk_offering.name,
        }
    if item.pool is not None and viewer.is_root_admin:
        body |= {
            "storage": item.pool.name,
            "storageid": item.pool.id,
            "path": item.path,
        }
        if not item.pool.is_zone_wide:
            body |= {
                "clusterid": item.pool.cluster_id,
                "clustername": item.pool.cluster,
                "podid": world.pod_id,
                "podname": shapes.POD_NAME,
            }
    return body


def snapshot(world: World, item: Snapshot) -> Json:
    """Return a snapshot; one that is being made has the ``jobid`` too (section 16)."""
    making = [
        job.id
        for job in world.jobs.values()
        if job.instance_id == item.id and job.status is JobStatus.PENDING and not job.forgotten
    ]
    body: Json = {
        "id": item.id,
        **shapes.owner(world, item.account),
        "volumeid": item.volume.id,
        "volumename": item.volume.name,
        "volumetype": item.volume_type.value,
        "volumestate": item.volume.state.value,
        "created": shapes.moment(item.created),
        "name": item.name,
        "intervaltype": "MANUAL",
        "state": item.state.value,
        "physicalsize": 0,
        "zoneid": item.zone.id,
        "zonename": item.zone.name,
        "revertable": world.can_revert,
        "ostypeid": world.os_type_id,
        "virtualsize": item.size,
        "tags": shapes.tags_of(world, item.id),
        "hasannotations": False,
    }
    return body | ({"jobid": making[0], "jobstatus": 0} if making else {})


def storage_pool(world: World, item: StoragePool) -> Json:
    """Return a storage pool; only a root admin may list them (section 19)."""
    stored = sum(
        volume.size for volume in world.volumes.values() if volume.pool is item and not volume.removed
    )
    place: Json = {
        "podid": world.pod_id,
        "podname": shapes.POD_NAME,
        "clusterid": item.cluster_id,
        "clustername": item.cluster,
    }
    return {
        "id": item.id,
        **({} if item.is_zone_wide else place),
        "zoneid": world.zone.id,
        "zonename": world.zone.name,
        "name": item.name,
        "ipaddress": "10.147.28.7",
        "path": f"/export/home/sandbox/{item.name}",
        "created": shapes.moment(item.created),
        "type": "NetworkFilesystem",
        "capacitybytes": item.size,
        "disksizetotal": item.size,
        "disksizeallocated": stored,
        "disksizeused": item.used,
        "capacityiops": _IOPS,
        "usediops": _IOPS // 2,
        "istagarule": False,
        "state": "Up",
        "scope": "ZONE" if item.is_zone_wide else "CLUSTER",
        "overprovisionfactor": "2.0",
        "hypervisor": world.hypervisor,
        "provider": "DefaultPrimary",
        "storagecapabilities": {"VOLUME_SNAPSHOT_QUIESCEVM": "false"},
        "managed": item.managed,
        "details": {},
        "hasannotations": False,
    }


def disk_offering(item: DiskOffering) -> Json:
    """Return a disk offering; a custom one has no size of its own."""
    return {
        "id": item.id,
        "name": item.name,
        "state": "Active",
        "displaytext": item.name,
        "disksize": item.size or 0,
        "created": shapes.moment(item.created),
        "iscustomized": item.size is None,
        "storagetype": "shared",
        "provisioningtype": "thin",
        "displayoffering": True,
        "disksizestrictness": False,
        "encrypt": False,
        "hasannotations": False,
    }


def vm_snapshot(world: World, item: VmSnapshot) -> Json:
    """Return a snapshot of a whole VM (CloudStack's source; not observed)."""
    return {
        "id": item.id,
        "name": item.name,
        "displayname": item.name,
        "state": "Ready",
        "type": "Disk",
        "current": True,
        "virtualmachineid": item.vm.id,
        "virtualmachinename": item.vm.name,
        "zoneid": item.vm.zone.id,
        "zonename": item.vm.zone.name,
        "hypervisor": world.hypervisor,
        **shapes.owner(world, item.vm.account),
        "created": shapes.moment(item.created),
        "tags": [],
        "hasannotations": False,
    }
