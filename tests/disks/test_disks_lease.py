"""RenewLease: CloudStack's own clock on a drill's VM, read back; a VM without one is left alone."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.messages.disks import RenewedLease, RenewLeaseRequest
from activities.renew_lease import RenewLeaseActivities
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.cloudstack.entities import Lease
from tests.disks.conftest import DiskSite, fails, run

UPDATE = "updateVirtualMachine"
ENABLED = "instance.lease.enabled"


@pytest.fixture
def leased(disk_site: DiskSite) -> DiskSite:
    """Where our VM runs and has a lease of one day."""
    world = disk_site.sim.world
    world.settings[ENABLED] = "true"
    disk_site.vm.state = VmState.RUNNING
    disk_site.vm.lease = Lease(1, world.now() + timedelta(days=1), "DESTROY")
    return disk_site


def _asked(site: DiskSite, days: int = 3) -> RenewLeaseRequest:
    return RenewLeaseRequest(owner=site.owner, vm=site.our_vm(), days=days)


def _lease(site: DiskSite) -> tuple[int, str] | None:
    lease = site.vm.lease
    return None if lease is None else (lease.days, lease.action)


async def test_a_lease_counts_from_now_and_the_marks_stay(leased: DiskSite) -> None:
    marks, before = dict(leased.vm.details), leased.vm.lease
    step = RenewLeaseActivities(leased.clouds).renew_lease
    for _ in range(2):
        assert await run(step, _asked(leased)) == RenewedLease(days=3)
        assert _lease(leased) == (3, "DESTROY")
    assert leased.vm.lease is not None
    assert before is not None
    assert leased.vm.lease.expires - before.expires >= timedelta(days=2)
    assert leased.vm.details == marks
    assert all(not name.startswith("details") for call in leased.sim.calls_of(UPDATE) for name in call.params)


async def test_a_lease_that_an_operator_made_a_stop_stays_one(leased: DiskSite) -> None:
    leased.vm.lease = Lease(1, leased.sim.world.now() + timedelta(days=1), "STOP")
    assert await run(RenewLeaseActivities(leased.clouds).renew_lease, _asked(leased)) == RenewedLease(days=3)
    assert _lease(leased) == (3, "STOP")


async def test_a_lease_is_never_longer_than_cloudstack_takes(leased: DiskSite) -> None:
    step = RenewLeaseActivities(leased.clouds).renew_lease
    assert (await run(step, _asked(leased, 40000))).days == 36500


@pytest.mark.parametrize("enabled", ("true", "false"))
async def test_a_vm_without_a_lease_is_left_alone(disk_site: DiskSite, enabled: str) -> None:
    disk_site.sim.world.settings[ENABLED] = enabled
    step = RenewLeaseActivities(disk_site.clouds).renew_lease
    assert (await run(step, _asked(disk_site))).days == 0
    assert disk_site.commands(UPDATE) == []


async def test_a_feature_that_is_off_leaves_what_is_read_back(leased: DiskSite) -> None:
    """Its leases were given before: whatever CloudStack still shows is said, and not what was asked for."""
    leased.sim.world.settings[ENABLED] = "false"
    assert (await run(RenewLeaseActivities(leased.clouds).renew_lease, _asked(leased))).days == 1
    assert _lease(leased) == (1, "DESTROY")


ENDINGS = (
    (FaultKind.LOST_AFTER_EFFECT, "CloudStackOutcomeUnknown", (3, "DESTROY")),
    (FaultKind.LOST_BEFORE_EFFECT, "CloudStackOutcomeUnknown", (1, "DESTROY")),
    (FaultKind.INTERNAL, "CloudStackUnavailable", (1, "DESTROY")),
    (FaultKind.MAINTENANCE, "CloudStackUnavailable", (1, "DESTROY")),
)


@pytest.mark.parametrize("row", ENDINGS, ids=lambda row: row[0].value)
async def test_what_fails_is_tried_again(
    leased: DiskSite, row: tuple[FaultKind, str, tuple[int, str]]
) -> None:
    kind, error_type, meanwhile = row
    leased.sim.faults.add(Fault(UPDATE, kind))
    step = RenewLeaseActivities(leased.clouds).renew_lease
    error = await fails(step, _asked(leased))
    assert (error.type, error.non_retryable) == (error_type, False)
    assert _lease(leased) == meanwhile
    assert (await run(step, _asked(leased), attempt=2)).days == 3
    assert _lease(leased) == (3, "DESTROY")


async def test_a_refusal_is_final(leased: DiskSite) -> None:
    leased.sim.faults.add(Fault(UPDATE, FaultKind.REFUSED, code=531))
    error = await fails(RenewLeaseActivities(leased.clouds).renew_lease, _asked(leased))
    assert (error.type, error.non_retryable) == ("CloudStackNotPermitted", True)


@pytest.mark.parametrize("gone", ("expunged", "ended by its lease"))
async def test_a_vm_that_is_gone_is_not_renewed(leased: DiskSite, gone: str) -> None:
    if gone == "expunged":
        leased.sim.world.expunge(leased.vm)
    else:
        leased.sim.world.expire_leases()
    error = await fails(RenewLeaseActivities(leased.clouds).renew_lease, _asked(leased))
    assert (error.type, error.non_retryable) == ("VmLost", True)
    assert leased.vm.id in error.message
    assert leased.commands(UPDATE) == []


def _lease_taken(site: DiskSite) -> None:
    site.vm.lease = None


def _vm_expunged(site: DiskSite) -> None:
    site.sim.world.expunge(site.vm)


@pytest.mark.parametrize(("meanwhile", "ends"), ((_lease_taken, 0), (_vm_expunged, "VmLost")))
async def test_what_changes_under_the_call_is_read_back(
    leased: DiskSite, meanwhile: Callable[[DiskSite], None], ends: int | str
) -> None:
    leased.sim.faults.add(Fault(UPDATE, FaultKind.HANG, seconds=0.2))
    renewing = asyncio.create_task(run(RenewLeaseActivities(leased.clouds).renew_lease, _asked(leased)))
    await leased.until(lambda: bool(leased.commands(UPDATE)))
    meanwhile(leased)
    try:
        found: int | str | None = (await renewing).days
    except ApplicationError as error:
        found = error.type
    assert found == ends
