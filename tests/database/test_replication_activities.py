"""The activities on replication's rows and on what comes after a run, on real databases."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError

from activities.aftermath import AftermathActivities
from activities.fence import FenceActivities
from activities.lease import LeaseActivities
from activities.messages.aftermath import DrillHolder, DrillQuery, End, RecordEndRequest, SourceReturned
from activities.messages.context import LeaseReply, LeaseRequest
from activities.messages.record import BeginRunRequest, FinishRunRequest, HeldRequest
from activities.messages.replication import (
    ChangeIdRequest,
    Fence,
    FenceRequest,
    RecordSnapshotsRequest,
    ReplicaMark,
    ReplicationQuery,
)
from activities.record import RecordActivities
from activities.replica_mark import ReplicaMarkActivities
from activities.replication_facts import ReplicationFactsActivities
from database import (
    ContextRepository,
    Database,
    Ending,
    LeaseRepository,
    NetworkMappingRepository,
    ReplicaRepository,
    ReplicaState,
    ReplicationRepository,
    RunRepository,
    RunState,
    context_resource,
)
from database.tables import ossea_volumes, vm_disks, vm_replication_contexts
from embedded.row_writer import RowWriter
from embedded.seed_disks import add_sync
from rules.context import DestinationConfig, VMContext
from rules.disks import SnapshotFact
from rules.outcomes import FailoverOutcome
from rules.request import FailoverType, UnifiedFailoverConfig
from tests.support.field_rows import NOW, add_context, add_rows
from tests.support.leases import holder

CONTEXT = VMContext(
    context_id="ctx-a", vm_name="pgtest1", vmware_vm_id="uuid-1", vcenter_host="v", datacenter="DC1"
)
DESTINATION = DestinationConfig(
    config_id=1, name="cloud", api_url="u", zone="z", template_id="t", service_offering_id="o"
)
LIVE, TEST = FailoverType.LIVE, FailoverType.TEST


class Desk:
    """Every activity of this part on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.runs, self.leases = RunRepository(database), LeaseRepository(database)
        self.replicas, self.replication = ReplicaRepository(database), ReplicationRepository(database)
        contexts = ContextRepository(database)
        self.fences = FenceActivities(self.replicas, self.replication, self.runs)
        self.marks = ReplicaMarkActivities(self.replicas)
        self.facts = ReplicationFactsActivities(self.replication)
        self.aftermath = AftermathActivities(self.runs, contexts, self.leases, self.replicas)
        self.leasing = LeaseActivities(self.leases, self.runs)
        self.records = RecordActivities(self.runs, NetworkMappingRepository(database), contexts, self.leases)

    async def lease(self, owner: str, failover_type: FailoverType) -> LeaseReply:
        return await self.leasing.acquire(
            LeaseRequest(context_id="ctx-a", failover_type=failover_type, owner=owner, vm_name="pgtest1")
        )

    async def begin(self, workflow_id: str, failover_type: FailoverType) -> None:
        await self.lease(workflow_id, failover_type)
        config = UnifiedFailoverConfig(context_id="ctx-a", failover_type=failover_type)
        await self.records.begin_run(
            BeginRunRequest(workflow_id=workflow_id, run_id="r", config=config, context=CONTEXT)
        )

    async def finish(self, workflow_id: str, failover_type: FailoverType, **values: Any) -> None:  # noqa: ANN401 - fields
        await self.records.finish_run(
            FinishRunRequest.model_validate(
                {
                    "workflow_id": workflow_id,
                    "context_id": "ctx-a",
                    "failover_type": failover_type,
                    "vm_name": "pgtest1",
                    "outcome": FailoverOutcome.COMPLETED,
                    "create_attempted": True,
                    "keeps_vm": True,
                    "report": {},
                    **values,
                }
            )
        )

    async def end(self, workflow_id: str, failover_type: FailoverType, end: End, **values: Any) -> None:  # noqa: ANN401 - fields
        await self.aftermath.record_end(
            RecordEndRequest.model_validate(
                {
                    "workflow_id": workflow_id,
                    "holder": f"{workflow_id}-{'commit' if failover_type is LIVE else 'cleanup'}",
                    "context_id": "ctx-a",
                    "failover_type": failover_type,
                    "vm_name": "pgtest1",
                    "end": end,
                    "report": {},
                    **values,
                }
            )
        )

    async def status(self) -> str:
        async with self.database.read() as connection:
            found = await connection.execute(select(vm_replication_contexts.c.current_status))
            return str(found.scalar_one())

    async def summary(self) -> dict[str, Any]:
        async with self.database.read() as connection:
            found = await connection.execute(self.database.features.select(vm_replication_contexts))
            return dict(json.loads(found.one().last_operation_summary))

    async def set_status(self, status: str) -> None:
        async with self.database.write() as connection:
            await connection.execute(update(vm_replication_contexts).values(current_status=status))

    async def sync(self, job_id: str, status: str) -> None:
        async with self.database.write() as connection:
            await add_sync(
                RowWriter(self.database, connection),
                connection,
                "ctx-a",
                ["disk-2000"],
                job_id=job_id,
                ended_at=NOW,
                status=status,
            )


