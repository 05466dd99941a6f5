"""A Windows guest, converted by a real worker and a real command on a file-backed image."""

from pathlib import Path

from rules.errors import FailoverErrorType as ErrorType
from rules.outcomes import FailoverOutcome
from tests.conversion.bench import SIZE, all_gone
from tests.support.site import failed
from tests.support.whole import WHOLE_LIVE, WHOLE_TEST, WholeSite, ended
from tests.whole.appliance import CONVERTS_A_CLEAN_ONE, FAILS, INTERRUPTED_ONCE, WAITS, appliance
from tests.whole.conftest import OpenWhole
from tests.whole.picture import picture
from tests.whole.waits import result_of


async def _windows(open_whole: OpenWhole, **settings: object) -> WholeSite:
    return await open_whole(
        disks=1, windows=True, settings={"FAILOVER_CONVERSION_QUEUE_SECONDS": 5} | settings
    )


async def test_a_live_failover_converts_the_replica(open_whole: OpenWhole, tmp_path: Path) -> None:
    whole = await _windows(open_whole)
    async with appliance(whole, tmp_path / "appliance", CONVERTS_A_CLEAN_ONE) as here:
        handle = await whole.site.start(WHOLE_LIVE)
        result = await result_of(handle)
        image = here.image_of(whole.replicas.volume_ids[0])
        assert image.read_bytes().startswith(b"converted")
    assert result.outcome is FailoverOutcome.COMPLETED
    assert any("guest conversion: converted" in warning for warning in result.warnings)
    await whole.commit_of(handle).terminate("the test is over")


async def test_a_drill_converts_the_clone_and_leaves_the_replica(
    open_whole: OpenWhole, tmp_path: Path
) -> None:
    whole = await _windows(open_whole)
    before = await picture(whole)
    async with appliance(whole, tmp_path / "appliance", CONVERTS_A_CLEAN_ONE) as here:
        handle = await whole.site.start(WHOLE_TEST)
        result = await result_of(handle)
        (clone,) = [one.volume_id for one in result.attached]
        assert here.image_of(clone).read_bytes().startswith(b"converted")
        assert here.image_of(whole.replicas.volume_ids[0]).read_bytes() == bytes(SIZE)
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update("clean_up_now")
    assert (await ended(cleanup)).left_behind == ()
    assert await picture(whole) == before


async def test_an_interrupted_conversion_begins_again_on_a_restored_disk(
    open_whole: OpenWhole, tmp_path: Path
) -> None:
    """A half-converted disk is never converted again: the command itself would notice."""
    whole = await _windows(open_whole)
    async with appliance(whole, tmp_path / "appliance", INTERRUPTED_ONCE) as here:
        handle = await whole.site.start(WHOLE_LIVE)
        pids = await here.bench.begun("begun")
        await here.worker.kill()
        await all_gone(pids)
        await here.worker.work()
        result = await result_of(handle)
        assert here.image_of(whole.replicas.volume_ids[0]).read_bytes().startswith(b"converted")
    assert result.outcome is FailoverOutcome.COMPLETED
    assert len(whole.site.cloud.calls_of("revertSnapshot")) == 1
    await whole.commit_of(handle).terminate("the test is over")


async def test_an_interrupted_conversion_of_a_clone_begins_again_on_a_new_clone(
    open_whole: OpenWhole, tmp_path: Path
) -> None:
    whole = await _windows(open_whole)
    before = await picture(whole)
    async with appliance(whole, tmp_path / "appliance", INTERRUPTED_ONCE) as here:
        handle = await whole.site.start(WHOLE_TEST)
        pids = await here.bench.begun("begun")
        await here.worker.kill()
        await all_gone(pids)
        await here.worker.work()
        result = await result_of(handle)
        (clone,) = [one.volume_id for one in result.attached]
        assert here.image_of(clone).read_bytes().startswith(b"converted")
    clones_made = [
        one for one in whole.site.cloud.world.volumes.values() if one.name.startswith("failover-clone-")
    ]
    assert [one.removed for one in clones_made] == [True, False]
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update("clean_up_now")
    assert (await ended(cleanup)).left_behind == ()
    assert await picture(whole) == before


async def test_a_conversion_that_fails_is_undone_by_a_revert(open_whole: OpenWhole, tmp_path: Path) -> None:
    whole = await _windows(open_whole)
    before = await picture(whole)
    async with appliance(whole, tmp_path / "appliance", FAILS) as here:
        end = await whole.site.run_failing(WHOLE_LIVE)
        assert here.image_of(whole.replicas.volume_ids[0]).read_bytes() == bytes(SIZE)
    assert end.type == ErrorType.CONVERSION_FAILED
    assert end.report is not None
    assert (end.report.step, end.report.left_behind) == ("convert the guest", ())
    assert await picture(whole) == before
    assert len(whole.site.cloud.calls_of("revertSnapshot")) == 1


async def test_a_cancel_ends_the_command_and_restores_the_disk(open_whole: OpenWhole, tmp_path: Path) -> None:
    whole = await _windows(open_whole)
    before = await picture(whole)
    async with appliance(whole, tmp_path / "appliance", WAITS) as here:
        handle = await whole.site.start(WHOLE_LIVE)
        pids = await here.bench.begun("begun")
        await handle.cancel()
        end = await failed(handle)
        await all_gone(pids)
        assert here.image_of(whole.replicas.volume_ids[0]).read_bytes() == bytes(SIZE)
    assert end.type == "Cancelled"
    assert await picture(whole) == before


async def test_without_a_conversion_worker_nothing_is_touched(open_whole: OpenWhole) -> None:
    """It must answer: a dead worker stays listed for minutes."""
    whole = await open_whole(disks=1, windows=True)
    before = await picture(whole)
    for request in (WHOLE_LIVE, WHOLE_TEST):
        end = await whole.site.run_failing(request)
        assert end.type == ErrorType.CONVERSION_UNAVAILABLE
        assert await picture(whole) == before


async def test_a_guest_that_has_its_drivers_is_not_converted(open_whole: OpenWhole) -> None:
    whole = await open_whole(disks=1, windows=True)
    handle = await whole.site.start({**WHOLE_LIVE, "skip_virtio": True})
    result = await result_of(handle)
    assert any("skip_virtio" in warning for warning in result.warnings)
    assert "ConvertGuestActivity" not in await whole.site.event_types(handle)
    await whole.commit_of(handle).terminate("the test is over")
