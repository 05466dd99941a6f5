"""The Volume Daemon moves the disks: its answers are no proof, listVolumes is."""

import aiohttp
import pytest
from aiohttp import web

from activities.messages.disks import Place
from activities.move_disk import MoveDiskActivities
from simulators.cloudstack import Fault, FaultKind
from tests.disks.conftest import DaemonSite, fails, run
from volume_daemon import DaemonRefused, DaemonUnreachable, DaemonUnsure, VolumeDaemonClient


async def _bring(one: DaemonSite, index: int, to: Place) -> tuple[str, int | None]:
    site = one.site
    moved = await site.bring(site.move(site.replicas[index], to), one.moving, one.jobs)
    return moved.vm_id, moved.device_id


async def test_a_machine_with_two_data_disks_goes_and_comes_back(daemon_site: DaemonSite) -> None:
    site, daemon = daemon_site.site, daemon_site.daemon
    template_root = site.sim.world.root_of(site.vm)
    assert template_root is not None
    await site.bring(site.move(template_root, Place()), daemon_site.moving, daemon_site.jobs)
    site.sim.world.remove_volume(template_root)
    # What CloudStack made with the VM is none of the daemon's business.
    assert daemon.operations == {}
    for index, device_id in enumerate((0, 1, 2)):
        place = Place(vm_id=site.vm.id, device_id=device_id)
        assert await _bring(daemon_site, index, place) == (site.vm.id, device_id)
    # Two data disks get one path, which is UNIQUE: it says "failed" though CloudStack did it.
    failed = [row for row in daemon.operations.values() if row.status == "failed"]
    assert [row.volume_id for row in failed] == [site.replicas[2].id]
    assert "unique_device_path" in failed[0].error
    for index in range(3):
        vm_id, _ = await _bring(daemon_site, index, Place(vm_id=site.appliance.id))
        assert vm_id == site.appliance.id
    assert len(daemon.mappings.of_vm(site.appliance.id)) == 3


async def test_all_moves_of_a_disk_go_through_the_daemon(daemon_site: DaemonSite) -> None:
    site = daemon_site.site
    await _bring(daemon_site, 1, Place(vm_id=site.vm.id, device_id=1))
    assert [(row.type, row.status) for row in daemon_site.daemon.operations.values()] == [
        ("detach", "completed"),
        ("attach", "completed"),
    ]


async def test_a_wrong_failed_is_read_as_what_it_is(daemon_site: DaemonSite) -> None:
    site, daemon = daemon_site.site, daemon_site.daemon
    daemon.wrong_failures = 2
    assert await _bring(daemon_site, 1, Place(vm_id=site.vm.id, device_id=1)) == (site.vm.id, 1)
    assert [row.status for row in daemon.operations.values()] == ["failed", "failed"]


async def test_an_operation_that_really_failed_is_reported(daemon_site: DaemonSite) -> None:
    site = daemon_site.site
    site.sim.faults.add(Fault("detachVolume", FaultKind.JOB_FAILS))
    reply = await run(daemon_site.moving.move_disk, site.move(site.replicas[1], Place()))
    report = await site.wait(reply.job_id, daemon_site.jobs)
    assert (report.state.value, report.code) == ("failed", 0)
    assert site.shown(site.replicas[1])[0] == site.appliance.id


@pytest.mark.parametrize("forgets", (True, False), ids=("forgotten", "shown-as-executing"))
async def test_a_restart_loses_the_operation_not_the_move(daemon_site: DaemonSite, forgets: bool) -> None:  # noqa: FBT001 - of the table
    site, daemon = daemon_site.site, daemon_site.daemon
    site.sim.faults.add(Fault("detachVolume", FaultKind.JOB_SLOW, seconds=0.3))
    reply = await run(daemon_site.moving.move_disk, site.move(site.replicas[1], Place()))
    assert reply.job_id.startswith("daemon:")
    await site.until(lambda: "detachVolume" in site.commands("detachVolume"))
    await daemon.restart(forgets=forgets)
    report = await site.wait(reply.job_id, daemon_site.jobs)
    assert report.state.value == "unknown"
    assert await _bring(daemon_site, 1, Place(vm_id=site.vm.id, device_id=1)) == (site.vm.id, 1)


