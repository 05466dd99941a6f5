"""Rollback snapshots, the disks' places and pools, and what a way back does where CloudStack says no."""

from collections.abc import Mapping
from typing import Any

import pytest

from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import Fault, FaultKind, VmState
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.picture import picture
from tests.whole.test_whole_sync import scheduled
from tests.whole.waits import order_again, result_of, until

WAIVED = {**WHOLE_LIVE, "waive_snapshots": True, "reason": "there is no room"}


async def test_without_snapshots_a_rollback_makes_the_next_sync_a_full_one(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    handle = await whole.site.start(WAIVED)
    result = await result_of(handle)
    assert result.snapshots == ()
    assert any("no rollback snapshots" in warning for warning in result.warnings)
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    report = await ended(commit)
    assert any("the next sync of every disk is a full one" in one for one in report.restored)
    after = await picture(whole)
    assert after["next sync is a full one"] == [True, True]
    assert before["next sync is a full one"] == [False, False]
    assert after["scheduler"] is True
    assert {vm for vm, _ in whole.replicas.places.values()} == {whole.replicas.appliance.id}


async def test_a_partial_set_of_snapshots_is_no_set(whole_site: WholeSite) -> None:
    whole = whole_site
    before = await picture(whole)
    second = whole.replicas.volume_ids[1]

    def of_the_second(params: Mapping[str, str]) -> bool:
        return params.get("volumeid") == second

    whole.site.cloud.faults.add(Fault("createSnapshot", FaultKind.JOB_FAILS, times=None, match=of_the_second))
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.SNAPSHOT_FAILED
    assert end.report is not None
    assert (end.report.step, end.report.left_behind) == ("rollback snapshots", ())
    assert await picture(whole) == before


async def test_a_revert_that_cloudstack_refuses_keeps_the_snapshot_and_asks_for_a_full_sync(
    whole_site: WholeSite,
) -> None:
    """Only KVM reverts: elsewhere the disks come home as they are, and everything says so."""
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    whole.site.cloud.world.can_revert = False
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    report = await ended(commit)
    assert report.end == "rolled_back", "no other try would change it"
    left = "\n".join(report.left_behind)
    kept = {one.id for one in whole.site.cloud.world.snapshots.values() if not one.removed}
    assert kept == {one.snapshot_id for one in result.snapshots}
    assert all(one in left for one in kept), "each is named"
    after = await picture(whole)
    assert after["next sync is a full one"] == [True, True]
    assert {vm for vm, _ in whole.replicas.places.values()} == {whole.replicas.appliance.id}
    assert whole.site.cloud.world.vms[result.vm.id].removed
    end = await whole.site.run_failing(WHOLE_LIVE | {"perform_final_sync": False, "reason": "in a hurry"})
    assert "disks_replicated" in end.message, "the disks hold no sync until a full one completed"
    full = await scheduled(whole)
    while not full.ended:
        await whole.replication.step(full)
    again = await whole.site.run(WHOLE_LIVE)
    assert again.objectives is not None
    assert again.objectives.rpo_seconds == 0


async def test_a_disk_at_a_foreign_vm_is_refused_before_anything_is_touched(whole_site: WholeSite) -> None:
    whole = whole_site
    world = whole.site.cloud.world
    stranger = world.add_vm("stranger", [], state=VmState.STOPPED)
    disk = whole.replicas.volumes[1]
    disk.detach()
    disk.attach(stranger, 1)
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert stranger.id in end.message
    assert await picture(whole) == before


async def test_a_disk_that_goes_to_a_foreign_vm_meanwhile_stops_the_run(whole_site: WholeSite) -> None:
    """It is left where it is: nobody knows who needs it there."""
    whole = whole_site
    world = whole.site.cloud.world
    stranger = world.add_vm("stranger", [], state=VmState.STOPPED)
    disk = whole.replicas.volumes[1]

    def is_taken(params: Mapping[str, str]) -> bool:
        # The first disk is about to be attached to the new VM: by then every one is off the appliance.
        if params.get("id") == whole.replicas.volume_ids[0] and disk.vm is None:
            disk.attach(stranger, 1)
        return False

    whole.site.cloud.faults.add(Fault("attachVolume", FaultKind.INTERNAL, match=is_taken))
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.DISK_ELSEWHERE
    assert end.report is not None
    assert any(disk.id in one for one in end.report.left_behind)
    assert disk.vm is stranger
    assert whole.replicas.volumes[0].vm is whole.replicas.appliance
    assert (await whole.replicas.state()).scheduler_enabled is False, "a replica is not home"
    assert (await whole.replicas.context())["current_status"] == "cleanup_required"
    assert not [vm for vm in whole.site.vms() if vm not in (stranger, whole.replicas.appliance)]


async def test_a_silent_migration_to_another_pool_is_found_out(whole_site: WholeSite) -> None:
    """An attach across clusters moves a disk without a word (observed, section 9)."""
    whole = whole_site
    world = whole.site.cloud.world
    root = whole.replicas.volumes[0]
    home = root.pool
    assert home is not None
    elsewhere = next(pool for pool in world.pools if pool.cluster_id != home.cluster_id)

    def moves(params: Mapping[str, str]) -> bool:
        if params.get("id") == root.id and params.get("virtualmachineid") != whole.replicas.appliance.id:
            root.put_on(elsewhere, "moved")
        return False

    whole.site.cloud.faults.add(Fault("attachVolume", FaultKind.INTERNAL, match=moves))
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.STORAGE_CHANGED
    assert elsewhere.id in end.message or elsewhere.name in end.message
    assert end.report is not None
    assert any(root.id in one for one in end.report.left_behind) or root.vm is whole.replicas.appliance


async def test_a_vm_snapshot_of_the_appliance_is_found_before_the_outage(whole_site: WholeSite) -> None:
    whole = whole_site
    whole.site.cloud.world.add_vm_snapshot("before the update", whole.replicas.appliance)
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert "before the update" in end.message
    assert await picture(whole) == before


@pytest.mark.parametrize(
    ("wrong", "check"),
    (
        ({"without_volume": True}, "disks_present"),
        ({"volume_gone": True}, "disks_present"),
        ({"firmware": ""}, "firmware"),
    ),
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_what_makes_it_impossible_is_named_before_anything_is_touched(
    open_whole: OpenWhole, wrong: dict[str, Any], check: str
) -> None:
    whole = await open_whole(**wrong)
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert f"{check}:" in end.message
    assert await picture(whole) == before


async def test_more_disks_than_a_vm_may_have_are_refused(open_whole: OpenWhole) -> None:
    whole = await open_whole(disks=3)
    whole.site.cloud.world.max_data_disks = 1
    before = await picture(whole)
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.PREFLIGHT_FAILED
    assert "device_ids:" in end.message
    assert await picture(whole) == before


async def test_the_replica_is_never_destroyed_with_the_vm(whole_site: WholeSite) -> None:
    """Expunging a VM deletes a swapped-in root (observed, section 10): detached first, or not destroyed."""
    whole = whole_site
    before = await picture(whole)
    whole.site.cloud.faults.add(Fault("startVirtualMachine", FaultKind.JOB_FAILS, code=431))
    end = await whole.site.run_failing(WHOLE_LIVE)
    assert end.type == ErrorType.VM_START_FAILED
    assert end.report is not None
    assert end.report.left_behind == ()
    assert await picture(whole) == before


async def test_a_disk_that_does_not_come_off_keeps_the_vm(whole_site: WholeSite) -> None:
    whole = whole_site
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    root = whole.replicas.volumes[0]

    def of_the_root(params: Mapping[str, str]) -> bool:
        return params.get("id") == root.id

    whole.site.cloud.faults.add(Fault("detachVolume", FaultKind.REFUSED, times=None, match=of_the_root))
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)

    async def is_recorded() -> bool:
        return bool((await whole.replicas.context())["current_status"] == "cleanup_required")

    await until(is_recorded)
    vm = whole.site.cloud.world.vms[result.vm.id]
    assert (vm.removed, vm.state) == (False, VmState.STOPPED)
    assert not root.removed
    assert (await whole.replicas.state()).scheduler_enabled is False
    whole.site.cloud.faults.clear()
    await order_again(commit, "roll_back", ROLL_BACK)
    assert (await ended(commit)).end == "rolled_back"
    assert whole.replicas.at_home
