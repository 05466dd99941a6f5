"""What a site has room for, at a simulated CloudStack and at one that answers oddly."""

from collections.abc import AsyncIterator

import pytest

from cloudstack import (
    BadRequest,
    Capabilities,
    CapacityClient,
    NotPermitted,
    OutcomeUnknown,
    Owner,
    Quota,
    Transport,
)
from simulators.cloudstack import CloudStackSimulator, Credentials, sample
from simulators.cloudstack.storage import GIB
from tests.cloudstack.cloudstack_server import FakeCloudStack, fault, reply

DR = Owner(account=sample.PLAIN_ACCOUNT, domain_id=sample.DOMAIN_ID)


@pytest.fixture
async def sim() -> AsyncIterator[CloudStackSimulator]:
    simulator = CloudStackSimulator()
    await simulator.start()
    yield simulator
    await simulator.stop()


async def _transport(sim: CloudStackSimulator, who: Credentials) -> AsyncIterator[Transport]:
    async with Transport(sim.endpoint, who.key, who.secret, retry_seconds=0.001) as transport:
        yield transport


@pytest.fixture
async def admin(sim: CloudStackSimulator) -> AsyncIterator[Transport]:
    async for one in _transport(sim, sample.ADMIN):
        yield one


@pytest.fixture
async def plain(sim: CloudStackSimulator) -> AsyncIterator[Transport]:
    async for one in _transport(sim, sample.PLAIN):
        yield one


async def test_pools_say_how_full_they_are(sim: CloudStackSimulator, admin: Transport) -> None:
    managed = sim.world.add_pool(managed=True)
    managed.size, managed.used = 10 * GIB, 3 * GIB
    sim.world.add_disk("disk", size=4 * GIB, pool=managed)
    pools = {pool.id: pool for pool in await CapacityClient(admin, page_size=2).pools(sample.ZONE_ID)}
    assert set(pools) == {pool.id for pool in sim.world.pools}
    found = pools[managed.id]
    assert (found.managed, found.scope, found.clusterid) == (True, "ZONE", None)
    assert (found.disksizetotal, found.disksizeused, found.disksizeallocated) == (
        10 * GIB,
        3 * GIB,
        4 * GIB,
    )
    assert found.overprovisionfactor == 2.0
    first = pools[sim.world.pools[0].id]
    assert (first.managed, first.scope, first.clusterid) == (False, "CLUSTER", sim.world.pools[0].cluster_id)


async def test_a_plain_key_is_told_which_commands_it_does_not_have(plain: Transport) -> None:
    client = CapacityClient(plain)
    for call in (client.pools(sample.ZONE_ID), client.setting("any"), client.max_data_disks("KVM")):
        with pytest.raises(NotPermitted):
            await call


async def test_a_plain_key_reads_its_own_quota_and_an_admins_the_owners(
    sim: CloudStackSimulator, plain: Transport, admin: Transport
) -> None:
    sim.world.plain.limits |= {"user_vm": 3, "memory": 4096, "primary_storage": 5, "volume": 1}
    sim.world.add_vm("vm", [], account=sim.world.plain)
    sim.world.add_disk("disk", account=sim.world.plain)
    wanted = {
        Quota(resource="user_vm", limit=3, available=2),
        Quota(resource="memory", limit=4096, available=4096 - 512),
        Quota(resource="primary_storage", limit=5, available=-2),
        Quota(resource="volume", limit=1, available=-1),
        *(Quota(resource=name) for name in ("cpu", "snapshot", "secondary_storage", "network")),
    }
    assert set(await CapacityClient(plain).quota()) == wanted
    assert set(await CapacityClient(admin, DR).quota()) == wanted
    assert {one.available for one in await CapacityClient(admin).quota()} == {None}


async def test_the_holder_is_the_caller_or_whom_things_are_made_for(
    plain: Transport, admin: Transport
) -> None:
    wanted = (sample.PLAIN_ACCOUNT, sample.DOMAIN_ID)
    for client in (CapacityClient(plain), CapacityClient(admin, DR)):
        holder = await client.holder()
        assert holder is not None
        assert (holder.name, holder.domainid) == wanted
        assert sample.PLAIN.key not in repr(holder)
    own = await CapacityClient(admin).holder()
    assert own is not None
    assert own.name == "admin"
    assert await CapacityClient(admin, Owner(account="nobody", domain_id=sample.DOMAIN_ID)).holder() is None


async def test_no_part_of_the_reply_but_its_numbers_is_kept(
    sim: CloudStackSimulator, plain: Transport
) -> None:
    quota = await CapacityClient(plain).quota()
    assert sample.PLAIN.key not in repr(quota)
    assert {type(one.available) for one in quota} == {type(None)}
    assert sim.calls_of("listAccounts")