@pytest_asyncio.fixture(loop_scope="session")
async def desk(own_database: Database) -> Desk:
    """A VM that is ready for a failover."""
    await add_context(
        own_database, "ctx-a", current_status="ready_for_failover", scheduler_enabled=1, os_type="linux"
    )
    return Desk(own_database)


def asked(workflow_id: str = "wf", lost_job_id: str = "") -> FenceRequest:
    return FenceRequest(workflow_id=workflow_id, context_id="ctx-a", lost_job_id=lost_job_id)


async def refused(call: Awaitable[object]) -> tuple[str | None, str]:
    """Return the type and the message of the failure that a call ends with."""
    with pytest.raises(ApplicationError) as caught:
        await call
    assert caught.value.non_retryable
    return caught.value.type, caught.value.message


async def test_a_fence_tells_the_old_value_and_what_still_runs(desk: Desk) -> None:
    assert await desk.fences.fence_replication(asked()) == Fence(scheduler_was_enabled=True)
    await desk.sync("job-2", "replicating")

    again = await desk.fences.fence_replication(asked())

    assert again.scheduler_was_enabled is True
    assert again.running is not None
    assert (again.running.job_id, again.running.status) == ("job-2", "replicating")
    error_type, message = await refused(desk.fences.fence_replication(asked("second")))
    assert (error_type, "workflow wf" in message) == ("FenceBroken", True)


async def _unfenced(_desk: Desk) -> None:
    pass


async def _others(desk: Desk) -> None:
    await desk.fences.fence_replication(asked("other"))


async def _fenced(desk: Desk) -> None:
    await desk.fences.fence_replication(asked())


async def _switched_on(desk: Desk) -> None:
    await _fenced(desk)
    async with desk.database.write() as connection:
        await connection.execute(update(vm_replication_contexts).values(scheduler_enabled=1))


async def _syncing(desk: Desk) -> None:
    await _fenced(desk)
    await desk.sync("job-2", "running")


async def _released(desk: Desk) -> None:
    await _fenced(desk)
    await desk.fences.release_fence(asked())


@pytest.mark.parametrize(
    ("prepare", "lost_job_id", "wrong"),
    (
        (_fenced, "", ""),
        (_unfenced, "", "nobody holds it"),
        (_others, "", "workflow other holds it"),
        (_switched_on, "", "switched on again"),
        (_syncing, "", "replication job job-2"),
        (_syncing, "job-2", ""),
        (_syncing, "job-1", "replication job job-2"),
        (_released, "", "nobody holds it"),
    ),
)
async def test_a_fence_stands_or_its_breach_is_named(
    desk: Desk, prepare: Callable[[Desk], Awaitable[None]], lost_job_id: str, wrong: str
) -> None:
    await prepare(desk)

    if not wrong:
        await desk.fences.check_fence(asked(lost_job_id=lost_job_id))
        return
    error_type, message = await refused(desk.fences.check_fence(asked(lost_job_id=lost_job_id)))
    assert error_type == "FenceBroken"
    assert wrong in message


async def test_a_release_may_be_repeated_and_is_no_business_of_others(desk: Desk) -> None:
    await desk.fences.fence_replication(asked())
    await desk.fences.release_fence(asked("second"))
    await desk.fences.check_fence(asked())

    for _ in range(2):
        await desk.fences.release_fence(asked())

    assert (await desk.replicas.state("ctx-a")).scheduler_enabled is True


