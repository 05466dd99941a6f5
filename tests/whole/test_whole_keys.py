"""The same failovers with an ordinary user's key, and through the appliance's Volume Daemon."""

import pytest

from rules.outcomes import FailoverOutcome
from simulators.cloudstack import sample as cloud_sample
from simulators.volume_daemon import VolumeDaemonSimulator
from tests.faults.stories import use_the_plain_key
from tests.support.whole import ROLL_BACK, WHOLE_LIVE, WHOLE_TEST, WholeSite, ended
from tests.whole.conftest import OpenWhole
from tests.whole.picture import picture
from tests.whole.waits import result_of


@pytest.fixture
async def plain_site(open_whole: OpenWhole) -> WholeSite:
    """A site whose key is no admin's: appliance and disks belong to the same user."""
    whole = await open_whole(worker=False)
    await use_the_plain_key(whole.site)
    world = whole.site.cloud.world
    whole.replicas.appliance.account = world.plain
    for disk in world.volumes.values():
        disk.account = world.plain
    await whole.site.start_worker()
    return whole


async def test_a_live_failover_and_its_rollback_need_no_admin(plain_site: WholeSite) -> None:
    whole = plain_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_LIVE)
    result = await result_of(handle)
    assert {vm for vm, _ in whole.replicas.places.values()} == {result.vm.id}
    assert any("cannot be read with this key" in warning for warning in result.warnings)
    commit = whole.commit_of(handle)
    await commit.execute_update("roll_back", ROLL_BACK)
    report = await ended(commit)
    assert (report.end, report.left_behind) == ("rolled_back", ())
    after = await picture(whole)
    # Such a key cannot expunge: the VM stays Destroyed until CloudStack expunges it (observed, section 10).
    for one in ("vms", "volumes"):
        after[one] = {name: value for name, value in after[one].items() if name in before[one]}
    assert after == {**before, "status": "ready_for_failover"}


async def test_a_drill_needs_no_admin(plain_site: WholeSite) -> None:
    """Clones get no chosen id then: they are found by name and mark."""
    whole = plain_site
    before = await picture(whole)
    handle = await whole.site.start(WHOLE_TEST)
    result = await result_of(handle)
    assert result.outcome is FailoverOutcome.COMPLETED
    assert len(result.attached) == 2
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update("clean_up_now")
    assert (await ended(cleanup)).left_behind == ()
    after = await picture(whole)
    after["vms"] = {name: value for name, value in after["vms"].items() if name in before["vms"]}
    assert after == before


async def test_the_volume_daemon_moves_the_disks(open_whole: OpenWhole) -> None:
    """It owns ``device_mappings``; CloudStack says where the disks are, also when the daemon is wrong."""
    whole = await open_whole(worker=False, disks=3)
    daemon = VolumeDaemonSimulator(whole.site.cloud.endpoint, appliance_vm_id=whole.replicas.appliance.id)
    await daemon.start()
    try:
        before = await picture(whole)
        daemon.wrong_failures = 1
        await whole.site.start_worker(VOLUME_DAEMON_URL=daemon.url)
        handle = await whole.site.start(WHOLE_LIVE)
        result = await result_of(handle)
        assert whole.replicas.places == {
            disk.disk_id: (result.vm.id, place)
            for disk, place in zip(whole.replicas.disks, (0, 1, 2), strict=True)
        }
        actions = {path.rpartition("/")[2] for method, path in daemon.calls if method == "POST"}
        assert actions == {"detach", "attach", "attach-root"}
        commit = whole.commit_of(handle)
        await commit.execute_update("roll_back", ROLL_BACK)
        assert (await ended(commit)).left_behind == ()
        assert await picture(whole) == {**before, "status": "ready_for_failover"}
        await whole.site.stop_worker()
    finally:
        await daemon.stop()


async def test_the_appliance_cloud_sample_is_what_replication_says(whole_site: WholeSite) -> None:
    """The stories above stand on the same appliance."""
    assert (await whole_site.replicas.facts()).appliance_vm_id == cloud_sample.APPLIANCE_VM_ID