async def test_an_operation_without_an_end_is_given_up_once_it_has_its_effect(
    daemon_site: DaemonSite,
) -> None:
    site, daemon = daemon_site.site, daemon_site.daemon
    daemon.stalls = 1
    reply = await run(daemon_site.moving.move_disk, site.move(site.replicas[1], Place()))
    assert (await site.wait(reply.job_id, daemon_site.jobs)).state.value == "unknown"
    assert site.shown(site.replicas[1]) == ("", None)


async def test_a_lost_answer_is_followed_by_a_look(daemon_site: DaemonSite) -> None:
    site, daemon = daemon_site.site, daemon_site.daemon
    daemon.lost_replies = 1
    request = site.move(site.replicas[1], Place())
    error = await fails(daemon_site.moving.move_disk, request)
    assert (error.type, error.non_retryable) == ("CloudStackOutcomeUnknown", False)
    await site.until(lambda: site.replicas[1].vm is None)
    assert (await run(daemon_site.moving.move_disk, request)).placed
    assert len(daemon.operations) == 1


async def test_a_wrong_place_is_said(daemon_site: DaemonSite) -> None:
    site = daemon_site.site
    site.replicas[1].detach()
    # Place 1 is free, so a disk that is to be at 2 lands there.
    request = site.move(site.replicas[1], Place(vm_id=site.vm.id, device_id=2))
    reply = await run(daemon_site.moving.move_disk, request)
    await site.wait(reply.job_id, daemon_site.jobs)
    error = await fails(daemon_site.moving.move_disk, request)
    assert (error.type, error.non_retryable) == ("DiskMoveFailed", True)
    assert "cannot choose the place" in error.message.replace("\n", " ")
    # On the way back it is moved all the same.
    home = Place(vm_id=site.appliance.id)
    assert (await _bring(daemon_site, 1, home))[0] == site.appliance.id


async def test_a_daemon_that_is_down(daemon_site: DaemonSite) -> None:
    site = daemon_site.site
    await daemon_site.daemon._listener.refuse()
    error = await fails(daemon_site.moving.move_disk, site.move(site.replicas[1], Place()))
    assert (error.type, error.non_retryable) == ("CloudStackUnavailable", False)
    assert site.commands("detachVolume") == []


async def test_a_job_of_a_daemon_that_is_not_configured_any_more(daemon_site: DaemonSite) -> None:
    reply = await run(
        daemon_site.moving.move_disk, daemon_site.site.move(daemon_site.site.replicas[1], Place())
    )
    with pytest.raises(Exception, match="VOLUME_DAEMON_URL"):
        await daemon_site.site.wait(reply.job_id)


async def test_without_a_daemon_nothing_is_asked_of_it(daemon_site: DaemonSite) -> None:
    site = daemon_site.site
    await site.bring(site.move(site.replicas[1], Place()), MoveDiskActivities(site.clouds))
    assert daemon_site.daemon.calls == []


ANSWERS = (
    (201, '{"id": "op-1", "status": "pending", "volume_id": "v", "vm_id": null}', None),
    (200, '{"id": "op-1", "status": "a new word"}', None),
    (201, "<html>", DaemonUnsure),
    (201, '{"status": "pending"}', DaemonUnsure),
    (500, '{"error": "boom"}', DaemonUnsure),
    (502, "<html>", DaemonUnsure),
    (404, '{"error": "no such volume"}', DaemonRefused),
    (400, '{"error": "vm_id is required"}', DaemonRefused),
    (302, "", DaemonRefused),
)


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: f"{row[0]}-{row[1][:9]}")
async def test_what_an_answer_means(row: tuple[int, str, type[Exception] | None]) -> None:
    status, body, error = row

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            client = VolumeDaemonClient(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
            if error is None:
                assert (await client.detach("v")).id == "op-1"
            else:
                with pytest.raises(error):
                    await client.detach("v")
    finally:
        await runner.cleanup()


async def test_nobody_there() -> None:
    async with aiohttp.ClientSession() as session:
        client = VolumeDaemonClient("http://127.0.0.1:9", session)
        with pytest.raises(DaemonUnreachable):
            await client.operation("op-1")
        assert "127.0.0.1:9" in repr(client)
