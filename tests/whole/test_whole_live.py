"""A live failover that ends with the protected machine itself."""

from database import RunState
from embedded.seed import PGTEST1_CONTEXT
from rules.outcomes import FailoverOutcome, ProofLevel
from simulators.cloudstack import VmState
from simulators.replication.jobs import COMPLETED
from simulators.vma.inventory import POWERED_OFF
from tests.support.whole import WHOLE_LIVE, WholeSite
from tests.whole.conftest import OpenWhole
from tests.whole.picture import job_status, lease, source
from tests.whole.waits import result_of

_PLACES = (0, 1, 2, 4, 5)
"""3 is reserved (observed, section 12)."""


async def test_a_live_failover_runs_from_the_replicated_disks(whole_field_site: WholeSite) -> None:
    """Source off, last sync done, root swapped in, data disks at their places, no template's disk left."""
    whole = whole_field_site
    before = {disk.id: disk.pool for disk in whole.replicas.volumes}
    contents = [disk.content for disk in whole.replicas.volumes]
    handle = await whole.site.start(WHOLE_LIVE)
    result = await handle.result()

    assert result.outcome is FailoverOutcome.COMPLETED
    assert result.proven is ProofLevel.DISKS
    world = whole.site.cloud.world
    vm = world.vms[result.vm.id]
    assert vm.state is VmState.RUNNING
    disk_ids = [disk.disk_id for disk in whole.replicas.disks]
    assert whole.replicas.places == {
        disk_id: (vm.id, place) for disk_id, place in zip(disk_ids, _PLACES, strict=True)
    }
    assert [disk.content for disk in whole.replicas.volumes] == contents
    assert {disk.id: disk.pool for disk in whole.replicas.volumes} == before
    assert [one.volume_id for one in result.attached] == list(whole.replicas.volume_ids)
    assert world.root_of(vm) is whole.replicas.volumes[0]
    roots = [one for one in world.volumes.values() if one.name == f"ROOT-{vm.number}"]
    assert [one.removed for one in roots] == [True], "the template's disk is gone"

    assert source(whole).power_state == POWERED_OFF
    assert result.source_end is not None
    assert result.source_end.shutdown_method == "graceful"
    (job,) = whole.replication.jobs.values()
    assert job.status == COMPLETED
    assert result.source_end.off_at is not None
    assert job.started_at > result.source_end.off_at, "the last sync began after the power-off"
    assert result.recovery_point is not None
    assert result.recovery_point.job_id == job.id
    assert result.objectives is not None
    assert result.objectives.rpo_seconds == 0
    assert result.objectives.outage_seconds is not None
    assert 0 <= result.objectives.outage_seconds <= result.objectives.rto_seconds

    snapshots = {one.id: one for one in world.snapshots.values() if not one.removed}
    assert {one.snapshot_id for one in result.snapshots} == set(snapshots)
    assert {one.volume.id for one in snapshots.values()} == set(whole.replicas.volume_ids)

    state = await whole.replicas.state()
    assert (state.fenced_by, state.dirty_by, state.scheduler_enabled) == (handle.id, handle.id, False)
    assert (await whole.replicas.context())["current_status"] == "failed_over_live"
    record = await whole.site.record(handle.id)
    assert record is not None
    assert (record.state, record.vm_id, record.ending) == (RunState.COMPLETED, vm.id, None)
    assert await job_status(whole, handle.id) == "completed"
    commit = whole.commit_of(handle)
    assert result.continues_as == commit.id
    assert await lease(whole, "live") == commit.id
    description = await commit.describe()
    assert description.close_time is None
    assert not [check.name for check in result.checks if check.status == "failure"]
    await commit.terminate("the test is over")


async def test_the_vm_is_made_before_the_source_is_touched(whole_site: WholeSite) -> None:
    """What is wrong with name, quota, MAC or template shows before the outage."""
    handle = await whole_site.site.start(WHOLE_LIVE)
    await handle.result()
    steps = await whole_site.site.event_types(handle)
    order = [
        "CreateVMActivity",
        "FenceReplicationActivity",
        "PowerOffSourceActivity",
        "StartSyncActivity",
        "CreateSnapshotActivity",
        "MoveDiskActivity",
        "StartVMActivity",
        "VerifyVMActivity",
        "VerifyDisksActivity",
        "FinishRunActivity",
    ]
    of_replicas = [name for name in steps if name != "MoveDiskActivity"]
    firsts = [of_replicas.index(name) for name in order if name != "MoveDiskActivity"]
    assert firsts == sorted(firsts)
    last_move = len(steps) - 1 - steps[::-1].index("MoveDiskActivity")
    assert steps.index("CreateSnapshotActivity") < last_move < steps.index("StartVMActivity")


async def test_a_machine_that_boots_by_uefi_does_so_again(open_whole: OpenWhole) -> None:
    """The firmware is what is on the disk, and goes into the deploy."""
    whole = await open_whole(firmware="efi")
    handle = await whole.site.start(WHOLE_LIVE)
    await result_of(handle)
    (deploy,) = whole.site.cloud.calls_of("deployVirtualMachine")
    assert deploy.params["boottype"] == "UEFI"
    await whole.commit_of(handle).terminate("the test is over")


async def test_a_configured_check_command_proves_more(whole_site: WholeSite) -> None:
    """``responds`` is said only when the guest was asked and answered."""
    await whole_site.site.stop_worker()
    await whole_site.site.start_worker(FAILOVER_CHECK_COMMAND="true")
    assert (await whole_site.site.run(WHOLE_LIVE)).proven is ProofLevel.RESPONDS


async def test_a_guest_that_does_not_respond_is_a_warning(whole_site: WholeSite) -> None:
    await whole_site.site.stop_worker()
    await whole_site.site.start_worker(FAILOVER_CHECK_COMMAND="false")
    result = await whole_site.site.run(WHOLE_LIVE)
    assert result.proven is ProofLevel.DISKS
    assert any("does not respond" in warning for warning in result.warnings)


async def test_the_site_decides_where_the_request_says_nothing(whole_site: WholeSite) -> None:
    """A rehearsal needs to be asked for by then."""
    await whole_site.site.stop_worker()
    await whole_site.site.start_worker(FAILOVER_DISKS="replicated")
    request = {"context_id": PGTEST1_CONTEXT, "failover_type": "live"}
    result = await whole_site.site.run(request)
    assert len(result.attached) == len(whole_site.replicas.disks)
