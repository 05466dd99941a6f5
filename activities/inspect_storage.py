"""What CloudStack says of disks, pools, quota and appliance, before anything is changed.

What decides, every key may ask: volumes, appliance, offering, marked VMs. What only some keys may ask is a
fact that may be missing: it is then named, and the judgement says what its absence means.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from temporalio import activity

from activities.clouds import Cloud, Clouds
from activities.heartbeats import heartbeats
from activities.messages.disks import SnapshotPurpose
from activities.messages.storage import InspectRequest, PoolFacts, QuotaFact, StorageFacts
from activities.our_volumes import LEFTOVER, facts_of
from activities.translate import typed_failures
from cloudstack import (
    Capabilities,
    Holder,
    NotPermitted,
    Owner,
    Refused,
    ServiceOffering,
    StoragePool,
    VirtualMachine,
)
from rules.clones import MARK_PURPOSE, MARK_VOLUME, clone_name
from rules.disks import VolumeFacts
from rules.identity import MARK_CONTEXT, MARK_TYPE, MARK_WORKFLOW
from rules.naming import live_vm_name
from rules.request import FailoverType

_T = TypeVar("_T")

_UP = frozenset({"Up", None})
_READY = "Ready"
_FAILED = "Error"
_RUNNING_SNAPSHOTS = "kvm.snapshot.enabled"
_ANY_CLONE = "failover-clone-"


class InspectStorageActivities:
    """Reads CloudStack, never writes.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="InspectStorageActivity")
    async def inspect(self, request: InspectRequest) -> StorageFacts:
        """Read volumes, pools, quota, appliance, settings and the marked live VMs of this context.

        What the key may not read is named in the reply, and is no error.

        Raises:
            ApplicationError: CloudStackUnavailable and the like.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                return await _Inspection(cloud, request).run()


class _Inspection:
    def __init__(self, cloud: Cloud, request: InspectRequest) -> None:
        self._cloud = cloud
        self._request = request
        self._unreadable: list[str] = []

    async def run(self) -> StorageFacts:
        try:
            return await self._read()
        except ExceptionGroup as failures:
            # The other reads are over by now; one reason is enough to try again.
            raise failures.exceptions[0] from failures

    async def _read(self) -> StorageFacts:
        capacity, compute = self._cloud.capacity, self._request.compute
        zone_id = compute.zone_id if compute else self._request.zone_id
        async with asyncio.TaskGroup() as reads:
            volumes = [reads.create_task(self._volume(volume_id)) for volume_id in self._volume_ids()]
            appliance = reads.create_task(self._appliance())
            offering = reads.create_task(self._offering())
            live_vms = reads.create_task(self._live_vms())
            in_flight = reads.create_task(self._in_flight_bytes())
            pools = reads.create_task(self._pools(zone_id))
            holder = reads.create_task(self._readable("quota", capacity.holder))
            capabilities = reads.create_task(self._readable("capabilities", capacity.capabilities))
        owner = holder.result()
        vm, size, can = appliance.result(), offering.result(), capabilities.result()
        async with asyncio.TaskGroup() as reads:
            held = reads.create_task(self._vm_snapshots(vm))
            disks = reads.create_task(self._max_data_disks((vm and vm.hypervisor) or ""))
            allowed = reads.create_task(self._snapshot_of_running_allowed(can))
        facts = tuple(volume.result() for volume in volumes)
        return StorageFacts(
            volumes=facts,
            appliance_state=vm.state if vm else "",
            appliance_vm_snapshots=held.result(),
            hypervisor=(vm and vm.hypervisor) or "",
            pools=_pool_facts(pools.result() or (), facts),
            quota=self._quota(owner),
            snapshot_of_running_allowed=allowed.result(),
            can_lease=can is not None and can.instanceleaseenabled,
            max_data_disks=disks.result(),
            offering_cpu=(size and size.cpunumber) or 0,
            offering_memory_mb=(size and size.memory) or 0,
            offering_known=compute is not None,
            live_vms=live_vms.result(),
            in_flight_bytes=in_flight.result(),
            **_owned_by(self._cloud.owner, owner),
            zone_id=zone_id,
            unreadable=tuple(sorted(set(self._unreadable))),
        )

    def _volume_ids(self) -> Iterable[str]:
        return dict.fromkeys(disk.volume_id for disk in self._request.replication.disks if disk.volume_id)

    async def _readable(self, what: str, call: Callable[[], Awaitable[_T]]) -> _T | None:
        """Return what the call says; None, with its name remembered, when this key may not ask it.

        Root keys get a 401 for a command that their server does not have (observed, section 6). Is the key
        itself refused, then the reads that every key may do say so.
        """
        try:
            return await call()
        except Refused:
            self._unreadable.append(what)
            return None

    def _quota(self, holder: Holder | None) -> tuple[QuotaFact, ...]:
        found = holder.quotas if holder is not None else ()
        if not found:
            self._unreadable.append("quota")
        return tuple(QuotaFact(resource=one.resource, available=one.available) for one in found)

    async def _offering(self) -> ServiceOffering | None:
        compute = self._request.compute
        return await self._cloud.client.find_offering(compute.service_offering_id) if compute else None

    async def _pools(self, zone_id: str) -> list[StoragePool] | None:
        if not zone_id:
            return None
        return await self._readable("storage pools", lambda: self._cloud.capacity.pools(zone_id))

    async def _volume(self, volume_id: str) -> VolumeFacts:
        try:
            return facts_of(volume_id, await self._cloud.storage.find_volume(volume_id))
        except NotPermitted:
            self._unreadable.append(f"volume {volume_id}")
            return facts_of(volume_id, None)

    async def _appliance(self) -> VirtualMachine | None:
        vm_id = self._request.replication.appliance_vm_id
        if not vm_id:
            return None
        try:
            return (await self._cloud.client.find_vm(vm_id)).vm
        except NotPermitted:
            self._unreadable.append(f"appliance {vm_id}")
            return None

    async def _vm_snapshots(self, appliance: VirtualMachine | None) -> tuple[str, ...]:
        if appliance is None:
            return ()
        found = await self._readable(
            "VM snapshots of the appliance", lambda: self._cloud.capacity.vm_snapshots(appliance.id)
        )
        return tuple(one.displayname or one.name or one.id for one in found or ())

    async def _max_data_disks(self, hypervisor: str) -> int | None:
        if not hypervisor:
            self._unreadable.append("hypervisor")
            return None
        return await self._readable(
            "hypervisor capabilities", lambda: self._cloud.capacity.max_data_disks(hypervisor)
        )

    async def _snapshot_of_running_allowed(self, capabilities: Capabilities | None) -> bool | None:
        """Every key reads it among the capabilities; an old server tells it only as a setting."""
        if capabilities is not None and capabilities.kvmsnapshotenabled is not None:
            return capabilities.kvmsnapshotenabled
        value = await self._readable(
            _RUNNING_SNAPSHOTS, lambda: self._cloud.capacity.setting(_RUNNING_SNAPSHOTS)
        )
        return None if value is None else value.strip().lower() == "true"

    async def _live_vms(self) -> tuple[str, ...]:
        """Find them by name and mark in CloudStack itself: Temporal may have been lost and be empty."""
        owner = self._request.owner
        named = await self._cloud.client.list_vms(keyword=live_vm_name(owner.source_vm_name), all_owners=True)
        return tuple(
            f"{vm.name} ({vm.id})"
            for vm in named
            if vm.details.get(MARK_CONTEXT) == owner.context_id
            and vm.details.get(MARK_TYPE) == FailoverType.LIVE.value
            and vm.details.get(MARK_WORKFLOW) != owner.workflow_id
        )

    async def _in_flight_bytes(self) -> int:
        """Add up what other drills are about to take: clones in the making, and snapshots without a clone.

        A clone that is there is in its pool's own numbers. A snapshot that failed makes none.
        """
        volumes, snapshots = await asyncio.gather(
            self._cloud.storage.list_volumes(keyword=_ANY_CLONE, all_owners=True),
            self._cloud.storage.list_snapshots(tags={MARK_PURPOSE: SnapshotPurpose.CLONE.value}),
        )
        wanted = {
            clone_name(tags.get(MARK_WORKFLOW, ""), tags.get(MARK_VOLUME, "")): snapshot.virtualsize or 0
            for snapshot in snapshots
            for tags in [snapshot.tag_values]
            if snapshot.state != _FAILED
        }
        clones = {one.name: one for one in volumes if one.name.startswith(_ANY_CLONE)}
        wanted |= {name: one.size for name, one in clones.items() if one.state not in LEFTOVER}
        ours = clone_name(self._request.owner.disks_key, "")
        made = {name for name, one in clones.items() if one.state == _READY}
        return sum(size for name, size in wanted.items() if name not in made and not name.startswith(ours))


def _owned_by(configured: Owner, holder: Holder | None) -> dict[str, str]:
    """Say who will own the new VM: whom it is deployed for, or else the caller."""
    if configured.project_id:
        return {"owner_project_id": configured.project_id}
    if holder is not None:
        return {"owner_account": holder.name, "owner_domain_id": holder.domainid}
    return {"owner_account": configured.account or "", "owner_domain_id": configured.domain_id or ""}


def _pool_facts(pools: Iterable[StoragePool], volumes: Iterable[VolumeFacts]) -> tuple[PoolFacts, ...]:
    """Return the pools that disks are on, and those that a clone may land on."""
    in_use = {volume.storage_id for volume in volumes}
    return tuple(
        PoolFacts(
            storage_id=pool.id,
            name=pool.name,
            managed=pool.managed,
            scope=pool.scope or "",
            cluster_id=pool.clusterid or "",
            total_bytes=pool.disksizetotal,
            used_bytes=pool.disksizeused,
            allocated_bytes=pool.disksizeallocated,
        )
        for pool in pools
        if pool.state in _UP or pool.id in in_use
    )
