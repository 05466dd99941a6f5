"""The preflight's judgement: each check with what passes, what warns and what forbids the run."""

import re
from datetime import timedelta
from typing import Any

import pytest

from activities.messages.storage import JudgeRequest
from rules.destination import Finding
from rules.disks import (
    CompletedSync,
    DrillDisks,
    Firmware,
    GuestFamily,
    KeptSnapshot,
    RecoveryPoint,
    SyncJob,
)
from rules.judgement import judge
from rules.preflight import CheckStatus
from rules.resolution import NetworkDecision, NetworkRule
from rules.situation import Situation
from rules.source_power import PowerState, SourcePower
from rules.storage_facts import QuotaFact, StorageFacts
from tests.rules.situations import (
    APPLIANCE,
    CLUSTER,
    DOMAIN,
    GB,
    NOW,
    POOL,
    SYNC,
    ZONE,
    check_of,
    disk,
    policy,
    pool,
    replication,
    situation,
    storage,
    volume,
    volume_id,
)

PASS, WARNING, FAILURE = CheckStatus.PASS, CheckStatus.WARNING, CheckStatus.FAILURE
WHY: dict[str, object] = {"reason": "the site is lost"}
LOST: dict[str, object] = {**WHY, "source_lost": True}
AWAY = SourcePower(state=PowerState.UNREACHABLE, reason="no route")
REPLICA = policy(drill_disks=DrillDisks.REPLICA)
OTHER_VM = "dddddddd-0000-4000-8000-0000000000dd"
RUNNING = SyncJob(job_id="job-8", status="replicating", progress_percent=42.4)
TORN_AFTER_SNAPSHOTS = replication(
    torn_by="job-8",
    torn_at=NOW - timedelta(minutes=5),
    kept_snapshots=tuple(
        KeptSnapshot(snapshot_id=f"s{one}", volume_id=volume_id(one), taken_at=NOW - timedelta(minutes=10))
        for one in (0, 1)
    ),
)
LATER = CompletedSync(job_id="job-8", completed_at=NOW)
POOL_2 = "bbbbbbbb-0000-4000-8000-0000000000b2"
OTHER_CLUSTER = "eeeeeeee-0000-4000-8000-0000000000e2"


def on_two_pools(**second: Any) -> StorageFacts:  # noqa: ANN401 - whatever the field takes
    """The second disk on a pool of its own, in the same cluster unless said."""
    return storage(
        volumes=(volume(0), volume(1, storage_id=POOL_2)),
        pools=(pool(), pool(**{"storage_id": POOL_2, "name": "ps3"} | second)),
    )


APART = on_two_pools(cluster_id=OTHER_CLUSTER)

FALLBACK = NetworkDecision(
    nic_index=0,
    source_network_name="VM Network",
    destination_network_id="n0",
    rule=NetworkRule.DEFAULT,
    warnings=("no mapping row: the default network",),
)
UNREAD_OWNER: dict[str, Any] = {"owner_account": "", "owner_domain_id": ""}
OF_A_PROJECT: dict[str, Any] = {"account": "", "project_id": "p1"}
WINDOWS = replication(guest=GuestFamily.WINDOWS)
LOOSE = storage(volumes=(volume(0), volume(1, vm_id="", device_id=None)))
NO_SYNC: dict[str, object] = {**WHY, "perform_final_sync": False}


def other(**second: Any) -> StorageFacts:  # noqa: ANN401 - whatever the field takes
    """The second volume is another's in something."""
    return storage(volumes=(volume(0), volume(1, **second)))


def about(subject: str, message: str = "a sentence") -> tuple[Finding, ...]:
    return (Finding(message=message, about=subject),)


COMMON = {
    "mappings",
    "networks",
    "template",
    "offering",
    "name",
    "destination",
    "open_run",
    "live_vm",
    "disks_present",
    "disks_replicated",
    "recovery_point",
    "conversion_worker",
    "firmware",
    "offering_size",
    "quota",
    "permissions",
    "replica_clean",
    "boot_disk",
    "device_ids",
    "appliance",
    "disk_places",
    "disk_owner",
    "disk_pools",
    "storage_managed",
    "vm_snapshots",
    "snapshot_allowed",
    "replication_job",
}


def power(state: PowerState, tools: str = "toolsOk") -> SourcePower:
    return SourcePower(state=state, tools_status=tools)


def names(known: Situation) -> list[str]:
    return [check.name for check in judge(known).checks]


