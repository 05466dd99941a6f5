"""Section 17 of cloudstack-observed.md: instance leases; section 1: firmware."""

from collections.abc import AsyncIterator

import pytest

from simulators.cloudstack import VmState, sample
from tests.simulators.simulator_cloud import Cloud, running_cloud

LEASE = {"leaseduration": "1", "leaseexpiryaction": "DESTROY"}
ENABLED = "instance.lease.enabled"


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud() as running:
        running.world.settings[ENABLED] = "true"
        yield running


async def leased_vm(cloud: Cloud, *, start: bool = False) -> str:
    return await cloud.deployed("leased", start=start, **LEASE)


async def test_a_lease_shows_and_can_be_listed(cloud: Cloud) -> None:
    leased, other = await leased_vm(cloud), await cloud.deployed("other")
    shown = await cloud.vm(leased)
    assert (shown["leaseduration"], shown["leaseexpiryaction"]) == (1, "DESTROY")
    assert "leaseexpirydate" in shown
    assert "leaseduration" not in await cloud.vm(other)
    for wanted, vm_id in (("true", leased), ("false", other)):
        reply = await cloud.call("listVirtualMachines", leased=wanted)
        assert [vm["id"] for vm in reply.body["virtualmachine"]] == [vm_id]


async def test_while_it_is_off_a_lease_is_ignored_bad_values_too(cloud: Cloud) -> None:
    cloud.world.settings[ENABLED] = "false"
    for number, params in enumerate((LEASE, {"leaseduration": "0"})):
        reply = await cloud.deploy({"name": f"vm{number}", **params})
        assert "leaseduration" not in await cloud.vm(reply.body["id"])
    capability = (await cloud.call("listCapabilities", who=sample.PLAIN)).body["capability"]
    assert capability["instanceleaseenabled"] is False


@pytest.mark.parametrize(
    "params",
    (
        {"leaseduration": "1"},
        {"leaseexpiryaction": "STOP"},
        {**LEASE, "leaseduration": "0"},
        {**LEASE, "leaseduration": "36501"},
        {**LEASE, "leaseduration": "1.5"},
        {**LEASE, "leaseexpiryaction": "PAUSE"},
    ),
)
async def test_a_bad_lease_is_431(cloud: Cloud, params: dict[str, str]) -> None:
    assert (await cloud.deploy({"name": "bad", **params})).status == 431
    assert cloud.states() == []


async def test_a_lease_can_be_changed_and_ended_but_not_begun(cloud: Cloud) -> None:
    vm_id = await leased_vm(cloud)
    changed = await cloud.call("updateVirtualMachine", {**LEASE, "leaseduration": "3"}, id=vm_id)
    assert changed.body["virtualmachine"]["leaseduration"] == 3
    await cloud.call("updateVirtualMachine", id=vm_id, displayname="Leased")
    assert (await cloud.vm(vm_id))["leaseduration"] == 3
    await cloud.call("updateVirtualMachine", id=vm_id, leaseduration="-1")
    assert "leaseduration" not in await cloud.vm(vm_id)
    assert (await cloud.call("updateVirtualMachine", LEASE, id=vm_id)).code == (530, 4250)
    assert "leaseduration" not in await cloud.vm(await cloud.deployed("none", leaseduration="-1"))


async def test_an_expired_lease_destroys_the_vm_and_keeps_its_data_disks(cloud: Cloud) -> None:
    destroyed = cloud.world.vms[await leased_vm(cloud, start=True)]
    stopped = cloud.world.vms[
        await cloud.deployed("stopped", start=True, leaseduration="1", leaseexpiryaction="stop")
    ]
    disk = cloud.world.add_disk("data", vm=destroyed)
    assert set(cloud.world.expire_leases()) == {destroyed, stopped}
    assert (destroyed.state, destroyed.removed, stopped.state) == (VmState.DESTROYED, False, VmState.STOPPED)
    assert disk.vm is None
    assert cloud.world.root_of(destroyed) is not None
    assert "leaseduration" not in await cloud.vm(destroyed.id)
    assert cloud.world.expire_leases() == []


async def test_uefi_is_kept_and_starts_where_hosts_can(cloud: Cloud) -> None:
    vm_id = await cloud.deployed("uefi", boottype="UEFI", bootmode="LEGACY")
    shown = await cloud.vm(vm_id)
    assert (shown["boottype"], shown["bootmode"], shown["details"]["UEFI"]) == ("Uefi", "legacy", "LEGACY")
    assert (await cloud.run("startVirtualMachine", id=vm_id))["jobresultcode"] == 533
    cloud.world.use_kvm()
    assert (await cloud.run("startVirtualMachine", id=vm_id))["jobstatus"] == 1
    assert (await cloud.deploy({"name": "half", "boottype": "UEFI"})).status == 431