async def test_the_facts_are_those_of_the_context_and_its_configuration(desk: Desk) -> None:
    await add_rows(desk.database, vm_disks, {"vm_context_id": "ctx-a", "disk_id": "disk-2000"})
    await desk.sync("job-1", "completed")

    found = await desk.facts.load_replication(ReplicationQuery(context=CONTEXT, destination=DESTINATION))

    (disk,) = found.disks
    assert disk.sync is not None
    assert (disk.disk_id, disk.sync.job_id) == ("disk-2000", "job-1")


async def test_replicas_are_marked_and_replication_is_told(desk: Desk) -> None:
    await add_rows(
        desk.database, vm_disks, {"vm_context_id": "ctx-a", "disk_id": "disk-2000", "disk_change_id": "52"}
    )
    await add_rows(desk.database, ossea_volumes, {"vm_context_id": "ctx-a", "volume_id": "volume-1"})
    dirty = ReplicaMark(workflow_id="wf", context_id="ctx-a", dirty=True)
    assert (await refused(desk.marks.mark_replica(dirty)))[0] == "FenceBroken"
    await desk.fences.fence_replication(asked())

    await desk.marks.mark_replica(dirty)
    snapshot = SnapshotFact(snapshot_id="snapshot-1", volume_id="volume-1")
    await desk.marks.record_snapshots(RecordSnapshotsRequest(context_id="ctx-a", snapshots=(snapshot,)))
    await desk.marks.clear_change_ids(ChangeIdRequest(context_id="ctx-a", disk_ids=("disk-2000",)))

    assert (await desk.replicas.state("ctx-a")).dirty_by == "wf"
    async with desk.database.read() as connection:
        (volume,) = await connection.execute(select(ossea_volumes.c.snapshot_id))
        (disk,) = await connection.execute(select(vm_disks.c.disk_change_id))
    assert (volume.snapshot_id, disk.disk_change_id) == ("snapshot-1", None)
    await desk.marks.mark_replica(dirty.model_copy(update={"dirty": False}))
    assert (await desk.replicas.state("ctx-a")).dirty_by == ""


async def test_a_live_vm_that_nobody_committed_keeps_every_other_failover_out(desk: Desk) -> None:
    await desk.begin("wf", LIVE)
    await desk.finish("wf", LIVE, lease_to="wf-commit", context_status="failed_over_live")
    assert await desk.status() == "failed_over_live"

    for failover_type in (LIVE, TEST):
        reply = await desk.lease("second", failover_type)
        assert (reply.granted, reply.held_by, reply.name_only) == (False, "wf-commit", False)
    # A repeated end changes nothing: the successor keeps what it holds.
    await desk.finish("wf", LIVE, lease_to="wf-commit", context_status="failed_over_live")
    assert await holder(desk.database, context_resource("ctx-a", "live")) == "wf-commit"

    await desk.end("wf", LIVE, End.CLEANUP_REQUIRED, left_behind=("disk-2000: not reverted",), release=False)
    assert not (await desk.lease("second", LIVE)).granted
    await desk.end("wf", LIVE, End.ROLLED_BACK)
    assert (await desk.lease("second", LIVE)).granted


async def test_a_drill_keeps_the_next_drill_out_and_no_live_failover(desk: Desk) -> None:
    await desk.begin("drill", TEST)
    await desk.finish("drill", TEST, lease_to="drill-cleanup")

    second = await desk.lease("second", TEST)
    assert (second.granted, second.held_by) == (False, "drill-cleanup")
    assert (await desk.lease("live", LIVE)).granted
    await desk.leases.release("live")

    await desk.end("drill", TEST, End.CLEANED_UP)
    assert (await desk.lease("second", TEST)).granted


async def test_a_run_that_hands_nothing_over_gives_everything_back(desk: Desk) -> None:
    await desk.begin("wf", LIVE)
    await desk.finish("wf", LIVE)

    assert await desk.status() == "ready_for_failover"
    assert (await desk.lease("second", LIVE)).granted