@pytest.mark.parametrize(
    ("known", "more"),
    (
        pytest.param(situation("live"), {"source_power", "scheduler", "replication_api"}, id="live"),
        pytest.param(
            situation("live", LOST, power=AWAY), {"source_lost", "scheduler", "replication_api"}, id="lost"
        ),
        pytest.param(situation("test"), {"test_duration", "pool_space", "lease"}, id="test"),
        pytest.param(situation("test", policy=REPLICA), {"test_duration", "scheduler"}, id="test on replica"),
    ),
)
def test_each_kind_of_run_has_its_checks_each_once(known: Situation, more: set[str]) -> None:
    found = names(known)

    assert len(found) == len(set(found))
    assert set(found) == COMMON | more


@pytest.mark.parametrize(
    "known", (situation("live"), situation("test"), situation("test", policy=REPLICA)), ids=str
)
def test_where_nothing_is_wrong_every_check_passes(known: Situation) -> None:
    preflight = judge(known)

    assert [check for check in preflight.checks if check.status is not PASS or check.fix] == []
    assert preflight.failures == ()
    assert preflight.warnings == ()
    assert [one.device_id for one in preflight.disks] == [0, 1]
    assert preflight.firmware is Firmware.BIOS
    assert preflight.convert is False


ROWS = (
    # --- destination, other runs -----
    ("mappings", FAILURE, {"mappings_problem": "NIC 0 has no mapping"}),
    ("mappings", WARNING, {"decisions": (FALLBACK,)}),
    ("mappings", PASS, {"decisions": (FALLBACK.model_copy(update={"warnings": ()}),)}),
    ("networks", FAILURE, {"destination_problems": about("networks")}),
    (
        "networks",
        FAILURE,
        {"destination_problems": about("networks"), "destination_warnings": about("networks")},
    ),
    ("networks", FAILURE, {"destination_problems": about("networks"), "mappings_problem": "NIC 0"}),
    ("networks", WARNING, {"destination_warnings": about("networks")}),
    ("networks", WARNING, {"mappings_problem": "NIC 0 has no mapping"}),
    ("networks", WARNING, {"destination_checked": False}),
    ("networks", PASS, {"destination_problems": about("template"), "destination_warnings": about("name")}),
    ("template", FAILURE, {"destination_problems": about("template")}),
    ("template", WARNING, {"destination_checked": False}),
    ("template", PASS, {"mappings_problem": "NIC 0 has no mapping"}),
    ("offering", FAILURE, {"destination_problems": about("offering")}),
    ("offering", WARNING, {"destination_checked": False}),
    ("offering", PASS, {"destination_warnings": about("offering", "too small")}),
    ("name", FAILURE, {"destination_problems": about("name")}),
    ("name", WARNING, {"destination_warnings": about("name")}),
    ("name", WARNING, {"destination_checked": False}),
    ("name", WARNING, {"mappings_problem": "NIC 0 has no mapping"}),
    ("destination", FAILURE, {"destination_problems": about("zone")}),
    ("destination", FAILURE, {"destination_problems": about("")}),
    ("destination", PASS, {"destination_problems": about("networks"), "destination_checked": False}),
    ("open_run", PASS, {"lease_held": True}),
    ("open_run", FAILURE, {"held_by": "failover-old"}),
    ("open_run", FAILURE, {"kind": "test", "held_by": "cleanup-of-old"}),
    ("live_vm", FAILURE, {"storage": storage(live_vms=("pgtest1 (some-id)",))}),
    ("live_vm", FAILURE, {"kind": "test", "storage": storage(live_vms=("pgtest1 (some-id)",))}),
    # --- the source -----
    ("source_power", PASS, {"power": power(PowerState.OFF, "")}),
    ("source_power", PASS, {"power": power(PowerState.ON, "toolsOld")}),
    ("source_power", WARNING, {"power": power(PowerState.ON, "toolsNotRunning")}),
    ("source_power", WARNING, {"power": power(PowerState.SUSPENDED)}),
    ("source_power", FAILURE, {"power": AWAY}),
    ("source_power", FAILURE, {"power": SourcePower(state=PowerState.UNREACHABLE)}),
    ("source_power", FAILURE, {"power": None}),
    ("source_lost", WARNING, {"fields": LOST, "power": AWAY}),
    ("source_lost", WARNING, {"fields": LOST, "power": None}),
    ("source_lost", WARNING, {"fields": LOST, "power": power(PowerState.OFF)}),
    ("source_lost", FAILURE, {"fields": LOST, "power": power(PowerState.ON)}),
    ("source_lost", FAILURE, {"fields": LOST, "power": power(PowerState.SUSPENDED)}),
    # --- the machine -----
    ("offering_size", PASS, {"storage": storage(offering_cpu=2, offering_memory_mb=4096)}),
    ("offering_size", FAILURE, {"storage": storage(offering_cpu=1, offering_memory_mb=4096)}),
    ("offering_size", FAILURE, {"storage": storage(offering_cpu=2, offering_memory_mb=4095)}),
    ("offering_size", WARNING, {"storage": storage(offering_known=False)}),
    ("firmware", PASS, {"fields": {"firmware": "bios"}}),
    ("firmware", FAILURE, {"fields": {"firmware": "uefi"}}),
    ("firmware", FAILURE, {"replication": replication(firmware=Firmware.UNKNOWN)}),
    (
        "firmware",
        PASS,
        {"fields": {"firmware": "uefi"}, "replication": replication(firmware=Firmware.UNKNOWN)},
    ),
    ("conversion_worker", FAILURE, {"replication": replication(guest=GuestFamily.WINDOWS)}),
    ("conversion_worker", FAILURE, {"replication": replication(guest=GuestFamily.UNKNOWN)}),
    (
        "conversion_worker",
        PASS,
        {"replication": replication(guest=GuestFamily.WINDOWS), "conversion_worker": "oma"},
    ),
    (
        "conversion_worker",
        PASS,
        {
            "replication": replication(guest=GuestFamily.UNKNOWN),
            "policy": policy(convert_unknown_guest=False),
        },
    ),
    (
        "conversion_worker",
        WARNING,
        {"replication": replication(guest=GuestFamily.WINDOWS), "fields": {"skip_virtio": True}},
    ),
    ("conversion_worker", PASS, {"fields": {"skip_virtio": True}}),
    ("permissions", WARNING, {"storage": storage(unreadable=("storage pools",))}),
    # --- quota -----
    ("quota", WARNING, {"storage": storage(quota=())}),
    ("quota", PASS, {"storage": storage(quota=(QuotaFact(resource="volume"),))}),
    ("quota", PASS, {"storage": storage(quota=(QuotaFact(resource="network", available=0),))}),
    ("quota", FAILURE, {"storage": storage(quota=(QuotaFact(resource="user_vm", available=0),))}),
    ("quota", FAILURE, {"storage": storage(quota=(QuotaFact(resource="cpu", available=1),))}),
    ("quota", FAILURE, {"storage": storage(quota=(QuotaFact(resource="memory", available=4095),))}),
    ("quota", PASS, {"storage": storage(quota=(QuotaFact(resource="volume", available=1),))}),
    (
        "quota",
        FAILURE,
        {"kind": "test", "storage": storage(quota=(QuotaFact(resource="volume", available=2),))},
    ),
    (
        "quota",
        PASS,
        {"kind": "test", "storage": storage(quota=(QuotaFact(resource="volume", available=3),))},
    ),
    ("quota", FAILURE, {"storage": storage(quota=(QuotaFact(resource="snapshot", available=1),))}),
    (
        "quota",
        PASS,
        {
            "fields": {**WHY, "waive_snapshots": True},
            "storage": storage(quota=(QuotaFact(resource="snapshot", available=0),)),
        },
    ),
    (
        "quota",
        FAILURE,
        {"kind": "test", "storage": storage(quota=(QuotaFact(resource="primary_storage", available=19),))},
    ),
    ("quota", PASS, {"storage": storage(quota=(QuotaFact(resource="primary_storage", available=0),))}),
    ("quota", FAILURE, {"storage": storage(quota=(QuotaFact(resource="secondary_storage", available=19),))}),
    ("quota", PASS, {"storage": storage(quota=(QuotaFact(resource="secondary_storage", available=20),))}),
    (
        "quota",
        FAILURE,
        {"kind": "test", "storage": storage(quota=(QuotaFact(resource="secondary_storage", available=19),))},
    ),
    (
        "quota",
        PASS,
        {
            "fields": {**WHY, "waive_snapshots": True},
            "storage": storage(quota=(QuotaFact(resource="secondary_storage", available=0),)),
        },
    ),
    # What other runs are about to take counts only where this run takes of it, too.
    (
        "quota",
        FAILURE,
        {
            "replication": replication(in_flight_vms=1),
            "storage": storage(quota=(QuotaFact(resource="user_vm", available=1),)),
        },
    ),
    (
        "quota",
        PASS,
        {
            "replication": replication(in_flight_vms=1),
            "storage": storage(quota=(QuotaFact(resource="user_vm", available=2),)),
        },
    ),
    (
        "quota",
        FAILURE,
        {
            "replication": replication(in_flight_vms=1, in_flight_clones=2),
            "storage": storage(quota=(QuotaFact(resource="volume", available=3),)),
        },
    ),
    (
        "quota",
        FAILURE,
        {
            "replication": replication(in_flight_snapshots=1),
            "storage": storage(quota=(QuotaFact(resource="snapshot", available=2),)),
        },
    ),
    (
        "quota",
        PASS,
        {
            "fields": {**WHY, "waive_snapshots": True},
            "replication": replication(in_flight_snapshots=1, in_flight_snapshot_gib=9),
            "storage": storage(
                quota=(
                    QuotaFact(resource="snapshot", available=0),
                    QuotaFact(resource="secondary_storage", available=0),
                )
            ),
        },
    ),
    (
        "quota",
        FAILURE,
        {
            "replication": replication(in_flight_snapshot_gib=1),
            "storage": storage(quota=(QuotaFact(resource="secondary_storage", available=20),)),
        },
    ),
    (
        "quota",
        FAILURE,
        {
            "kind": "test",
            "replication": replication(in_flight_clone_gib=1),
            "storage": storage(quota=(QuotaFact(resource="primary_storage", available=20),)),
        },
    ),
    (
        "quota",
        PASS,
        {
            "replication": replication(in_flight_clone_gib=1),
            "storage": storage(quota=(QuotaFact(resource="primary_storage", available=0),)),
        },
    ),
    # --- replication -----
    ("disks_present", FAILURE, {"replication": replication(disk(0, volume_id=""), disk(1))}),
    ("disks_present", FAILURE, {"replication": replication().model_copy(update={"disks": ()})}),
    ("disks_present", FAILURE, {"replication": replication(disk(0), disk(7))}),
    (
        "disks_present",
        FAILURE,
        {"storage": storage(volumes=(volume(0), volume(1, found=False, state="")))},
    ),
    ("disks_present", FAILURE, {"storage": storage(volumes=(volume(0), volume(1, state="Destroy")))}),
    ("disks_present", FAILURE, {"replication": replication(disk(0), disk(1, volume_id=volume_id(0)))}),
    ("disks_replicated", FAILURE, {"replication": replication(disk(0), disk(1, sync=None))}),
    ("replica_clean", FAILURE, {"replication": replication(dirty_by="failover-old")}),
    ("replication_job", WARNING, {"replication": replication(running=RUNNING)}),
    ("replication_job", WARNING, {"replication": replication(running=SyncJob(job_id="job-8"))}),
    (
        "replication_job",
        WARNING,
        {"fields": LOST, "power": AWAY, "replication": replication(running=RUNNING)},
    ),
    ("replication_job", WARNING, {"kind": "test", "replication": replication(running=RUNNING)}),
    ("scheduler", PASS, {"replication": replication(scheduler_enabled=False)}),
    ("scheduler", FAILURE, {"replication": replication(scheduler_enabled=None)}),
    (
        "scheduler",
        FAILURE,
        {"kind": "test", "policy": REPLICA, "replication": replication(scheduler_enabled=None)},
    ),
    ("replication_api", FAILURE, {"policy": policy(replication_configured=False)}),
    (
        "replication_api",
        PASS,
        {"policy": policy(replication_configured=False), "fields": {**WHY, "perform_final_sync": False}},
    ),
    # --- recovery point -----
    ("recovery_point", WARNING, {"replication": replication(torn_by="job-8")}),
    ("recovery_point", WARNING, {"replication": replication(disk(0), disk(1, sync=LATER))}),
    (
        "recovery_point",
        FAILURE,
        {"fields": {**WHY, "perform_final_sync": False}, "replication": replication(torn_by="job-8")},
    ),
    (
        "recovery_point",
        FAILURE,
        {"fields": LOST, "power": AWAY, "replication": replication(torn_by="job-8")},
    ),
    (
        "recovery_point",
        FAILURE,
        {"fields": LOST, "power": AWAY, "replication": replication(running=RUNNING)},
    ),
    (
        "recovery_point",
        WARNING,
        {
            "fields": {**LOST, "accept_recovery_point": True},
            "power": AWAY,
            "replication": replication(running=RUNNING, torn_by="job-8"),
        },
    ),
    ("recovery_point", PASS, {"replication": replication(running=RUNNING)}),
    ("recovery_point", FAILURE, {"kind": "test", "replication": replication(torn_by="job-8")}),
    (
        "recovery_point",
        WARNING,
        {"kind": "test", "replication": replication(running=RUNNING, torn_by="job-8")},
    ),
    (
        "recovery_point",
        FAILURE,
        {"kind": "test", "replication": replication(running=RUNNING, torn_by="job-6")},
    ),
    (
        "recovery_point",
        FAILURE,
        {"kind": "test", "replication": replication(disk(0), disk(1, sync=None), running=RUNNING)},
    ),
    ("recovery_point", WARNING, {"replication": TORN_AFTER_SNAPSHOTS}),
    ("recovery_point", WARNING, {"fields": LOST, "power": AWAY, "replication": TORN_AFTER_SNAPSHOTS}),
    ("recovery_point", FAILURE, {"kind": "test", "replication": TORN_AFTER_SNAPSHOTS}),
    (
        "recovery_point",
        PASS,
        {
            "replication": replication(
                disk(0, sync=CompletedSync(job_id="job-7")), disk(1, sync=CompletedSync(job_id="job-7"))
            )
        },
    ),
    # --- the disks in CloudStack -----
    ("device_ids", PASS, {"storage": storage(max_data_disks=1)}),
    ("device_ids", FAILURE, {"storage": storage(max_data_disks=0)}),
    ("device_ids", PASS, {"storage": storage(max_data_disks=None)}),
    ("device_ids", FAILURE, {"storage": storage(max_data_disks=None), "policy": policy(max_data_disks=0)}),
    ("appliance", FAILURE, {"replication": replication(appliance_vm_id="")}),
    ("appliance", FAILURE, {"storage": storage(appliance_state="")}),
    ("appliance", WARNING, {"storage": storage(appliance_state="Stopped")}),
    ("disk_places", FAILURE, {"storage": storage(volumes=(volume(0), volume(1, vm_id=OTHER_VM)))}),
    ("disk_places", FAILURE, {"storage": LOOSE}),
    ("disk_places", WARNING, {"storage": LOOSE, "fields": NO_SYNC}),
    ("disk_places", FAILURE, {"storage": LOOSE, "fields": NO_SYNC, "replication": WINDOWS}),
    ("disk_places", WARNING, {"storage": LOOSE, "fields": LOST, "power": AWAY}),
    ("disk_places", WARNING, {"storage": LOOSE, "kind": "test", "replication": WINDOWS}),
    ("disk_places", WARNING, {"storage": LOOSE, "kind": "test", "policy": REPLICA}),
    ("disk_places", FAILURE, {"storage": LOOSE, "kind": "test", "policy": REPLICA, "replication": WINDOWS}),
    ("disk_owner", FAILURE, {"storage": other(account="somebody")}),
    ("disk_owner", FAILURE, {"storage": other(domain_id="another")}),
    ("disk_owner", PASS, {"storage": other(domain_id="")}),
    ("disk_owner", PASS, {"storage": other(domain_id=DOMAIN.upper(), zone_id=ZONE.upper())}),
    ("disk_owner", FAILURE, {"storage": other(**OF_A_PROJECT)}),
    ("disk_owner", FAILURE, {"storage": storage(**UNREAD_OWNER, owner_project_id="p1")}),
    (
        "disk_owner",
        PASS,
        {
            "storage": storage(
                **UNREAD_OWNER,
                owner_project_id="P1",
                volumes=(volume(0, **OF_A_PROJECT), volume(1, **OF_A_PROJECT)),
            )
        },
    ),
    ("disk_owner", WARNING, {"storage": other(account="")}),
    ("disk_owner", WARNING, {"storage": storage(**UNREAD_OWNER)}),
    ("disk_owner", FAILURE, {"storage": other(zone_id="another")}),
    ("disk_owner", FAILURE, {"kind": "test", "storage": other(zone_id="another")}),
    ("disk_owner", WARNING, {"storage": other(zone_id="")}),
    ("disk_owner", WARNING, {"storage": storage(zone_id="")}),
    ("disk_owner", WARNING, {"kind": "test", "storage": other(account="somebody")}),
    ("disk_owner", FAILURE, {"kind": "test", "policy": REPLICA, "storage": other(account="somebody")}),
    ("disk_owner", PASS, {"storage": other(found=False, account="")}),
    ("disk_places", WARNING, {"storage": storage(volumes=(volume(0), volume(1, state="Snapshotting")))}),
    ("disk_places", FAILURE, {"storage": storage(volumes=(volume(0), volume(1, state="Allocated")))}),
    ("disk_places", FAILURE, {"storage": storage(volumes=(volume(0), volume(1, state="")))}),
    ("disk_places", PASS, {"storage": storage(volumes=(volume(0), volume(1, state="Destroy")))}),
    ("disk_places", PASS, {"replication": replication(appliance_vm_id=APPLIANCE.upper())}),
    ("disk_pools", FAILURE, {"storage": APART}),
    ("disk_pools", FAILURE, {"kind": "test", "policy": REPLICA, "storage": APART}),
    ("disk_pools", PASS, {"kind": "test", "storage": APART}),
    ("disk_pools", PASS, {"replication": replication(disk(0)), "storage": APART}),
    ("disk_pools", PASS, {"storage": on_two_pools()}),
    ("disk_pools", PASS, {"storage": on_two_pools(cluster_id=CLUSTER.upper())}),
    ("disk_pools", PASS, {"storage": on_two_pools(scope="ZONE", cluster_id="")}),
    ("disk_pools", WARNING, {"storage": on_two_pools(scope="HOST")}),
    ("disk_pools", WARNING, {"storage": on_two_pools(scope="")}),
    ("disk_pools", WARNING, {"storage": on_two_pools(cluster_id="")}),
    ("disk_pools", WARNING, {"storage": on_two_pools(storage_id="another", cluster_id=OTHER_CLUSTER)}),
    ("disk_pools", PASS, {"storage": storage(pools=())}),
    (
        "disk_pools",
        PASS,
        {"storage": storage(volumes=(volume(0), volume(1, storage_id=POOL.upper())))},
    ),
    (
        "disk_pools",
        WARNING,
        {"storage": storage(pools=(), volumes=(volume(0, storage_id=""), volume(1, storage_id="")))},
    ),
    (
        "disk_pools",
        PASS,
        {"storage": storage(volumes=(volume(0), volume(1, storage_id=POOL_2, state="Expunged")))},
    ),
    (
        "disk_pools",
        PASS,
        {"storage": storage(volumes=(volume(0), volume(1, storage_id=POOL_2, found=False)))},
    ),
    ("storage_managed", FAILURE, {"storage": storage(pools=(pool(managed=True),))}),
    ("storage_managed", FAILURE, {"storage": storage(pools=(pool(managed=True, name=""),))}),
    ("storage_managed", WARNING, {"storage": storage(pools=(pool(managed=None),))}),
    ("storage_managed", WARNING, {"storage": storage(pools=())}),
    ("vm_snapshots", FAILURE, {"storage": storage(appliance_vm_snapshots=("before-upgrade",))}),
    ("vm_snapshots", WARNING, {"storage": storage(unreadable=("VM snapshots of the appliance",))}),
    ("vm_snapshots", WARNING, {"storage": storage(appliance_state="")}),
    ("snapshot_allowed", FAILURE, {"storage": storage(snapshot_of_running_allowed=False)}),
    ("snapshot_allowed", WARNING, {"storage": storage(snapshot_of_running_allowed=None)}),
    ("snapshot_allowed", WARNING, {"storage": storage(hypervisor="", snapshot_of_running_allowed=True)}),
    (
        "snapshot_allowed",
        PASS,
        {"storage": storage(hypervisor="XenServer", snapshot_of_running_allowed=False)},
    ),
    (
        "snapshot_allowed",
        PASS,
        {"storage": storage(appliance_state="Stopped", snapshot_of_running_allowed=False)},
    ),
    (
        "snapshot_allowed",
        WARNING,
        {
            "fields": {**WHY, "waive_snapshots": True},
            "storage": storage(snapshot_of_running_allowed=False),
        },
    ),
    # --- a test -----
    ("test_duration", PASS, {"kind": "test", "fields": {"test_duration": "7d"}}),
    ("test_duration", FAILURE, {"kind": "test", "fields": {"test_duration": "604801s"}}),
    ("pool_space", WARNING, {"kind": "test", "storage": storage(pools=())}),
    ("pool_space", WARNING, {"kind": "test", "storage": storage(pools=(pool(total_bytes=None),))}),
    (
        "pool_space",
        WARNING,
        {"kind": "test", "storage": storage(pools=(pool(used_bytes=None, allocated_bytes=None),))},
    ),
    ("pool_space", PASS, {"kind": "test", "storage": storage(pools=(pool(used_bytes=60 * GB),))}),
    ("pool_space", FAILURE, {"kind": "test", "storage": storage(pools=(pool(used_bytes=60 * GB + 1),))}),
    (
        "pool_space",
        FAILURE,
        {"kind": "test", "storage": storage(pools=(pool(), pool(storage_id="p2", used_bytes=61 * GB)))},
    ),
    ("pool_space", FAILURE, {"kind": "test", "storage": storage(pools=(pool(used_bytes=None),))}),
    ("pool_space", FAILURE, {"kind": "test", "storage": storage(in_flight_bytes=40 * GB + 1)}),
    (
        "pool_space",
        PASS,
        {
            "kind": "test",
            "policy": policy(pool_reserve_percent=0.0),
            "storage": storage(in_flight_bytes=60 * GB),
        },
    ),
    (
        "pool_space",
        FAILURE,
        {"kind": "test", "replication": replication(in_flight_clone_gib=41), "storage": storage()},
    ),
    # The same drills, seen twice.
    (
        "pool_space",
        PASS,
        {
            "kind": "test",
            "replication": replication(in_flight_clone_gib=40),
            "storage": storage(in_flight_bytes=40 * GB),
        },
    ),
    ("lease", PASS, {"kind": "test", "storage": storage(can_lease=True)}),
)