async def test_an_owner_that_cannot_be_told_has_no_quota(
    server: FakeCloudStack, transport: Transport
) -> None:
    account = {"id": "a", "name": "one", "vmlimit": "3", "vmavailable": "2"}
    server.answer(reply("listAccounts", {"account": [account, {**account, "id": "b", "name": "two"}]}))
    assert await CapacityClient(transport).quota() == ()
    owner = Owner(account="TWO", domain_id="d-1")
    assert await CapacityClient(transport, owner).quota() == (
        Quota(resource="user_vm", limit=3, available=2),
    )
    assert (server.requests[-1]["name"], server.requests[-1]["domainid"]) == ("TWO", "d-1")
    server.answer(reply("listAccounts", {}))
    assert await CapacityClient(transport).quota() == ()


async def test_a_member_reads_its_projects_quota(sim: CloudStackSimulator, plain: Transport) -> None:
    project, other = sim.world.add_project("dr", members=(sample.PLAIN_ACCOUNT,)), sim.world.add_project("no")
    project.limits["volume"] = 7
    assert (
        Quota(resource="volume", limit=7, available=7)
        in await CapacityClient(plain, Owner(project_id=project.project)).quota()
    )
    assert await CapacityClient(plain, Owner(project_id=other.project)).quota() == ()


async def test_a_projects_quota_is_the_projects(server: FakeCloudStack, transport: Transport) -> None:
    project = {
        "id": "p-1",
        "name": "dr",
        "cpulimit": "Unlimited",
        "cpuavailable": "UNLIMITED",
        "vmlimit": "x",
    }
    server.answer(reply("listProjects", {"count": 1, "project": [project]}))
    assert await CapacityClient(transport, Owner(project_id="p-1")).quota() == (Quota(resource="cpu"),)
    assert server.requests[0]["id"] == "p-1"


async def test_a_reply_that_cannot_be_read_quotes_none_of_its_values(
    server: FakeCloudStack, transport: Transport
) -> None:
    account = {"name": ["a-secret"], "user": [{"apikey": "a-secret"}]}
    for accounts in ([account], ["a-secret"]):
        server.answer(reply("listAccounts", {"account": accounts}))
        with pytest.raises(OutcomeUnknown) as raised:
            await CapacityClient(transport).quota()
        assert "a-secret" not in str(raised.value)


async def test_capabilities_follow_the_settings(sim: CloudStackSimulator, plain: Transport) -> None:
    client = CapacityClient(plain)
    assert await client.capabilities() == Capabilities(instanceleaseenabled=False, kvmsnapshotenabled=True)
    sim.world.settings |= {"instance.lease.enabled": "true", "kvm.snapshot.enabled": "false"}
    assert await client.capabilities() == Capabilities(instanceleaseenabled=True, kvmsnapshotenabled=False)


async def test_an_old_server_says_nothing_of_leases(server: FakeCloudStack, transport: Transport) -> None:
    server.answer(reply("listCapabilities", {"capability": {"cloudstackversion": "4.15.0.0"}}))
    assert await CapacityClient(transport).capabilities() == Capabilities()


async def test_a_vms_own_snapshots_are_listed(sim: CloudStackSimulator, admin: Transport) -> None:
    vm, other = sim.world.add_vm("vm", [], account=sim.world.plain), sim.world.add_vm("other", [])
    for name, holder in (("one", vm), ("two", vm), ("three", other), ("four", vm)):
        sim.world.add_vm_snapshot(name, holder)
    found = await CapacityClient(admin, page_size=2).vm_snapshots(vm.id)
    assert [one.name for one in found] == ["one", "two", "four"]


@pytest.mark.parametrize("key", ("vmSnapshot", "vmsnapshot"))
async def test_the_lists_name_may_be_written_either_way(
    server: FakeCloudStack, transport: Transport, key: str
) -> None:
    server.answer(reply("listVMSnapshot", {"count": 1, key: [{"id": "s-1", "name": "one"}]}))
    assert [one.id for one in await CapacityClient(transport).vm_snapshots("vm-1")] == ["s-1"]


async def test_a_setting_is_read_by_its_whole_name(sim: CloudStackSimulator, admin: Transport) -> None:
    client = CapacityClient(admin)
    assert await client.setting("kvm.snapshot.enabled") == "true"
    assert await client.setting("kvm.snapshot") is None
    assert len(sim.calls_of("listConfigurations")) == 2


async def test_the_default_row_says_how_many_disks_a_vm_may_have(
    sim: CloudStackSimulator, admin: Transport, server: FakeCloudStack, transport: Transport
) -> None:
    assert await CapacityClient(admin).max_data_disks("simulator") == sim.world.max_data_disks
    assert await CapacityClient(admin).max_data_disks("KVM") is None
    rows = [
        {"hypervisor": "KVM", "hypervisorversion": version, "maxdatavolumeslimit": limit}
        for version, limit in (("8.1", 13), ("default", 64), ("9.0", 20), ("9.1", None))
    ]
    for shown, wanted in ((rows, 64), ([rows[0], rows[2]], 13), ([rows[3]], None), ([], None)):
        server.answer(reply("listHypervisorCapabilities", {"hypervisorCapabilities": shown}))
        assert await CapacityClient(transport).max_data_disks("KVM") == wanted


async def test_other_refusals_stay_what_they_are(server: FakeCloudStack, transport: Transport) -> None:
    server.behave(lambda params: fault(params["command"], 537))
    with pytest.raises(BadRequest):
        await CapacityClient(transport).setting("any")
