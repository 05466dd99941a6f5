"""What a site has room for and allows, as the product reads it; leases, firmware and VM snapshots."""

import dataclasses
from collections.abc import AsyncIterator

import pytest

from cloudstack import (
    CapacityClient,
    CloudStackClient,
    DeploySpec,
    InternalFault,
    JobState,
    JobWatcher,
    NetworkRequest,
    NotPermitted,
    Owner,
    Transport,
    VirtualMachine,
)
from tests.contract.cloud import SUCCESS, Cloud, failed, outcome
from tests.contract.target import KeyPair, Target

RESOURCES = {"user_vm", "volume", "snapshot", "primary_storage"}


@pytest.fixture(scope="module")
async def transport(target: Target) -> AsyncIterator[Transport]:
    async with Transport(target.endpoint, target.admin.key, target.admin.secret) as one:
        yield one


@pytest.fixture
async def plains(target: Target, plain: KeyPair) -> AsyncIterator[CapacityClient]:
    async with Transport(target.endpoint, plain.key, plain.secret) as one:
        yield CapacityClient(one)


async def deployed(cloud: Cloud, transport: Transport, network: str, **changes: object) -> VirtualMachine:
    """Deploy with the product's client, and read back."""
    spec = DeploySpec(
        name=cloud.name(),
        zoneid=cloud.site.zone,
        templateid=cloud.site.template,
        serviceofferingid=cloud.site.offering,
        networks=(NetworkRequest(network),),
    )
    client = CloudStackClient(transport)
    submitted = await client.deploy_vm(dataclasses.replace(spec, **changes), expires_in=60)  # type: ignore[arg-type]
    watcher = JobWatcher(client, interval_seconds=0.2)
    try:
        assert (await watcher.wait(submitted.jobid)).state is JobState.SUCCEEDED
    finally:
        await watcher.close()
    assert submitted.id is not None
    vm = (await client.find_vm(submitted.id)).vm
    assert vm is not None
    return vm


@pytest.mark.observed(19, "pools (admin): disksizetotal, disksizeallocated, managed; shapes: storagepool")
async def test_the_client_reads_the_pools_of_a_zone(
    cloud: Cloud, transport: Transport, running_vm: str
) -> None:
    pools = {pool.id: pool for pool in await CapacityClient(transport).pools(cloud.site.zone)}
    home = pools[(await cloud.root_of(running_vm))["storageid"]]
    assert (home.zoneid, home.managed) == (cloud.site.zone, False)
    assert home.scope in {"CLUSTER", "ZONE", "HOST"}
    assert home.disksizetotal
    assert home.disksizeallocated is not None


@pytest.mark.observed(19, "plain: listStoragePools, listConfigurations: 432, which means: not this key's")
async def test_an_ordinary_users_client_is_told_which_facts_are_not_its_own(
    cloud: Cloud, plains: CapacityClient
) -> None:
    for call in (plains.pools(cloud.site.zone), plains.setting("expunge.delay")):
        with pytest.raises(NotPermitted):
            await call


@pytest.mark.observed(19, "quota of the caller: listAccounts (plain sees itself); an admin names the account")
async def test_the_client_reads_the_quota_of_an_owner(
    cloud: Cloud, transport: Transport, plains: CapacityClient, plain: KeyPair
) -> None:
    [account] = (await cloud.call("listAccounts", who=plain)).items("account")
    own = {one.resource: one for one in await plains.quota()}
    assert set(own) >= RESOURCES
    shown = account["vmavailable"]
    assert own["user_vm"].available == (None if shown == "Unlimited" else int(shown))
    holder = await plains.holder()
    assert holder is not None
    assert (holder.name, holder.domainid) == (account["name"], account["domainid"])
    owner = Owner(account=account["name"], domain_id=account["domainid"])
    named = {one.resource: one for one in await CapacityClient(transport, owner).quota()}
    assert {name: one.limit for name, one in named.items()} == {name: one.limit for name, one in own.items()}


@pytest.mark.observed(17, "visible to plain: listCapabilities instanceleaseenabled; shapes: capability")
async def test_the_client_reads_capabilities(transport: Transport, plains: CapacityClient) -> None:
    known = await plains.capabilities()
    assert known == await CapacityClient(transport).capabilities()
    assert known.kvmsnapshotenabled is not None


@pytest.mark.observed(17, "settings: instance.lease.enabled; listConfigurations name= is admin's")
async def test_the_client_reads_settings(transport: Transport) -> None:
    client = CapacityClient(transport)
    enabled = await client.setting("instance.lease.enabled")
    assert enabled == str((await client.capabilities()).instanceleaseenabled).lower()
    assert await client.setting("contract.no.such.setting") is None