@pytest.mark.parametrize(
    ("name", "status", "change"),
    [
        pytest.param(name, status, change, id=f"{number}-{name}-{status.value}")
        for number, (name, status, change) in enumerate(ROWS)
    ],
)
def test_a_check_says_what_was_found_and_how_to_fix_it(
    name: str, status: CheckStatus, change: dict[str, Any]
) -> None:
    values = {"kind": "live", "fields": None, **change}
    found = check_of(situation(values.pop("kind"), values.pop("fields"), **values), name)

    assert found.status is status, found
    assert len(found.message) > 5
    assert bool(found.fix) is (status is not PASS)


def test_disks_of_several_clusters_are_named_with_their_pools() -> None:
    found = check_of(situation(storage=APART), "disk_pools")

    for one in ("disk-2000 is on ps1", CLUSTER, "disk-2001 is on ps3", OTHER_CLUSTER):
        assert one in found.message


def test_an_open_run_is_named_before_the_vm_that_it_made() -> None:
    known = situation(held_by="failover-old", storage=storage(live_vms=("pgtest1 (some-id)",)))

    assert [check.name for check in judge(known).failures] == ["open_run", "live_vm"]
    assert "failover-old" in judge(known).failures[0].message


def test_every_check_that_can_fail_or_warn_has_a_row_for_it() -> None:
    tried = {name for name, status, _ in ROWS if status is not PASS}

    assert {*COMMON, "source_power", "source_lost", "scheduler", "replication_api"} <= tried | {"boot_disk"}
    assert {"test_duration", "pool_space"} <= tried


