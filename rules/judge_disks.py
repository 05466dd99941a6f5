"""What the preflight says of the disks in CloudStack: are they there, where they should be, and movable?"""

from collections.abc import Iterator

from rules.checks import failed, judged, passed, warned
from rules.disks import ReplicatedDisk
from rules.placement import GONE
from rules.preflight import Check
from rules.situation import Situation
from rules.storage_facts import PoolFacts

_READY = "Ready"
_NEVER_WRITTEN = frozenset({"Allocated", "Uploaded", ""})
"""A volume in such a state holds no replica, and no snapshot can be taken of it (observed, section 13)."""
_KVM = "kvm"
_RUNNING = "Running"
_OF_A_CLUSTER = "CLUSTER"
_OF_THE_ZONE = "ZONE"
_SEVERAL = 2
_UNREAD = PoolFacts(storage_id="")


def disks_present(known: Situation) -> Check:
    """Judge whether every disk has a volume of its own in CloudStack."""
    failures = [f"{disk.disk_id}: {what}" for disk, what in _missing(known)]
    if not known.replication.disks:
        failures.append("the database knows no disk of this VM")
    owners: dict[str, list[str]] = {}
    for disk in known.replication.disks:
        if disk.volume_id:
            owners.setdefault(disk.volume_id.lower(), []).append(disk.disk_id)
    failures.extend(
        f"{' and '.join(disks)} have one volume ({volume})"
        for volume, disks in owners.items()
        if len(disks) > 1
    )
    return judged(
        "disks_present",
        failures,
        (),
        f"{len(known.replication.disks)} disks, each with its volume",
        "Replicate the VM again, or correct vm_disks and ossea_volumes: each disk needs its own volume",
    )


def disk_places(known: Situation) -> Check:
    """Judge whether every volume is where replication keeps it, and ready."""
    failures: list[str] = []
    warnings: list[str] = []
    for disk, volume in known.replicas:
        if not volume.found or volume.state in GONE:
            continue
        at = volume.vm_id.lower()
        if at and at != known.replication.appliance_vm_id.lower():
            failures.append(f"{disk.disk_id} is attached to VM {volume.vm_id}, not to the appliance")
        elif not at:
            lost = f"{disk.disk_id} is attached to nothing: neither replication nor conversion reaches it"
            (failures if known.writes_at_appliance else warnings).append(lost)
        if volume.state in _NEVER_WRITTEN:
            failures.append(f"{disk.disk_id} is {volume.state or 'in no state'}: it was never written")
        elif volume.state != _READY:
            warnings.append(f"{disk.disk_id} is {volume.state}; the run waits for it")
    return judged(
        "disk_places",
        failures,
        warnings,
        "every disk is at the appliance, and ready",
        "Attach the volumes to the appliance as they were; docs/operate.md says where each belongs",
    )


def appliance(known: Situation) -> Check:
    """Judge whether CloudStack knows the VM that the replicas hang on."""
    name, state = "appliance", known.storage.appliance_state
    if not known.replication.appliance_vm_id:
        return failed(
            name,
            "the CloudStack configuration does not name the appliance's VM",
            "Set oma_vm_id in ossea_configs",
        )
    if not state:
        return failed(
            name,
            f"CloudStack shows no VM {known.replication.appliance_vm_id}",
            "Correct oma_vm_id in ossea_configs, or give the key the right to see that VM",
        )
    if state != _RUNNING:
        return warned(name, f"the appliance is {state}", "Start it; a guest can only be converted there")
    return passed(name, "the appliance runs")


def vm_snapshots(known: Situation) -> Check:
    """Judge whether a snapshot of the whole appliance blocks the moves."""
    name, found = "vm_snapshots", known.storage.appliance_vm_snapshots
    if found:
        return failed(
            name,
            f"the appliance has VM snapshots: {', '.join(found)}; each blocks detach and attach",
            "Delete these VM snapshots of the appliance",
        )
    unread = any("vmsnapshot" in one.lower().replace(" ", "") for one in known.storage.unreadable)
    if unread or not known.storage.appliance_state:
        return warned(
            name,
            "nobody can say whether the appliance has VM snapshots, which block detach and attach",
            "Look in CloudStack, or use a key that may list them",
        )
    return passed(name, "the appliance has no VM snapshot")