@pytest.mark.parametrize(
    ("failover_type", "end", "before", "after"),
    (
        (LIVE, End.COMMITTED, "failed_over_live", "completed"),
        (LIVE, End.ROLLED_BACK, "failed_over_live", "ready_for_failover"),
        (LIVE, End.CLEANUP_REQUIRED, "failed_over_live", "cleanup_required"),
        (LIVE, End.ROLLED_BACK, "cleanup_required", "ready_for_failover"),
        (TEST, End.CLEANED_UP, "failed_over_test", "ready_for_failover"),
        (TEST, End.CLEANED_UP, "cleanup_required", "ready_for_failover"),
        (TEST, End.CLEANUP_REQUIRED, "failed_over_test", "cleanup_required"),
        # A live failover went on beside the drill, or replication did: theirs is the status.
        (TEST, End.CLEANED_UP, "failed_over_live", "failed_over_live"),
        (TEST, End.CLEANUP_REQUIRED, "failed_over_live", "failed_over_live"),
        (TEST, End.CLEANED_UP, "completed", "completed"),
        (TEST, End.CLEANED_UP, "replicating", "replicating"),
        (TEST, End.CLEANUP_REQUIRED, "replicating", "replicating"),
    ),
)
async def test_the_status_says_what_the_end_leads_to(
    desk: Desk, failover_type: FailoverType, end: End, before: str, after: str
) -> None:
    await desk.begin("wf", failover_type)
    await desk.finish("wf", failover_type)
    await desk.set_status(before)

    await desk.end("wf", failover_type, end, removed=("a (1): expunged",), report={"x": 1})

    assert await desk.status() == after
    found = await desk.runs.get("wf")
    assert found is not None
    assert found.ending is Ending(end.value)
    assert found.end_report == {"removed": ["a (1): expunged"], "left_behind": [], "report": {"x": 1}}


async def test_a_drill_that_ends_beside_a_live_failover_leaves_the_status_to_it(desk: Desk) -> None:
    await desk.begin("drill", TEST)
    await desk.set_status("failed_over_live")

    await desk.finish("drill", TEST, context_status="failed_over_test")

    assert await desk.status() == "failed_over_live"


async def test_a_failure_tells_its_category_and_what_an_operator_can_do(desk: Desk) -> None:
    await desk.begin("wf", LIVE)

    await desk.finish(
        "wf",
        LIVE,
        outcome=FailoverOutcome.FAILED,
        keeps_vm=False,
        step="final sync",
        error_type="SyncStalled",
        error_message="nothing moved",
        report={"disks": "2 back at the appliance"},
    )

    found = await desk.summary()
    assert (found["status"], found["failed_step"], found["error_category"]) == (
        "failed",
        "final sync",
        "connectivity",
    )
    assert any("tunnel" in step for step in found["actionable_steps"])
    assert found["disks"] == "2 back at the appliance"


@pytest.mark.parametrize(
    ("end", "operation", "status"),
    (
        (End.COMMITTED, "commit", "completed"),
        (End.ROLLED_BACK, "rollback", "completed"),
        (End.CLEANED_UP, "rollback", "completed"),
        (End.CLEANUP_REQUIRED, "rollback", "failed"),
    ),
)
async def test_the_end_of_a_vm_is_summed_up_for_the_appliance(
    desk: Desk, end: End, operation: str, status: str
) -> None:
    await desk.end("wf", LIVE, end, left_behind=("disk-2000: not reverted",))

    found = await desk.summary()

    assert (found["operation_type"], found["status"], found["end"]) == (operation, status, end.value)
    assert ("error_category" in found) is (status == "failed")
    assert ("actionable_steps" in found) is (end in {End.CLEANUP_REQUIRED, End.COMMITTED})
    assert found.get("replication", "") == ("off" if end is End.COMMITTED else "")


async def test_a_commit_lets_go_of_the_replica_and_of_nothing_before(desk: Desk) -> None:
    await desk.begin("wf", LIVE)
    await desk.fences.fence_replication(asked())
    await desk.marks.mark_replica(ReplicaMark(workflow_id="wf", context_id="ctx-a", dirty=True))
    await desk.finish("wf", LIVE, lease_to="wf-commit", context_status="failed_over_live")
    await desk.end("wf", LIVE, End.CLEANUP_REQUIRED, release=False)

    assert (await refused(desk.fences.fence_replication(asked("second"))))[0] == "FenceBroken"
    assert not (await desk.lease("second", LIVE)).granted
    for _ in range(2):
        await desk.end("wf", LIVE, End.COMMITTED)

    assert await desk.replicas.state("ctx-a") == ReplicaState(scheduler_enabled=False)
    assert (await desk.lease("second", LIVE)).granted
    assert await desk.fences.fence_replication(asked("second")) == Fence(scheduler_was_enabled=False)