@pytest.mark.parametrize(
    ("name", "change", "said"),
    (
        (
            "quota",
            {"quota": (QuotaFact(resource="memory", available=1),)},
            "memory: 1 MiB are left, 4096 MiB",
        ),
        ("live_vm", {"live_vms": ("pgtest1 (some-id)",)}, "pgtest1 (some-id)"),
        ("vm_snapshots", {"appliance_vm_snapshots": ("a", "b")}, "a, b"),
        ("disk_places", {"volumes": (volume(0), volume(1, vm_id=OTHER_VM))}, f"disk-2001 .* {OTHER_VM}"),
        ("disks_present", {"volumes": (volume(0),)}, f"disk-2001: .*{volume_id(1)}"),
        ("storage_managed", {"pools": (pool(managed=True),)}, "disk-2000 .*ps1.*; disk-2001"),
    ),
)
def test_a_failure_names_what_is_wrong(name: str, change: dict[str, Any], said: str) -> None:
    message = check_of(situation(storage=storage(**change)), name).message

    assert re.search(said.replace("(", r"\(").replace(")", r"\)"), message)


def test_what_other_runs_take_is_said_beside_what_this_one_does() -> None:
    known = situation(
        replication=replication(in_flight_snapshots=3),
        storage=storage(quota=(QuotaFact(resource="snapshot", available=4),)),
    )

    assert check_of(known, "quota").message == (
        "snapshot: 4 are left, 2 are needed, and 3 by other runs that have begun"
    )


