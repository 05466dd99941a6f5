"""What the disks of a VM ask of its deploy: the firmware on them, and the lease of a drill on clones."""

from typing import cast

import pytest

from activities.create_vm import CreateVMActivities
from activities.messages.networks import ComputePlan, GuardRequest
from activities.messages.vm import CreateVMReply, CreateVMRequest, VerifyRequest
from activities.run_vm import RunVMActivities
from activities.tenure import Tenure
from rules.outcomes import FailoverVm
from rules.policy import FailoverPolicy
from rules.request import FailoverType
from rules.resolution import NetworkDecision, NetworkRule
from simulators.cloudstack import Fault, FaultKind, VmState, sample
from tests.disks.conftest import DiskSite, fails, run

_DECISIONS = (
    NetworkDecision(
        nic_index=0,
        source_network_name="VM Network",
        destination_network_id=sample.TEST_LAN_ID,
        rule=NetworkRule.MAPPED,
    ),
)


async def _no_guard(_request: GuardRequest) -> None:
    raise AssertionError("nobody asked for it")


def _request(site: DiskSite, lease_days: int, *, uefi: bool = False) -> CreateVMRequest:
    owner = site.owner.model_copy(
        update={"failover_type": FailoverType.TEST, "workflow_id": "failover-test-pgtest1"}
    )
    return CreateVMRequest(
        owner=owner,
        compute=ComputePlan(
            zone_id=sample.ZONE_ID,
            template_id=sample.TEMPLATE_ID,
            service_offering_id=sample.SMALL_OFFERING_ID,
            uefi=uefi,
        ),
        decisions=_DECISIONS,
        policy=FailoverPolicy(create_expiry_seconds=2.0, clock_skew_seconds=0.5),
        lease_days=lease_days,
    )


async def _created(site: DiskSite, request: CreateVMRequest) -> CreateVMReply:
    # A run that was not reset asks nobody for its tenure.
    creating = CreateVMActivities(site.clouds, cast("Tenure", None), _no_guard)
    return await run(creating.create_vm, request)


def _lease_feature(site: DiskSite, *, on: bool) -> None:
    site.sim.world.settings["instance.lease.enabled"] = "true" if on else "false"


@pytest.mark.parametrize(
    "row", ((True, 3, 3), (True, 0, 0), (False, 3, 0)), ids=("on", "not wanted", "off, dropped silently")
)
async def test_a_lease_is_what_is_read_back(disk_site: DiskSite, row: tuple[bool, int, int]) -> None:
    on, wanted, expected = row
    _lease_feature(disk_site, on=on)
    request = _request(disk_site, wanted)
    reply = await _created(disk_site, request)
    assert reply.vm.lease_days == expected
    again = await _created(disk_site, request)
    assert (again.vm.id, again.vm.lease_days, again.vm.adopted) == (reply.vm.id, expected, True)


async def test_a_lease_that_cannot_be_read_back_is_read_at_the_verification(disk_site: DiskSite) -> None:
    _lease_feature(disk_site, on=True)
    # The look before the create, and then nothing for the one after it.
    disk_site.sim.faults.add(Fault("listVirtualMachines", FaultKind.REFUSED, skip=3, times=None, code=531))
    reply = await _created(disk_site, _request(disk_site, 3))
    disk_site.sim.faults.clear()
    assert (reply.vm.lease_days, bool(reply.job_id)) == (0, True)
    await disk_site.wait(reply.job_id)
    made = disk_site.sim.world.vms[reply.vm.id]
    made.state = VmState.RUNNING
    verified = await _verified(disk_site, reply.vm)
    assert verified.lease_days == 3


async def _verified(site: DiskSite, vm: FailoverVm) -> FailoverVm:
    request = VerifyRequest(owner=site.owner, vm=vm, decisions=_DECISIONS)
    return await run(RunVMActivities(site.clouds, _no_guard).verify_vm, request)


@pytest.mark.parametrize("uefi", (True, False), ids=("uefi", "bios"))
async def test_the_firmware_is_the_disks_own(disk_site: DiskSite, uefi: bool) -> None:  # noqa: FBT001 - of the table
    reply = await _created(disk_site, _request(disk_site, 0, uefi=uefi))
    made = disk_site.sim.world.vms[reply.vm.id]
    assert made.boot_type == ("Uefi" if uefi else "Bios")


async def test_a_dead_vm_with_a_replica_is_not_cleared_away(disk_site: DiskSite) -> None:
    request = _request(disk_site, 0)
    reply = await _created(disk_site, request)
    await disk_site.wait(reply.job_id)
    made = disk_site.sim.world.vms[reply.vm.id]
    disk_site.replicas[0].detach()
    disk_site.replicas[0].attach(made, 1)
    made.state = VmState.DESTROYED
    creating = CreateVMActivities(disk_site.clouds, cast("Tenure", None), _no_guard)
    error = await fails(creating.create_vm, request)
    assert error.type == "ReplicaAttached"
    assert not disk_site.replicas[0].removed
