"""The preflight's judgement: every check that applies to a run, in one list, and what follows from them.

What decides the run's error type stands first: ``open_run``, the destination's, ``live_vm`` and the source.
"""

from math import ceil

from rules import capacity, judge_destination, judge_disks, judge_machine, judge_owner, judge_replication
from rules.checks import failed, passed
from rules.destination import About
from rules.disk_plan import plan_disks
from rules.preflight import Check, Preflight
from rules.situation import Situation

_DAY = 86400
_LONGEST_LEASE_DAYS = 36500
"""CloudStack's own (observed, section 17)."""


def judge(known: Situation) -> Preflight:
    """Judge everything that was found; nothing is asked, nothing is changed."""
    limit = known.storage.max_data_disks
    plan, plan_checks = plan_disks(
        known.config,
        known.replication,
        known.storage.volumes,
        known.policy.max_data_disks if limit is None else limit,
    )
    point = judge_replication.point_of(known)
    boots_by, firmware_check = judge_machine.firmware(known)
    checks = [
        judge_machine.open_run(known),
        judge_destination.mappings(known),
        judge_destination.of_the_plan(known, About.NETWORKS),
        judge_destination.of_the_plan(known, About.TEMPLATE),
        judge_destination.of_the_plan(known, About.OFFERING),
        judge_destination.of_the_plan(known, About.NAME),
        judge_destination.destination(known),
        judge_machine.live_vm(known),
        *_of_the_source(known),
        judge_disks.disks_present(known),
        judge_replication.disks_replicated(known),
        judge_replication.recovery(known, point),
        judge_machine.conversion_worker(known),
        firmware_check,
        judge_machine.offering_size(known),
        capacity.quota(known),
        judge_machine.permissions(known),
        judge_replication.replica_clean(known),
        *plan_checks,
        judge_disks.appliance(known),
        judge_disks.disk_places(known),
        judge_owner.disk_owner(known),
        judge_disks.disk_pools(known),
        judge_disks.storage_managed(known),
        judge_disks.vm_snapshots(known),
        judge_disks.snapshot_allowed(known),
        judge_replication.replication_job(known),
        *_of_the_fence(known),
        *_of_a_drill(known),
    ]
    snapshots = () if known.config.waive_snapshots else plan
    return Preflight(
        checks=tuple(checks),
        disks=plan,
        recovery_point=point,
        firmware=boots_by,
        convert=known.convert,
        lease_days=lease_days(known),
        snapshot_seconds=capacity.snapshot_seconds(known.policy, snapshots),
    )


def lease_days(known: Situation) -> int:
    """Return CloudStack's instance lease of a drill in days, 0 for none.

    Only where every disk is a clone: an expired lease destroys the VM with whatever root it has then. It is
    longer than the drill, so that it acts only when this system no longer does.
    """
    if not known.on_clones or not known.storage.can_lease:
        return 0
    return min(ceil(known.test_seconds / _DAY) + 1, _LONGEST_LEASE_DAYS)


def _of_the_source(known: Situation) -> list[Check]:
    if not known.is_live:
        return []
    if known.config.source_lost:
        return [judge_machine.source_lost(known)]
    return [judge_machine.source_power(known)]


def _of_the_fence(known: Situation) -> list[Check]:
    if known.on_clones:
        return []
    checks = [judge_replication.scheduler(known)]
    return [*checks, judge_replication.replication_api(known)] if known.is_live else checks


def _of_a_drill(known: Situation) -> list[Check]:
    if known.is_live:
        return []
    checks = [_test_duration(known)]
    return [*checks, capacity.pool_space(known), _lease(known)] if known.on_clones else checks


def _test_duration(known: Situation) -> Check:
    longest = known.policy.max_test_duration_seconds
    if known.test_seconds > longest:
        return failed(
            "test_duration",
            f"test_duration is {known.test_seconds:.0f} s, the site allows {longest:.0f} s",
            "Ask for less and extend the test later, or raise FAILOVER_MAX_TEST_DURATION_SECONDS",
        )
    return passed(
        "test_duration", f"the test's VM is removed {known.test_seconds:.0f} s after it is verified"
    )


def _lease(known: Situation) -> Check:
    days = lease_days(known)
    if days:
        return passed("lease", f"CloudStack destroys the test's VM after {days} days, if nobody did before")
    return passed("lease", "CloudStack has instance leases switched off: only the cleanup ends the test")