def test_both_owners_are_named() -> None:
    known = situation(storage=storage(**UNREAD_OWNER, owner_project_id="p1"))
    ours = check_of(known, "disk_owner").message
    theirs = check_of(situation(storage=other(account="somebody", domain_id="")), "disk_owner").message

    assert f"disk-2000 belongs to account dr of domain {DOMAIN}, the new VM will belong to project p1" in ours
    assert "disk-2001 belongs to account somebody of domain ?" in theirs


def test_everything_that_is_wrong_is_said_at_once() -> None:
    known = situation(
        mappings_problem="NIC 0",
        destination_problems=(*about("template"), *about("zone"), *about("offering")),
        storage=storage(appliance_vm_snapshots=("a",), offering_known=False),
    )

    assert [check.name for check in judge(known).failures] == [
        "mappings",
        "template",
        "offering",
        "destination",
        "vm_snapshots",
    ]


def test_the_reason_of_the_request_is_not_in_what_a_check_says() -> None:
    known = situation("live", {**LOST, "reason": "zq9", "accept_recovery_point": True}, power=AWAY)

    assert "zq9" not in judge(known).model_dump_json()


def test_what_decides_the_error_stands_first() -> None:
    known = situation(
        "live",
        LOST,
        power=power(PowerState.ON),
        destination_problems=about("name"),
        storage=storage(live_vms=("vm",)),
        replication=replication(torn_by="job-8", guest=GuestFamily.WINDOWS, firmware=Firmware.UNKNOWN),
    )

    assert [check.name for check in judge(known).failures] == [
        "name",
        "live_vm",
        "source_lost",
        "recovery_point",
        "conversion_worker",
        "firmware",
    ]


