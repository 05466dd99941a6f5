"""The runs of whole failovers whose histories are kept: every end, and what is open for long.

The first word of a story's name says how its workflow ends; ``open`` and ``held`` ones do not.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import WorkflowHandle

from rules.temporal_names import PREFLIGHT_WORKFLOW
from simulators.cloudstack import Fault, FaultKind, VmState
from simulators.replication import Fate, Job
from simulators.vma.sample import PGTEST1_ID, VCENTER_HOST
from tests.support.site import activity_started, failed
from tests.support.whole import LOST, ROLL_BACK, WHOLE_LIVE, WHOLE_TEST, WholeSite, ended
from tests.whole.appliance import CONVERTS_A_CLEAN_ONE, FAILS, INTERRUPTED_ONCE, WAITS, Appliance
from tests.whole.waits import held, order_again, result_of, timer_started, until

Handle = WorkflowHandle[Any, Any]
Plot = Callable[[WholeSite, str, Appliance | None], Awaitable[Handle]]
"""Plays a story under a workflow id, to the moment in which its history is to be kept."""

_CLEAN_UP, _EXTEND, _RESUME = "clean_up_now", "extend", "resume"
_START, _STOP, _ATTACH = "startVirtualMachine", "stopVirtualMachine", "attachVolume"
_NO_SYNC = {**WHOLE_LIVE, "perform_final_sync": False, "reason": "the link is too slow"}
_WAIVED = {**WHOLE_LIVE, "waive_snapshots": True, "reason": "there is no room"}
_SHORT = {**WHOLE_TEST, "test_duration": "1s"}
_ON_THE_REPLICA = {"settings": {"FAILOVER_DRILL_DISKS": "replica"}}
_WINDOWS = {"disks": 1, "windows": True, "settings": {"FAILOVER_CONVERSION_QUEUE_SECONDS": 5}}


@dataclass(frozen=True)
class Story:
    """One story.

    Attributes:
        site: What ``open_whole_site`` is told.
        command: What converts guests on the appliance; empty where no worker is there.
    """

    plot: Plot
    site: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""


def _order(whole: WholeSite, fault: Fault) -> None:
    whole.site.cloud.faults.add(fault)


async def _scheduled(whole: WholeSite) -> Job:
    jobs = await whole.replication.tick()
    return next(job for job in jobs if job.vm.context_id == whole.replicas.context_id)


async def _completed(whole: WholeSite, workflow_id: str, request: object) -> Handle:
    handle = await whole.site.start(request, workflow_id=workflow_id)
    await result_of(handle)
    return handle


async def _failed(whole: WholeSite, workflow_id: str, request: object) -> Handle:
    handle = await whole.site.start(request, workflow_id=workflow_id)
    await failed(handle)
    return handle


def _plain(request: object, *faults: Fault) -> Plot:
    """A run that completes."""

    async def plot(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
        for fault in faults:
            _order(whole, Fault(fault.command, fault.kind, times=fault.times, code=fault.code))
        return await _completed(whole, workflow_id, request)

    return plot


def _failing(request: object, *faults: Fault, fates: tuple[Fate, ...] = ()) -> Plot:
    """A run that does not complete."""

    async def plot(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
        whole.replication.next_job(*fates)
        for fault in faults:
            _order(whole, Fault(fault.command, fault.kind, times=fault.times, code=fault.code))
        return await _failed(whole, workflow_id, request)

    return plot


async def live_of_a_lost_source(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    whole.site.vma.set_vcenter_down(VCENTER_HOST)
    return await _completed(whole, workflow_id, {**LOST, "accept_recovery_point": True})


async def live_that_forces_the_source_off(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    whole.site.vma.vm(PGTEST1_ID).shutdown_looks = None
    return await _completed(whole, workflow_id, WHOLE_LIVE)


async def live_that_waits_for_a_job(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    await _scheduled(whole)
    return await _completed(whole, workflow_id, WHOLE_LIVE)


async def live_that_takes_the_replica_back(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    await _completed(whole, f"{workflow_id}-drill", WHOLE_TEST)
    return await _completed(whole, workflow_id, WHOLE_LIVE)


async def _converting(whole: WholeSite, workflow_id: str, here: Appliance | None) -> Handle:
    assert here is not None
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await here.bench.begun("begun")
    return handle


async def live_with_an_interrupted_conversion(
    whole: WholeSite, workflow_id: str, here: Appliance | None
) -> Handle:
    assert here is not None
    handle = await _converting(whole, workflow_id, here)
    await here.worker.kill()
    await here.worker.work()
    await result_of(handle)
    return handle


async def _held(whole: WholeSite, workflow_id: str) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_SLOW, seconds=1.5))
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of(_START))
    await handle.cancel()
    await held(handle)
    return handle


async def live_resumed(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    handle = await _held(whole, workflow_id)
    await handle.execute_update(_RESUME, {"reason": "it was a mistake"})
    await result_of(handle)
    return handle


async def held_by_a_cancel(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    return await _held(whole, workflow_id)


async def _held_by_wrong_nics(whole: WholeSite, workflow_id: str) -> Handle:
    def runs(params: Mapping[str, str]) -> bool:
        vm = whole.site.cloud.world.vms.get(params.get("id", ""))
        return vm is not None and vm is not whole.replicas.appliance and vm.state is VmState.RUNNING

    _order(whole, Fault("listVirtualMachines", FaultKind.WRONG_NIC_ORDER, times=None, match=runs))
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await held(handle)
    whole.site.cloud.faults.clear()
    return handle


async def held_by_a_verification(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    return await _held_by_wrong_nics(whole, workflow_id)


async def failed_and_rolled_back_by_order(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    handle = await _held_by_wrong_nics(whole, workflow_id)
    await handle.execute_update("roll_back", ROLL_BACK)
    await failed(handle)
    return handle


async def cancelled_and_rolled_back_by_order(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    handle = await _held(whole, workflow_id)
    await handle.execute_update("roll_back", ROLL_BACK)
    await failed(handle)
    return handle


async def cancelled_during_the_final_sync(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    handle = await _open_during_the_final_sync(whole, workflow_id)
    await handle.cancel()
    await failed(handle)
    return handle


async def cancelled_drill(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault("createVolume", FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(WHOLE_TEST, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of("createVolume"))
    await handle.cancel()
    await failed(handle)
    return handle


async def failed_with_a_disk_left_elsewhere(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    stranger = whole.site.cloud.world.add_vm("stranger", [], state=VmState.STOPPED)
    disk = whole.replicas.volumes[1]

    def is_taken(params: Mapping[str, str]) -> bool:
        if params.get("id") == whole.replicas.volume_ids[0] and disk.vm is None:
            disk.attach(stranger, 1)
        return False

    _order(whole, Fault(_ATTACH, FaultKind.INTERNAL, match=is_taken))
    return await _failed(whole, workflow_id, WHOLE_LIVE)


async def failed_without_a_revert(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    """The command half-wrote the disk, and CloudStack cannot revert it: a full sync is next."""
    whole.site.cloud.world.can_revert = False
    return await _failed(whole, workflow_id, WHOLE_LIVE)


async def refused_second_live(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    await _completed(whole, f"{workflow_id}-first", WHOLE_LIVE)
    return await _failed(whole, workflow_id, WHOLE_LIVE)


async def refused_unreachable_source(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    whole.site.vma.set_vcenter_down(VCENTER_HOST)
    return await _failed(whole, workflow_id, WHOLE_LIVE)


async def drill_with_a_torn_set(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault("createSnapshot", FaultKind.HANG, seconds=0.3, effect=True))
    handle = await whole.site.start(WHOLE_TEST, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of("createSnapshot"))
    job = await _scheduled(whole)
    while not job.ended:
        await whole.replication.step(job)
    await result_of(handle)
    return handle


async def cleanup_by_time(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    cleanup = whole.cleanup_of(await _completed(whole, workflow_id, _SHORT))
    await ended(cleanup)
    return cleanup


async def cleanup_by_order(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    cleanup = whole.cleanup_of(await _completed(whole, workflow_id, WHOLE_TEST))
    await cleanup.execute_update(_EXTEND, {"test_duration": "1h"})
    await cleanup.execute_update(_CLEAN_UP, {"reason": "seen enough"})
    await ended(cleanup)
    return cleanup


async def cleanup_by_a_cancel(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    cleanup = whole.cleanup_of(await _completed(whole, workflow_id, WHOLE_TEST))
    await cleanup.cancel()
    await ended(cleanup)
    return cleanup


async def cleanup_for_a_live_run(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    cleanup = whole.cleanup_of(await _completed(whole, workflow_id, WHOLE_TEST))
    await _completed(whole, f"{workflow_id}-live", WHOLE_LIVE)
    await ended(cleanup)
    return cleanup


async def cleanup_that_is_not_needed(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_FAILS, code=431))
    cleanup = whole.cleanup_of(await _failed(whole, workflow_id, WHOLE_TEST))
    await ended(cleanup)
    return cleanup


async def cleanup_of_a_terminated_run(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(_SHORT, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of(_START))
    await handle.terminate("an operator's mistake")
    cleanup = whole.cleanup_of(handle)
    await ended(cleanup)
    return cleanup


async def _cleanup_that_cannot(whole: WholeSite, workflow_id: str) -> Handle:
    handle = await _completed(whole, workflow_id, WHOLE_TEST)
    _order(whole, Fault(_STOP, FaultKind.JOB_FAILS, times=None))
    cleanup = whole.cleanup_of(handle)
    await cleanup.execute_update(_CLEAN_UP)

    async def is_said() -> bool:
        record = await whole.site.record(handle.id)
        return record is not None and record.ending is not None

    await until(is_said)
    return cleanup


async def cleanup_tried_again(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    cleanup = await _cleanup_that_cannot(whole, workflow_id)
    whole.site.cloud.faults.clear()
    await ended(cleanup)
    return cleanup


async def commit_committed(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    commit = whole.commit_of(await _completed(whole, workflow_id, WHOLE_LIVE))
    await commit.execute_update("commit", {"reason": "it works"})
    await ended(commit)
    return commit


async def commit_rolled_back(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    commit = whole.commit_of(await _completed(whole, workflow_id, WHOLE_LIVE))
    await commit.execute_update("roll_back", ROLL_BACK)
    await ended(commit)
    return commit


async def commit_rolled_back_without_snapshots(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    commit = whole.commit_of(await _completed(whole, workflow_id, _WAIVED))
    await commit.execute_update("roll_back", ROLL_BACK)
    await ended(commit)
    return commit


async def commit_rolled_back_without_a_revert(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    commit = whole.commit_of(await _completed(whole, workflow_id, WHOLE_LIVE))
    whole.site.cloud.world.can_revert = False
    await commit.execute_update("roll_back", ROLL_BACK)
    await ended(commit)
    return commit


async def commit_rolled_back_at_the_second_order(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    commit = whole.commit_of(await _completed(whole, workflow_id, WHOLE_LIVE))
    _order(whole, Fault(_STOP, FaultKind.JOB_FAILS, times=None))
    await commit.execute_update("roll_back", ROLL_BACK)

    async def is_said() -> bool:
        return bool((await whole.replicas.context())["current_status"] == "cleanup_required")

    await until(is_said)
    whole.site.cloud.faults.clear()
    await order_again(commit, "roll_back", ROLL_BACK)
    await ended(commit)
    return commit


async def commit_after_the_source_returned(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    commit = await _with_a_returned_source(whole, workflow_id)
    await commit.execute_update("commit")
    await ended(commit)
    return commit


async def _with_a_returned_source(whole: WholeSite, workflow_id: str) -> Handle:
    whole.site.vma.set_vcenter_down(VCENTER_HOST)
    handle = await _completed(whole, workflow_id, LOST)
    commit = whole.commit_of(handle)
    await timer_started(commit)
    whole.site.vma.set_vcenter_down(VCENTER_HOST, down=False)

    async def is_raised() -> bool:
        record = await whole.site.record(handle.id)
        return record is not None and record.source_power == "on"

    await until(is_raised)
    return commit


async def commit_that_is_not_needed(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_FAILS, code=431))
    commit = whole.commit_of(await _failed(whole, workflow_id, WHOLE_LIVE))
    await ended(commit)
    return commit


async def commit_rolled_back_after_a_terminated_run(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_SLOW, seconds=0.7))
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of(_START))
    await handle.terminate("an operator's mistake")
    commit = whole.commit_of(handle)
    await order_again(commit, "roll_back", ROLL_BACK)
    await ended(commit)
    return commit


async def commit_rolled_back_after_an_undo_in_part(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_FAILS, code=431))
    _order(whole, Fault("detachVolume", FaultKind.REFUSED, times=None, match=_off_the_vm(whole)))
    commit = whole.commit_of(await _failed(whole, workflow_id, WHOLE_LIVE))
    whole.site.cloud.faults.clear()
    await order_again(commit, "roll_back", ROLL_BACK)
    await ended(commit)
    return commit


def _off_the_vm(whole: WholeSite) -> Callable[[Mapping[str, str]], bool]:
    """Match what takes a replica off the new VM."""

    def matches(params: Mapping[str, str]) -> bool:
        volume = whole.site.cloud.world.volumes.get(params.get("id", ""))
        at_ours = volume is not None and volume.vm not in {None, whole.replicas.appliance}
        return at_ours and params.get("id") in whole.replicas.volume_ids

    return matches


async def open_while_the_live_run_is_under_way(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    _order(whole, Fault(_ATTACH, FaultKind.JOB_SLOW, seconds=60))
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of(_ATTACH))
    return whole.commit_of(handle)


async def preflight_of_a_live_run(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    handle: Handle = await whole.client.start_workflow(
        PREFLIGHT_WORKFLOW, WHOLE_LIVE, id=workflow_id, task_queue=whole.site.task_queue
    )
    await result_of(handle)
    return handle


async def _open_during_the_final_sync(whole: WholeSite, workflow_id: str) -> Handle:
    whole.replication.step_on_look = False
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await activity_started(handle, "WatchSyncActivity")
    return handle


async def open_during_the_final_sync(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    return await _open_during_the_final_sync(whole, workflow_id)


async def open_during_a_move(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault(_ATTACH, FaultKind.JOB_SLOW, seconds=60))
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of(_ATTACH))
    await activity_started(handle, "WaitForJobActivity")
    return handle


async def open_during_a_snapshot(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault("createSnapshot", FaultKind.JOB_SLOW, seconds=60))
    handle = await whole.site.start(WHOLE_TEST, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of("createSnapshot"))
    await activity_started(handle, "WaitForJobActivity")
    return handle


async def open_during_a_conversion(whole: WholeSite, workflow_id: str, here: Appliance | None) -> Handle:
    handle = await _converting(whole, workflow_id, here)
    await activity_started(handle, "ConvertGuestActivity")
    return handle


async def open_during_an_undo(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    _order(whole, Fault(_START, FaultKind.JOB_FAILS, code=431))
    _order(whole, Fault("destroyVirtualMachine", FaultKind.JOB_SLOW, seconds=60))
    handle = await whole.site.start(WHOLE_LIVE, workflow_id=workflow_id)
    await until(lambda: whole.site.cloud.calls_of("destroyVirtualMachine"))
    await activity_started(handle, "RemoveVMActivity")
    return handle


async def open_while_a_sync_is_waited_for(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    await _scheduled(whole)
    handle = await whole.site.start(WHOLE_TEST, workflow_id=workflow_id)
    await timer_started(handle)
    return handle


async def open_while_the_drill_waits(whole: WholeSite, workflow_id: str, _here: Appliance | None) -> Handle:
    cleanup = whole.cleanup_of(await _completed(whole, workflow_id, WHOLE_TEST))
    await cleanup.execute_update(_EXTEND, {"test_duration": "1h"})
    return cleanup


async def open_while_a_cleanup_is_tried_again(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    return await _cleanup_that_cannot(whole, workflow_id)


async def open_while_a_live_vm_waits_for_its_commit(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    return whole.commit_of(await _completed(whole, workflow_id, WHOLE_LIVE))


async def open_after_the_source_returned(
    whole: WholeSite, workflow_id: str, _here: Appliance | None
) -> Handle:
    return await _with_a_returned_source(whole, workflow_id)


def _told(*plots: Plot, **site: Any) -> dict[str, Story]:  # noqa: ANN401 - whatever ``open_whole_site`` takes
    return {plot.__name__.strip("_").replace("_", "-"): Story(plot, site) for plot in plots}


_REFUSED_START = Fault(_START, FaultKind.JOB_FAILS, code=431)

WHOLE_STORIES: Mapping[str, Story] = {
    "live": Story(_plain(WHOLE_LIVE)),
    "live-without-a-final-sync": Story(_plain(_NO_SYNC)),
    "live-without-snapshots": Story(_plain(_WAIVED)),
    "live-started-at-the-second-try": Story(_plain(WHOLE_LIVE, Fault(_START, FaultKind.JOB_FAILS, code=533))),
    "live-with-jobs-that-failed-once": Story(
        _plain(
            WHOLE_LIVE,
            Fault("createSnapshot", FaultKind.JOB_FAILS),
            Fault(_ATTACH, FaultKind.JOB_FAILS),
        )
    ),
    "test": Story(_plain(WHOLE_TEST)),
    "test-on-the-replica": Story(_plain(WHOLE_TEST), _ON_THE_REPLICA),
    "test-with-a-clone-made-twice": Story(_plain(WHOLE_TEST, Fault("createVolume", FaultKind.JOB_FAILS))),
    "test-with-a-torn-set": Story(drill_with_a_torn_set),
    "failed-start": Story(_failing(WHOLE_LIVE, _REFUSED_START)),
    "failed-drill": Story(_failing(WHOLE_TEST, _REFUSED_START)),
    "failed-drill-on-the-replica": Story(_failing(WHOLE_TEST, _REFUSED_START), _ON_THE_REPLICA),
    "failed-final-sync": Story(_failing(WHOLE_LIVE, fates=(Fate.FAILS,))),
    "failed-snapshot-set": Story(
        _failing(WHOLE_LIVE, Fault("createSnapshot", FaultKind.JOB_FAILS, times=None))
    ),
    "failed-create": Story(_failing(WHOLE_LIVE, Fault("deployVirtualMachine", FaultKind.QUOTA))),
    "refused-firmware": Story(_failing(WHOLE_LIVE), {"firmware": ""}),
    "refused-conversion": Story(_failing(WHOLE_LIVE), {"disks": 1, "windows": True}),
    "refused-lost-source-that-is-on": Story(_failing(LOST)),
    **_told(
        live_that_forces_the_source_off,
        live_that_waits_for_a_job,
        live_resumed,
        held_by_a_cancel,
        held_by_a_verification,
        failed_and_rolled_back_by_order,
        failed_with_a_disk_left_elsewhere,
        cancelled_and_rolled_back_by_order,
        cancelled_during_the_final_sync,
        cancelled_drill,
        refused_second_live,
        refused_unreachable_source,
        cleanup_by_time,
        cleanup_by_order,
        cleanup_by_a_cancel,
        cleanup_that_is_not_needed,
        cleanup_of_a_terminated_run,
        cleanup_tried_again,
        commit_committed,
        commit_rolled_back,
        commit_rolled_back_without_snapshots,
        commit_rolled_back_without_a_revert,
        commit_rolled_back_at_the_second_order,
        commit_after_the_source_returned,
        commit_that_is_not_needed,
        commit_rolled_back_after_a_terminated_run,
        commit_rolled_back_after_an_undo_in_part,
        preflight_of_a_live_run,
        open_during_the_final_sync,
        open_during_a_move,
        open_during_a_snapshot,
        open_during_an_undo,
        open_while_a_sync_is_waited_for,
        open_while_the_drill_waits,
        open_while_the_live_run_is_under_way,
        open_while_a_cleanup_is_tried_again,
        open_while_a_live_vm_waits_for_its_commit,
        open_after_the_source_returned,
    ),
    **_told(live_of_a_lost_source, torn=True),
    **_told(live_that_takes_the_replica_back, cleanup_for_a_live_run, **_ON_THE_REPLICA),
    "cleanup-of-a-terminated-run-on-the-replica": Story(cleanup_of_a_terminated_run, _ON_THE_REPLICA),
    "live-with-a-conversion": Story(_plain(WHOLE_LIVE), _WINDOWS, CONVERTS_A_CLEAN_ONE),
    "test-with-a-conversion": Story(_plain(WHOLE_TEST), _WINDOWS, CONVERTS_A_CLEAN_ONE),
    "failed-conversion": Story(_failing(WHOLE_LIVE), _WINDOWS, FAILS),
    "failed-without-a-revert": Story(failed_without_a_revert, _WINDOWS, FAILS),
    "live-with-an-interrupted-conversion": Story(
        live_with_an_interrupted_conversion, _WINDOWS, INTERRUPTED_ONCE
    ),
    "open-during-a-conversion": Story(open_during_a_conversion, _WINDOWS, WAITS),
}
"""By name."""