@pytest.mark.observed(12, "six data disks; listHypervisorCapabilities was not observed: cloudstack-api.md, 3")
async def test_the_client_reads_how_many_disks_a_vm_may_have(cloud: Cloud, transport: Transport) -> None:
    allowed = await CapacityClient(transport).max_data_disks(cloud.site.hypervisor)
    assert allowed is None or allowed >= 1


@pytest.mark.observed(17, "off: 200, silently no lease; on: leaseduration, leaseexpiryaction read back")
async def test_a_lease_is_there_or_ignored_as_the_capability_says(
    cloud: Cloud, transport: Transport, lan: str
) -> None:
    enabled = (await CapacityClient(transport).capabilities()).instanceleaseenabled
    leased = await deployed(cloud, transport, lan, lease_days=2)
    assert (leased.leaseduration, leased.leaseexpiryaction) == ((2, "DESTROY") if enabled else (None, None))
    unleased = await deployed(cloud, transport, lan)
    assert (unleased.leaseduration, unleased.leaseexpirydate) == (None, None)


@pytest.mark.observed(17, "change: 200, expiry = now + n days; off: 200, no lease; section 15: details stay")
async def test_a_lease_is_renewed_and_the_marks_stay(cloud: Cloud, transport: Transport, lan: str) -> None:
    enabled = (await CapacityClient(transport).capabilities()).instanceleaseenabled
    before = await deployed(cloud, transport, lan, lease_days=1, details={"failoverid": "fo-1"})
    client = CloudStackClient(transport)
    for days in (3, 3):
        await client.update_lease(before.id, days=days, action="DESTROY")
    after = (await client.find_vm(before.id)).vm
    assert after is not None
    assert (after.leaseduration, after.leaseexpiryaction) == ((3, "DESTROY") if enabled else (None, None))
    assert after.details["failoverid"] == "fo-1"
    assert (after.leaseexpirydate or "") > (before.leaseexpirydate or "") or not enabled


@pytest.mark.observed(17, "on: a VM deployed without: 530; off: 200, silently no lease")
async def test_a_vm_without_a_lease_is_given_none(cloud: Cloud, transport: Transport, lan: str) -> None:
    enabled = (await CapacityClient(transport).capabilities()).instanceleaseenabled
    vm, client = await deployed(cloud, transport, lan), CloudStackClient(transport)
    try:
        await client.update_lease(vm.id, days=1, action="DESTROY")
    except InternalFault:
        assert enabled
    else:
        assert not enabled
    after = (await client.find_vm(vm.id)).vm
    assert after is not None
    assert after.leaseduration is None


@pytest.mark.observed(1, "boottype=UEFI bootmode=LEGACY, details[0].k: stored in details")
async def test_firmware_is_read_back(cloud: Cloud, transport: Transport, lan: str) -> None:
    uefi = await deployed(cloud, transport, lan, uefi=True, details={"failoverid": "fo-1"})
    assert (uefi.details["UEFI"], uefi.details["failoverid"]) == ("LEGACY", "fo-1")
    assert (uefi.boottype or "").lower() == "uefi"
    bios = await deployed(cloud, transport, lan)
    assert "UEFI" not in bios.details
    assert ((bios.boottype or "").lower(), bios.hypervisor) == ("bios", cloud.site.hypervisor)


@pytest.mark.observed(9, "VM snapshots were not observed; cloudstack-api.md, 3: they block attach and detach")
async def test_a_vm_snapshot_is_seen_and_keeps_disks_where_they_are(
    cloud: Cloud, transport: Transport, lan: str, golden_snapshot: str
) -> None:
    client = CapacityClient(transport)
    vm_id, disk = await cloud.running(lan), await cloud.clone(golden_snapshot)
    assert outcome(await cloud.attach(disk, vm_id)) == SUCCESS
    assert await client.vm_snapshots(vm_id) == []
    submitted = await cloud.call("createVMSnapshot", virtualmachineid=vm_id, name=cloud.name("held"))
    if submitted.status != 200 or outcome(await cloud.job(submitted)) != SUCCESS:
        pytest.skip("this hypervisor takes no snapshots of whole VMs")
    [held] = await client.vm_snapshots(vm_id)
    assert outcome(await cloud.run("detachVolume", id=disk)) == failed(431)
    assert outcome(await cloud.attach(await cloud.clone(golden_snapshot), vm_id)) == failed(431)
    await cloud.done("deleteVMSnapshot", vmsnapshotid=held.id)
    assert await client.vm_snapshots(vm_id) == []
    assert outcome(await cloud.run("detachVolume", id=disk)) == SUCCESS