def test_what_is_missing_is_said_before_what_follows_from_it() -> None:
    known = situation("test", replication=replication(disk(0, sync=None), disk(1, volume_id="", sync=None)))

    assert [check.name for check in judge(known).failures] == [
        "disks_present",
        "disks_replicated",
        "recovery_point",
    ]


def test_the_recovery_point_is_the_sync_that_all_disks_hold() -> None:
    assert judge(situation()).recovery_point == RecoveryPoint(
        job_id="job-7", completed_at=NOW - timedelta(minutes=15), age_seconds=900
    )
    assert check_of(situation(), "recovery_point").message == (
        "sync job-7, completed 2026-11-24T11:45:00+00:00, 900 s old"
    )


def test_a_sync_of_a_lost_source_makes_the_point_inconsistent() -> None:
    known = situation("live", LOST, power=AWAY, replication=replication(running=RUNNING))

    point = judge(known).recovery_point
    assert point.consistent is False
    assert "job-8 was under way" in point.detail
    assert point.job_id == SYNC.job_id


@pytest.mark.parametrize(
    ("guest", "fields", "convert"),
    (
        (GuestFamily.WINDOWS, None, True),
        (GuestFamily.UNKNOWN, None, True),
        (GuestFamily.LINUX, None, False),
        (GuestFamily.WINDOWS, {"skip_virtio": True}, False),
    ),
)
def test_a_guest_is_converted_where_it_needs_drivers(
    guest: GuestFamily, fields: dict[str, object] | None, *, convert: bool
) -> None:
    assert judge(situation("live", fields, replication=replication(guest=guest))).convert is convert