async def test_a_run_that_holds_says_why_and_what_can_be_done_and_keeps_its_vm(desk: Desk) -> None:
    await desk.begin("wf", LIVE)
    held = HeldRequest(
        workflow_id="wf",
        context_id="ctx-a",
        failover_type=LIVE,
        vm_name="pgtest1",
        why="it was cancelled",
        held=True,
    )

    for _ in range(2):
        await desk.records.record_held(held)

    found = await desk.runs.get("wf")
    assert found is not None
    assert (found.state, found.finished_at) == (RunState.HELD, None)
    assert await desk.status() == "failed_over_live"
    summary = await desk.summary()
    assert (summary["status"], summary["error_message"]) == ("held", "it was cancelled")
    told = " ".join(summary["actionable_steps"])
    assert "roll_back" in told
    assert "resume" in told
    assert (await desk.lease("second", LIVE)).held_by == "wf"

    await desk.records.record_held(held.model_copy(update={"held": False, "why": ""}))

    again = await desk.runs.get("wf")
    assert again is not None
    assert again.state is RunState.STARTING
    summary = await desk.summary()
    assert (summary["status"], "actionable_steps" in summary) == ("running", False)
    assert await desk.status() == "failed_over_live"


async def test_a_hold_is_told_though_the_run_is_lost(desk: Desk) -> None:
    held = HeldRequest(
        workflow_id="wf", context_id="ctx-a", failover_type=LIVE, vm_name="pgtest1", why="w", held=True
    )

    await desk.records.record_held(held)

    assert (await desk.summary())["status"] == "held"


async def test_an_end_is_told_and_the_context_given_back_though_the_run_is_lost(desk: Desk) -> None:
    await desk.lease("wf-commit", LIVE)

    await desk.end("wf", LIVE, End.ROLLED_BACK)

    assert await holder(desk.database, context_resource("ctx-a", "live")) is None


async def test_a_source_that_came_back_is_recorded(desk: Desk) -> None:
    returned = SourceReturned(workflow_id="wf", context_id="ctx-a", power_state="on")
    await desk.aftermath.source_returned(returned)
    await desk.begin("wf", LIVE)

    with capture_logs() as logs:
        for _ in range(3):
            await desk.aftermath.source_returned(returned)

    (told,) = logs
    assert told == {
        "event": "source_returned",
        "log_level": "warning",
        "workflow_id": "wf",
        "context_id": "ctx-a",
        "power_state": "on",
    }
    found = await desk.runs.get("wf")
    assert found is not None
    assert found.source_power == "on"
    assert found.source_returned_at is not None


async def test_the_workflow_that_gives_a_drills_replica_back_is_named(desk: Desk) -> None:
    async def asked_for() -> str:
        found: DrillHolder = await desk.aftermath.describe_drill(DrillQuery(context_id="ctx-a"))
        return found.cleanup_workflow_id

    assert await asked_for() == ""
    await desk.begin("drill", TEST)
    assert await asked_for() == ""  # it runs on clones
    await desk.fences.fence_replication(asked("drill"))
    assert await asked_for() == "drill-cleanup"
    await desk.finish("drill", TEST, lease_to="another-cleanup")
    assert await asked_for() == "drill-cleanup"  # whoever holds the lease: the fence is this drill's
    await desk.fences.release_fence(asked("drill"))
    assert await asked_for() == ""


async def test_a_completed_run_that_is_reset_gets_no_further_than_the_fence(desk: Desk) -> None:
    await desk.begin("wf", LIVE)
    by_run = asked("wf").model_copy(update={"by_run": True})
    await desk.fences.fence_replication(by_run)
    await desk.fences.check_fence(by_run)
    await desk.finish("wf", LIVE, lease_to="wf-commit")

    for look in (desk.fences.check_fence, desk.fences.fence_replication):
        with pytest.raises(ApplicationError, match="completed") as refused:
            await look(by_run)
        assert refused.value.type == "FenceBroken"
    await desk.fences.check_fence(asked("wf"))  # the way back may look all the same


async def test_a_live_failovers_fence_is_no_drills(desk: Desk) -> None:
    await desk.begin("wf", LIVE)
    for fenced_by in ("wf", "nobody-knows"):
        await desk.fences.fence_replication(asked(fenced_by))

        found = await desk.aftermath.describe_drill(DrillQuery(context_id="ctx-a"))

        assert found == DrillHolder()
        await desk.fences.release_fence(asked(fenced_by))