def snapshot_allowed(known: Situation) -> Check:
    """Judge whether CloudStack takes snapshots of volumes of the running appliance."""
    name, facts = "snapshot_allowed", known.storage
    if known.config.waive_snapshots:
        return warned(
            name,
            "rollback snapshots are waived in the request: there is no way back to the replica as it was",
            "Leave waive_snapshots out where a way back is wanted",
        )
    if facts.appliance_state and facts.appliance_state != _RUNNING:
        return passed(name, "the appliance does not run")
    if facts.hypervisor and facts.hypervisor.lower() != _KVM:
        return passed(name, f"{facts.hypervisor} takes snapshots of a running VM's disks")
    if facts.hypervisor and facts.snapshot_of_running_allowed is False:
        return failed(
            name,
            "KVM takes no snapshot of a running VM's disk here: kvm.snapshot.enabled is false",
            "Set kvm.snapshot.enabled to true in CloudStack; live: or waive_snapshots true with a reason",
        )
    if facts.hypervisor and facts.snapshot_of_running_allowed:
        return passed(name, "kvm.snapshot.enabled is true")
    return warned(
        name,
        "nobody can say whether CloudStack takes snapshots of a running VM's disks: this key may not read it",
        "Ask the CloudStack administrator for kvm.snapshot.enabled",
    )


def storage_managed(known: Situation) -> Check:
    """Judge whether the disks' pools allow another root disk."""
    pools = {pool.storage_id.lower(): pool for pool in known.storage.pools}
    failures, warnings = [], []
    for disk, volume in known.replicas:
        pool = pools.get(volume.storage_id.lower())
        if pool is None or pool.managed is None:
            warnings.append(f"{disk.disk_id}: nobody can say whether its pool is managed storage")
        elif pool.managed:
            failures.append(f"{disk.disk_id} is on managed storage ({pool.name or pool.storage_id})")
    return judged(
        "storage_managed",
        failures,
        warnings,
        "no disk is on managed storage",
        "Managed storage takes no other root disk: migrate the volumes to a pool that is not managed",
    )


def disk_pools(known: Situation) -> Check:
    """Judge whether the replicas can be attached to one VM without being copied.

    An attach across clusters copies silently (observed, section 9). A pool of the whole zone is at home in
    every cluster. A host's own storage no other host reaches, and which host the VM gets is not known before.
    """
    name = "disk_pools"
    if known.on_clones:
        return passed(name, "clones are moved to the VM's cluster; pool_space counts that")
    placed = [(disk, volume) for disk, volume in known.replicas if volume.found and volume.state not in GONE]
    if len({volume.storage_id.lower() or disk.disk_id for disk, volume in placed}) < _SEVERAL:
        return passed(name, "all disks are on one pool")
    pools = {pool.storage_id.lower(): pool for pool in known.storage.pools}
    clusters: dict[str, list[str]] = {}
    warnings = []
    for disk, volume in placed:
        pool = pools.get(volume.storage_id.lower(), _UNREAD)
        said = f"{disk.disk_id} is on {pool.name or volume.storage_name or volume.storage_id or 'a pool'}"
        if pool.scope == _OF_A_CLUSTER and pool.cluster_id:
            clusters.setdefault(pool.cluster_id.lower(), []).append(f"{said} in cluster {pool.cluster_id}")
        elif pool.scope != _OF_THE_ZONE:
            warnings.append(f"{said}, and nobody can say which cluster reaches that")
    apart = [one for disks in clusters.values() for one in disks]
    return judged(
        name,
        apart if len(clusters) >= _SEVERAL else (),
        warnings,
        "all disks are on pools that one cluster reaches",
        "An attach across clusters copies the disk without a word, in the outage: migrate the volumes to "
        "pools of one cluster, or of the whole zone",
    )


def _missing(known: Situation) -> Iterator[tuple[ReplicatedDisk, str]]:
    there = {disk.disk_id: volume for disk, volume in known.replicas}
    for disk in known.replication.disks:
        volume = there.get(disk.disk_id)
        if not disk.volume_id:
            yield disk, "replication has made no volume for it"
        elif volume is None or not volume.found:
            yield disk, f"CloudStack shows no volume {disk.volume_id}"
        elif volume.state in GONE:
            yield disk, f"its volume {disk.volume_id} is {volume.state}"