@pytest.mark.parametrize(
    ("kind", "fields", "values", "days"),
    (
        ("test", None, {}, 2),
        ("test", {"test_duration": "1s"}, {}, 2),
        ("test", {"test_duration": "86401s"}, {}, 3),
        ("test", {"test_duration": "7d"}, {}, 8),
        ("test", {"test_duration": "999999999d"}, {}, 36500),
        ("test", None, {"storage": storage()}, 0),
        ("test", None, {"policy": REPLICA}, 0),
        ("live", None, {}, 0),
    ),
)
def test_only_a_drill_on_clones_has_an_instance_lease_and_it_outlives_the_drill(
    kind: str, fields: dict[str, object] | None, values: dict[str, Any], days: int
) -> None:
    known = situation(kind, fields, **{"storage": storage(can_lease=True), **values})

    assert judge(known).lease_days == days


@pytest.mark.parametrize(
    ("fields", "seconds"), ((None, 2 * (600 + 10 * 30)), ({**WHY, "waive_snapshots": True}, 0))
)
def test_the_time_of_the_snapshots_is_that_of_all_disks_one_after_the_other(
    fields: dict[str, object] | None, seconds: float
) -> None:
    assert judge(situation("live", fields)).snapshot_seconds == seconds


def test_a_pool_is_named_by_its_id_where_it_has_no_name() -> None:
    known = situation("test", storage=storage(pools=(pool(name="", used_bytes=90 * GB),)))

    assert check_of(known, "pool_space").message == (
        f"pool {POOL}: 0 GB are free beside the reserve, 20 GB may be needed"
    )


def test_the_size_of_a_source_that_nobody_knows_is_a_warning() -> None:
    known = situation(storage=storage(offering_cpu=2, offering_memory_mb=4096))
    unknown = known.model_copy(
        update={"context": known.context.model_copy(update={"cpu_count": 0, "memory_mb": 0})}
    )

    assert check_of(unknown, "offering_size").status is WARNING


def test_what_the_source_said_just_now_outranks_what_the_database_stored() -> None:
    known = situation(storage=storage(offering_cpu=2, offering_memory_mb=4096))
    grown = known.model_copy(update={"source": known.source.model_copy(update={"cpu_count": 4})})

    assert "2 CPUs, the source has 4" in check_of(grown, "offering_size").message


def test_the_judgement_survives_history_and_so_does_its_request() -> None:
    known = situation("test", replication=replication(torn_by="job-8"))
    asked = JudgeRequest.model_validate_json(known.model_dump_json())

    assert judge(asked) == judge(known)
    preflight = judge(known)
    assert type(preflight).model_validate_json(preflight.model_dump_json()) == preflight
