"""InspectStorageActivity: what it says of a simulated CloudStack, and what it does not need a right for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.clouds import Clouds, CloudStackOptions
from activities.inspect_storage import InspectStorageActivities
from activities.messages.networks import ComputePlan
from activities.messages.storage import InspectRequest, QuotaFact, StorageFacts
from activities.messages.vm import VmOwner
from cloudstack import Owner
from database import CloudStackKeys
from rules.clones import clone_name, snapshot_name, snapshot_tags
from rules.context import DestinationConfig
from rules.disks import ReplicatedDisk, ReplicationFacts
from rules.errors import FailoverErrorType
from rules.identity import vm_marks
from rules.request import FailoverType
from simulators.cloudstack import CloudStackSimulator, Credentials, Fault, FaultKind, VmState, sample
from simulators.cloudstack.entities import Account, Tag, Vm
from simulators.cloudstack.storage import GIB, SnapshotState, Volume

NOBODY = "8c1f0f4e-0000-4000-8000-000000000001"
OURS, OTHER = "failover-ours", "failover-other"
CONTEXT = "ctx-pgtest1"
ADMIN_FACTS = ("hypervisor capabilities", "storage pools")
DR = Owner(account=sample.PLAIN_ACCOUNT, domain_id=sample.DOMAIN_ID)


@dataclass
class Site:
    """A simulated CloudStack with an appliance that has two replicas."""

    sim: CloudStackSimulator
    appliance: Vm
    replicas: tuple[Volume, Volume]

    def replication(self, *more: str) -> ReplicationFacts:
        volume_ids = (*(volume.id for volume in self.replicas), *more)
        return ReplicationFacts(
            appliance_vm_id=self.appliance.id,
            disks=tuple(
                ReplicatedDisk(disk_id=f"disk-{number}", volume_id=volume_id)
                for number, volume_id in enumerate(volume_ids)
            ),
        )

    async def inspect(
        self,
        replication: ReplicationFacts | None = None,
        *,
        who: Credentials = sample.ADMIN,
        owner: Owner | None = None,
        offering: str = sample.SMALL_OFFERING_ID,
        failover_type: FailoverType = FailoverType.LIVE,
        planned: bool = True,
        zone_id: str = "",
    ) -> StorageFacts:
        keys = CloudStackKeys(api_url=self.sim.endpoint, api_key=who.key, secret=who.secret)

        async def stored(_config_id: int) -> CloudStackKeys:
            return keys

        clouds = Clouds(stored, None, CloudStackOptions(owner=owner or Owner()))
        request = InspectRequest(
            owner=VmOwner(
                workflow_id=OURS,
                context_id=CONTEXT,
                failover_type=failover_type,
                source_vm_name="pgtest1",
                destination=DestinationConfig(
                    config_id=1,
                    name="site",
                    api_url=self.sim.endpoint,
                    zone=sample.ZONE_ID,
                    template_id=sample.TEMPLATE_ID,
                    service_offering_id=offering,
                ),
            ),
            compute=ComputePlan(
                zone_id=sample.ZONE_ID, template_id=sample.TEMPLATE_ID, service_offering_id=offering
            )
            if planned
            else None,
            zone_id=zone_id,
            replication=self.replication() if replication is None else replication,
        )
        try:
            return await ActivityEnvironment().run(InspectStorageActivities(clouds).inspect, request)
        finally:
            await clouds.close()

    def snapshot(
        self, volume: Volume, workflow_id: str, state: SnapshotState = SnapshotState.BACKED_UP
    ) -> None:
        """Add the snapshot that a drill clones from."""
        snapshot = self.sim.world.add_snapshot(snapshot_name(workflow_id, "disk-0", "clone", 1), volume)
        snapshot.state = state
        for key, value in snapshot_tags(workflow_id, CONTEXT, "clone", volume.id, 1).items():
            self.sim.world.tags.append(Tag(key, value, "Snapshot", snapshot.id, volume.account))


def site_of(sim: CloudStackSimulator, account: Account) -> Site:
    lan = sim.world.networks[sample.PROD_LAN_ID]
    appliance = sim.world.add_vm("appliance", [lan], account=account, state=VmState.RUNNING)
    boot, data = (
        sim.world.add_disk(name, vm=appliance, size=size * GIB) for name, size in (("boot", 3), ("data", 5))
    )
    return Site(sim, appliance, (boot, data))


@pytest.fixture
async def sim() -> AsyncIterator[CloudStackSimulator]:
    simulator = CloudStackSimulator()
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def site(sim: CloudStackSimulator) -> Site:
    return site_of(sim, sim.world.admin)


@pytest.fixture
def plains(sim: CloudStackSimulator) -> Site:
    return site_of(sim, sim.world.plain)


async def test_without_an_offering_everything_else_is_read(site: Site) -> None:
    planned = await site.inspect()

    facts = await site.inspect(planned=False, zone_id=sample.ZONE_ID)

    unknown = {"offering_cpu": 0, "offering_memory_mb": 0, "offering_known": False}
    assert facts == planned.model_copy(update=unknown)
    assert planned.offering_known


async def test_without_a_zone_no_pool_is_read_and_no_right_is_missing(site: Site) -> None:
    facts = await site.inspect(planned=False)

    assert (facts.pools, facts.zone_id, facts.unreadable) == ((), "", ())
    assert len(facts.volumes) == len(site.replicas)


async def test_every_disk_says_where_it_is(site: Site) -> None:
    facts = await site.inspect(site.replication(NOBODY))
    boot, data, missing = facts.volumes
    for fact, volume in ((boot, site.replicas[0]), (data, site.replicas[1])):
        assert volume.pool is not None
        assert fact.model_dump() == {
            "volume_id": volume.id,
            "found": True,
            "name": volume.name,
            "vm_id": site.appliance.id,
            "device_id": volume.device_id,
            "is_root": False,
            "storage_id": volume.pool.id,
            "storage_name": volume.pool.name,
            "state": "Ready",
            "size_bytes": volume.size,
            "account": "admin",
            "domain_id": sample.DOMAIN_ID,
            "project_id": "",
            "zone_id": sample.ZONE_ID,
        }
    assert (missing.volume_id, missing.found) == (NOBODY, False)
    assert facts.unreadable == ()


async def test_the_appliance_and_its_vm_snapshots_are_told(site: Site) -> None:
    site.sim.world.use_kvm(data_disks=12)
    site.sim.world.add_vm_snapshot("before-patches", site.appliance)
    facts = await site.inspect()
    assert (facts.appliance_state, facts.hypervisor, facts.max_data_disks) == ("Running", "KVM", 12)
    assert facts.appliance_vm_snapshots == ("before-patches",)
    assert len(site.sim.calls_of("listVolumes")) >= len(site.replicas)


@pytest.mark.parametrize("vm_id", ("", NOBODY))
async def test_no_appliance_is_no_error(site: Site, vm_id: str) -> None:
    facts = await site.inspect(ReplicationFacts(appliance_vm_id=vm_id))
    assert (facts.appliance_state, facts.hypervisor, facts.max_data_disks) == ("", "", None)
    assert facts.volumes == ()
    assert "hypervisor" in facts.unreadable


async def test_pools_are_those_that_disks_are_on_or_may_come_to(site: Site) -> None:
    world = site.sim.world
    managed = world.add_pool(managed=True)
    managed.size, managed.used = 100 * GIB, 7 * GIB
    pools = {pool.storage_id: pool for pool in (await site.inspect()).pools}
    assert set(pools) == {pool.id for pool in world.pools}
    found = pools[managed.id]
    assert (found.managed, found.scope, found.cluster_id) == (True, "ZONE", "")
    assert (found.total_bytes, found.used_bytes, found.allocated_bytes) == (100 * GIB, 7 * GIB, 0)
    home = site.replicas[0].pool
    assert home is not None
    assert pools[home.id].managed is False
    assert (pools[home.id].allocated_bytes or 0) >= 3 * GIB


@pytest.mark.parametrize(
    ("offering", "size"), ((sample.SMALL_OFFERING_ID, (1, 512)), (sample.CUSTOM_OFFERING_ID, (0, 0)))
)
async def test_only_a_fixed_offering_has_a_size(site: Site, offering: str, size: tuple[int, int]) -> None:
    facts = await site.inspect(offering=offering)
    assert (facts.offering_cpu, facts.offering_memory_mb) == size


async def test_settings_and_leases_are_read(site: Site) -> None:
    facts = await site.inspect()
    assert (facts.snapshot_of_running_allowed, facts.can_lease) == (True, False)
    site.sim.world.settings |= {"kvm.snapshot.enabled": "false", "instance.lease.enabled": "true"}
    facts = await site.inspect()
    assert (facts.snapshot_of_running_allowed, facts.can_lease) == (False, True)


async def test_the_quota_is_the_owners(site: Site) -> None:
    site.sim.world.plain.limits |= {"user_vm": 4, "primary_storage": 10}
    facts = await site.inspect(owner=DR)
    assert QuotaFact(resource="user_vm", available=4) in facts.quota
    assert QuotaFact(resource="primary_storage", available=10) in facts.quota
    assert QuotaFact(resource="cpu") in facts.quota
    assert sample.ADMIN.key not in facts.model_dump_json()


def _owner(facts: StorageFacts) -> tuple[str, str, str]:
    return facts.owner_account, facts.owner_domain_id, facts.owner_project_id


async def test_the_new_vms_owner_is_whom_it_is_deployed_for_or_the_caller(site: Site) -> None:
    admins, plains = ("admin", sample.DOMAIN_ID, ""), (sample.PLAIN_ACCOUNT, sample.DOMAIN_ID, "")
    assert _owner(await site.inspect()) == admins
    assert _owner(await site.inspect(who=sample.PLAIN)) == plains
    assert _owner(await site.inspect(owner=DR)) == plains
    project = site.sim.world.add_project("dr")
    facts = await site.inspect(owner=Owner(project_id=project.project))
    assert _owner(facts) == ("", "", project.project)
    assert facts.zone_id == sample.ZONE_ID
    site.sim.faults.add(Fault("listAccounts", FaultKind.REFUSED, code=432, times=None))
    assert _owner(await site.inspect()) == ("", "", "")
    assert _owner(await site.inspect(owner=DR)) == plains


async def test_a_volume_says_whose_it_is(site: Site) -> None:
    boot, data = site.replicas
    boot.account, data.account = site.sim.world.plain, site.sim.world.add_project("dr")
    facts = await site.inspect()
    assert [(one.account, one.domain_id, one.project_id) for one in facts.volumes] == [
        (sample.PLAIN_ACCOUNT, sample.DOMAIN_ID, ""),
        ("", sample.DOMAIN_ID, data.account.project),
    ]


async def test_a_plain_key_reads_what_decides_and_the_rest_is_named(plains: Site) -> None:
    facts = await plains.inspect(who=sample.PLAIN)
    assert [volume.found for volume in facts.volumes] == [True, True]
    assert {volume.storage_id for volume in facts.volumes} == {""}
    assert (facts.appliance_state, facts.pools, facts.max_data_disks) == ("Running", (), None)
    assert facts.snapshot_of_running_allowed is True
    assert QuotaFact(resource="volume") in facts.quota
    assert facts.unreadable == ADMIN_FACTS


async def test_what_belongs_to_somebody_else_is_named(site: Site) -> None:
    facts = await site.inspect(who=sample.PLAIN)
    assert [volume.found for volume in facts.volumes] == [False, False]
    assert set(facts.unreadable) == {
        f"appliance {site.appliance.id}",
        "hypervisor",
        "storage pools",
        *(f"volume {volume.id}" for volume in site.replicas),
    }


@pytest.mark.parametrize(
    ("command", "named"),
    (
        ("listCapabilities", {"capabilities"}),
        ("listAccounts", {"quota"}),
        ("listVMSnapshot", {"VM snapshots of the appliance"}),
        ("listStoragePools", {"storage pools"}),
        ("listHypervisorCapabilities", {"hypervisor capabilities"}),
    ),
)
@pytest.mark.parametrize("code", (401, 432))
async def test_a_refused_fact_is_named(site: Site, command: str, code: int, named: set[str]) -> None:
    site.sim.faults.add(Fault(command, FaultKind.REFUSED, code=code, times=None))
    facts = await site.inspect()
    assert set(facts.unreadable) == named
    # Also without capabilities the setting tells.
    assert facts.snapshot_of_running_allowed is True
    assert facts.can_lease is False


async def test_nobody_says_whether_running_vms_have_snapshots(site: Site) -> None:
    for command in ("listCapabilities", "listConfigurations"):
        site.sim.faults.add(Fault(command, FaultKind.REFUSED, code=432, times=None))
    facts = await site.inspect()
    assert facts.snapshot_of_running_allowed is None
    assert set(facts.unreadable) == {"capabilities", "kvm.snapshot.enabled"}


async def test_a_projects_quota_is_read_and_an_owner_that_shows_none_is_named(site: Site) -> None:
    project = site.sim.world.add_project("dr")
    project.limits["user_vm"] = 2
    facts = await site.inspect(owner=Owner(project_id=project.project))
    assert QuotaFact(resource="user_vm", available=2) in facts.quota
    assert facts.unreadable == ()
    facts = await site.inspect(owner=Owner(account="nobody", domain_id=sample.DOMAIN_ID))
    assert (facts.quota, facts.unreadable) == ((), ("quota",))


@pytest.mark.parametrize(
    ("command", "kind", "code", "error_type"),
    (
        ("listVolumes", FaultKind.INTERNAL, None, FailoverErrorType.CLOUDSTACK_UNAVAILABLE),
        ("listStoragePools", FaultKind.INTERNAL, None, FailoverErrorType.CLOUDSTACK_UNAVAILABLE),
        ("listVirtualMachines", FaultKind.REFUSED, 432, FailoverErrorType.CLOUDSTACK_REFUSED),
        ("listSnapshots", FaultKind.UNAUTHORIZED_ONCE, None, FailoverErrorType.CLOUDSTACK_NOT_PERMITTED),
    ),
)
async def test_what_decides_or_may_come_back_is_an_error(
    site: Site, command: str, kind: FaultKind, code: int | None, error_type: FailoverErrorType
) -> None:
    site.sim.faults.add(Fault(command, kind, code=code, times=None))
    with pytest.raises(ApplicationError) as raised:
        await site.inspect()
    assert raised.value.type == error_type.value


@pytest.mark.parametrize("state", (VmState.RUNNING, VmState.STOPPED, VmState.DESTROYED, VmState.ERROR))
async def test_a_live_vm_of_another_run_is_named_whatever_its_state(site: Site, state: VmState) -> None:
    world = site.sim.world

    def add(
        name: str, workflow: str, context: str = CONTEXT, kind: str = "live", account: Account | None = None
    ) -> Vm:
        marks = vm_marks(workflow, context, kind, NOBODY) if workflow else {}
        return world.add_vm(name, [], account=account, state=VmState.RUNNING, details=marks)

    found = add("pgtest1", OTHER, account=world.plain)
    found.state = state
    add("pgtest1", OURS)
    add("pgtest1", OTHER, context="ctx-of-another")
    add("pgtest1-test-0123456789", OTHER, kind="test")
    add("pgtest1", "")
    for failover_type in FailoverType:
        assert (await site.inspect(failover_type=failover_type)).live_vms == (f"pgtest1 ({found.id})",)
    world.expunge(found)
    assert (await site.inspect()).live_vms == ()


async def test_what_other_drills_are_about_to_take_is_counted_once(site: Site) -> None:
    boot, data = site.replicas
    world = site.sim.world
    assert (await site.inspect()).in_flight_bytes == 0
    site.snapshot(boot, OTHER)  # no clone yet
    site.snapshot(data, OTHER, SnapshotState.ERROR)  # none will come of it
    site.snapshot(data, OURS)
    assert (await site.inspect()).in_flight_bytes == 3 * GIB
    clone = world.add_volume(
        clone_name(OTHER, boot.id), account=world.plain, zone=world.zone, size=3 * GIB
    )  # being made
    world.add_volume(clone_name(OURS, data.id), account=world.admin, zone=world.zone, size=5 * GIB)
    world.add_volume(clone_name("a-third", data.id), account=world.admin, zone=world.zone, size=5 * GIB)
    assert (await site.inspect()).in_flight_bytes == 8 * GIB
    clone.put_on(world.pools[0], "path")
    assert (await site.inspect()).in_flight_bytes == 5 * GIB
