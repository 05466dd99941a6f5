"""How the rows of the fault table are played."""

import asyncio
from datetime import UTC, datetime

from temporalio.client import WorkflowUpdateFailedError

from database import Database, LeaseRepository, context_resource
from embedded.seed import PGTEST2_CONTEXT
from rules.temporal_names import CLEAN_UP_UPDATE, COMMIT_UPDATE, EXTEND_UPDATE, ROLL_BACK_UPDATE
from tests.support.activity_faults import Fault
from tests.support.whole import ROLL_BACK
from tests.whole.appliance import CONVERTS_A_CLEAN_ONE, machine_of
from tests.whole.fault_judge import Claim
from tests.whole.fault_stage import Stage
from tests.whole.fault_world import look

VCENTER = "vcenter.example.local"
_APPLIANCE = asyncio.Lock()
"""Every site's appliance has the same id, and so the same task queue: one at a time."""


async def run(stage: Stage) -> None:
    """The fault befalls the run."""
    async with stage.working(stage.strike, *stage.also):
        claim = await _run(stage)
        await _leave(stage, claim)


async def _run(stage: Stage) -> Claim:
    handle = await stage.start()
    claim, _ = await asyncio.gather(stage.end_of(handle), stage.suffer(handle))
    return claim


async def _leave(stage: Stage, claim: Claim) -> None:
    """What goes on after the run would look for a source for ever."""
    if claim.result is not None:
        follower = stage.whole.client.get_workflow_handle(claim.result.continues_as)
        await follower.terminate("the row is over")


async def run_without_revert(stage: Stage) -> None:
    """The storage reverts nothing."""
    stage.whole.site.cloud.world.can_revert = False
    await run(stage)


async def run_without_source(stage: Stage) -> None:
    """The vCenter is gone."""
    stage.whole.site.vma.set_vcenter_down(VCENTER)
    await run(stage)


async def run_with_converter(stage: Stage) -> None:
    """The fault befalls the conversion worker on the appliance, which is a worker of its own."""
    _, settings = machine_of(stage.whole, stage.folder / "appliance", CONVERTS_A_CLEAN_ONE)
    async with _APPLIANCE, stage.converting(settings, stage.strike), stage.working(*stage.also):
        claim = await _run(stage)
        await _leave(stage, claim)


async def after_a_closed_run(stage: Stage) -> None:
    """A run that Temporal does not know any more holds the lease."""
    context_id = stage.whole.replicas.context_id
    database = await Database.open(stage.whole.site.url, pool_size=1)
    try:
        await LeaseRepository(database).acquire(
            resource=context_resource(context_id, "live"),
            owner="nobody-knows-this-run",
            context_id=context_id,
            failover_type="live",
            now=datetime.now(UTC),
        )
    finally:
        await database.close()
    await run(stage)


async def on_a_network_of_a_vm_that_is_gone(stage: Stage) -> None:
    """Another VM was failed over live to the network that the drill takes; CloudStack has it no more."""
    site = stage.whole.site
    async with stage.working():
        await site.run({"context_id": PGTEST2_CONTEXT, "failover_type": "live", "disks": "none"})
    (vm,) = (one for one in site.vms() if one.name == "pgtest2")
    site.cloud.world.expunge(vm)
    stage.before = look(stage.whole)
    await run(stage)


async def commit(stage: Stage) -> None:
    """The fault befalls the commit."""
    await _afterwards(stage, "commit", COMMIT_UPDATE, {})


async def roll_back(stage: Stage) -> None:
    """The fault befalls the rollback that an operator ordered."""
    await _afterwards(stage, "commit", ROLL_BACK_UPDATE, ROLL_BACK)


async def clean_up(stage: Stage) -> None:
    """The fault befalls the end of a drill."""
    await _afterwards(stage, "cleanup", CLEAN_UP_UPDATE, {})


async def _afterwards(stage: Stage, follower: str, update: str, order: dict[str, object]) -> None:
    async with stage.working(*stage.also):
        claim = await stage.end_of(await stage.start())
    stage.let_the_vm_write()
    handle = stage.follower(claim, follower)
    async with stage.working(stage.strike):
        await asyncio.gather(stage.order(handle, update, order), stage.suffer(handle))
        await stage.end_of_its_time(handle, claim, update, order)


async def extend(stage: Stage) -> None:
    """The fault befalls an extension of a drill whose VM has an instance lease."""
    stage.whole.site.cloud.world.settings["instance.lease.enabled"] = "true"
    async with stage.working(*stage.also):
        claim = await stage.end_of(await stage.start())
    handle = stage.follower(claim, "cleanup")
    async with stage.working(stage.strike):
        asked = asyncio.create_task(handle.execute_update(EXTEND_UPDATE, {"test_duration": "30h"}))
        await stage.suffer(handle)
        # An extension that is refused says so; a cancel is an order to clean up.
        said = (await asyncio.gather(asked, return_exceptions=True))[0]
        if stage.strike.fault is Fault.FINAL:
            assert isinstance(said, WorkflowUpdateFailedError), said
        else:
            assert not isinstance(said, BaseException), said
        if not stage.strike.fault.holds:
            await stage.order(handle, CLEAN_UP_UPDATE, {})
        await stage.end_of_its_time(handle, claim, CLEAN_UP_UPDATE, {})


async def watch_for_the_source(stage: Stage) -> None:
    """The fault befalls the look for a lost source; an operator commits later."""
    stage.whole.site.vma.set_vcenter_down(VCENTER)
    async with stage.working(*stage.also):
        claim = await stage.end_of(await stage.start())
        handle = stage.follower(claim, "commit")
    stage.whole.site.vma.set_vcenter_down(VCENTER, down=False)
    async with stage.working(stage.strike):
        await stage.suffer(handle)
        await stage.source_returned(claim)
        await stage.order(handle, COMMIT_UPDATE, {})
        await stage.end_of_its_time(handle, claim, COMMIT_UPDATE, {})
