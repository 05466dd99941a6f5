"""The failover of one VM, live or test. Read ``_live`` or ``_test``: that is the runbook.

``_rehearse_networks`` is the same without disks. A request asks for it by ``disks: none``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.messages.context import LoadContextRequest
    from activities.messages.networks import GuardRequest
    from activities.messages.record import BeginRunRequest, RecordVMRequest
    from rules.operator import RollBackOrder
    from rules.outcomes import Acceptance, FailoverOutcome, FailoverResult
    from rules.request import FailoverType
    from rules.temporal_names import RESUME_UPDATE, ROLL_BACK_UPDATE
    from workflows import (
        acceptance,
        clones,
        drill,
        ending,
        machine,
        preflight,
        proof,
        steps,
        successor,
        surface,
        takeover,
    )
    from workflows.hold import Hold, must_hold
    from workflows.lease import take_lease
    from workflows.networks import decide
    from workflows.questions import validated_request
    from workflows.run_state import FailoverRun
    from workflows.source import find_source
    from workflows.together import together
    from workflows.undisturbed import undisturbed


@workflow.defn(name="FailoverWorkflow")
class FailoverWorkflow:
    """One failover. It closes when the VM is verified, or when what it made is removed again."""

    def __init__(self) -> None:
        self._acceptance: Acceptance | None = None
        self._hold = Hold()

    @workflow.update(name="accepted")
    async def accepted(self) -> Acceptance:
        """Wait until the run passed every check that comes before its first effect, or was refused.

        Meant for update-with-start: whoever starts a failover learns of a refusal at once.
        """
        await workflow.wait_condition(lambda: self._acceptance is not None)
        if self._acceptance is None:
            raise RuntimeError("the condition says otherwise")
        return self._acceptance

    @workflow.update(name=ROLL_BACK_UPDATE)
    async def roll_back(self, order: Any) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Order a run that holds to give the machine back; what the new VM wrote is lost."""
        self._hold.roll_back(order)

    @roll_back.validator
    def _check_roll_back(self, order: Any) -> None:  # noqa: ANN401
        self._hold.check_roll_back(order)

    @workflow.update(name=RESUME_UPDATE)
    async def resume(self, order: Any = None) -> None:  # noqa: ANN401 - raw JSON, checked by the validator
        """Order a run that holds to go on from the start of the VM."""
        self._hold.resume(order)

    @resume.validator
    def _check_resume(self, order: Any = None) -> None:  # noqa: ANN401
        self._hold.check_resume(order)

    @workflow.run
    async def run(self, *inputs: Any) -> FailoverResult:  # noqa: ANN401 - raw JSON, checked here first
        """Validate, fail over, record; on any failure or cancel, undo first.

        Args:
            inputs: One JSON object, the job sheet's. Anything else is refused with a typed error, whatever
                the command line or the Web UI sent.

        Raises:
            ApplicationError: One of FailoverErrorType, with a FailureReport.
        """
        try:
            self._run = FailoverRun(validated_request(inputs))
        except ApplicationError as refusal:
            surface.show_outcome(FailoverOutcome.REFUSED)
            await self._answer(acceptance.refused(refusal))
            raise
        surface.show_asked(self._run.config.context_id, self._run.config.failover_type)
        try:
            result = await self._fail_over()
        except (FailureError, asyncio.CancelledError) as error:
            # Nothing else is caught: an error in our own code or a result that does not decode leaves the run
            # open until a fixed worker is there.
            ended = await undisturbed(self._end_badly(error))
            if isinstance(ended, BaseException):
                await self._answer(acceptance.refused(error, self._run))
                raise ended from error
            result = ended
        await self._answer(acceptance.accepted(self._run))
        return result

    async def _fail_over(self) -> FailoverResult:
        await self._load_context()
        await self._lease_context()
        await self._discover_source()
        await self._resolve_networks()
        if not self._run.whole:
            return await self._rehearse_networks()
        if self._run.config.failover_type is FailoverType.LIVE:
            return await self._live()
        return await self._test()

    async def _live(self) -> FailoverResult:
        await self._take_replica_back()
        await self._preflight()
        await self._begin_successor()
        await self._create_vm()
        await self._together(self._empty_the_vm(), self._quiesce_the_source())
        await self._convert_guest()
        await self._move_disks()
        await self._start_live_vm()
        await self._verify()
        return await self._record_completion()

    async def _quiesce_the_source(self) -> None:
        await self._step("fence replication", takeover.fence)
        await self._step("stop the source", takeover.stop_the_source)
        await self._step("final sync", takeover.final_sync)
        await self._step("rollback snapshots", takeover.take_rollback_snapshots)
        await successor.tell(self._run)
        await self._step("use the last good snapshots", takeover.use_last_good_snapshots)

    async def _test(self) -> FailoverResult:
        await self._preflight()
        await self._begin_successor()
        await self._guard_networks("create")
        if self._run.on_clones:
            await self._together(self._create_empty_vm(), self._make_clones())
            await self._step("convert the guest", clones.convert_clones)
            await self._step("attach the clones", clones.attach_clones)
        else:
            await self._together(self._create_empty_vm(), self._borrow_the_replica())
            await successor.tell(self._run)
            await self._convert_guest()
            await self._move_disks()
        await self._guard_networks("start")
        await self._start_vm()
        await self._verify()
        return await self._record_completion()

    async def _create_empty_vm(self) -> None:
        await self._create_vm()
        await self._empty_the_vm()

    async def _make_clones(self) -> None:
        await self._step("snapshots between two syncs", clones.snapshot_between_syncs)
        await self._step("clone the disks", clones.clone_disks)

    async def _borrow_the_replica(self) -> None:
        await self._step("fence replication", takeover.fence)
        await self._step("which point do the disks hold?", takeover.require_one_point)
        await self._step("rollback snapshots", takeover.take_rollback_snapshots)

    async def _rehearse_networks(self) -> FailoverResult:
        """The runbook without disks: all that a run did before version 2, command by command."""
        is_test = self._run.config.failover_type is FailoverType.TEST
        await self._check_destination()
        if is_test:
            await self._guard_networks("create")
        await self._create_vm()
        if is_test:
            await self._guard_networks("start")
        await self._start_vm()
        await self._verify_vm()
        return await self._record_completion()

    async def _step(self, name: str, step: Callable[[FailoverRun], Awaitable[None]]) -> None:
        """Do one step of the runbook; the first that fails is the one that the report names."""
        self._run.enter(name)
        try:
            await step(self._run)
        except FailureError:
            self._run.failed_step = self._run.failed_step or name
            raise

    async def _together(self, *work: Coroutine[Any, Any, None]) -> None:
        await together(*work, abandon=self._run.abandon)

    async def _end_badly(self, error: BaseException) -> FailoverResult | BaseException:
        """Undo; or hold first, where an undo would lose what the new VM wrote."""
        run = self._run
        while must_hold(run):
            order = await self._hold.wait(run, error)
            if isinstance(order, RollBackOrder):
                run.rolled_back_by = f"{order.user_id or 'an operator'}: {order.reason}"
                run.force_stop = order.force_stop
                break
            # A cancel that comes after this order holds again.
            run.cancel_seen, run.failed_step = workflow.cancellation_reason() is not None, ""
            who, why = order.user_id or "an operator", order.reason or "no reason given"
            run.notes.append(f"the run held and was resumed by {who}: {why}")
            try:
                await self._start_live_vm()
                await self._verify()
                return await self._record_completion()
            except (FailureError, asyncio.CancelledError) as again:
                error = again
        return await ending.roll_back(run, error)

    async def _answer(self, answer: Acceptance) -> None:
        """Let everybody who still waits have an answer before the run closes."""
        self._acceptance = self._acceptance or answer
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _load_context(self) -> None:
        self._run.enter("load the VM's context")
        self._run.loaded = await steps.load_context(LoadContextRequest(config=self._run.config))
        surface.show_vm_name(self._run.loaded.context.vm_name)

    async def _lease_context(self) -> None:
        self._run.enter("lease the VM's context")
        run = self._run
        run.lease_fresh = await take_lease(run.config, run.loaded)
        run.begun = True
        run.previous = await steps.begin_run(
            BeginRunRequest(
                workflow_id=run.workflow_id,
                run_id=workflow.info().run_id,
                config=run.config,
                context=run.loaded.context,
            )
        )
        if run.previous.vm_may_exist:
            # An earlier run of this workflow id ended without an undo, by a terminate say.
            run.create_unanswered = True
            run.will(vm=True)
            run.undo.append(lambda: machine.remove(run))

    async def _discover_source(self) -> None:
        self._run.enter("discover the source NICs")
        self._run.learn_source(await find_source(self._run.loaded))

    async def _resolve_networks(self) -> None:
        self._run.enter("resolve the networks")
        await decide(self._run)

    async def _take_replica_back(self) -> None:
        await self._step("take the replica back from a drill", drill.take_replica_back)

    async def _preflight(self) -> None:
        await self._step("preflight", preflight.check_everything)
        self._acceptance = acceptance.accepted(self._run)

    async def _check_destination(self) -> None:
        await self._step("check the plan in CloudStack", preflight.check_destination_only)
        self._acceptance = acceptance.accepted(self._run)

    async def _begin_successor(self) -> None:
        await self._step("begin what goes on after this run", successor.begin)

    async def _empty_the_vm(self) -> None:
        await self._step("take the template's disk out", takeover.empty_the_vm)

    async def _convert_guest(self) -> None:
        await self._step("convert the guest", takeover.convert_guest)

    async def _move_disks(self) -> None:
        await self._step("move the disks", takeover.move_disks)
        await self._step("record that the VM will write", takeover.before_the_start)

    async def _guard_networks(self, before: str) -> None:
        self._run.enter(f"production guard before {before}")
        run = self._run
        guarded = await steps.guard_networks(
            GuardRequest(config=run.config, decisions=run.decisions, gone_vm_ids=run.gone_vm_ids), before
        )
        run.decisions = guarded.decisions

    async def _create_vm(self) -> None:
        await self._step("create the VM, stopped", _create)

    async def _start_vm(self) -> None:
        await self._step("start the VM", machine.start_until_running)

    async def _start_live_vm(self) -> None:
        await self._step("is the source still off?", takeover.require_source_off)
        await self._start_vm()

    async def _verify_vm(self) -> None:
        await self._step("verify the VM", proof.verify_vm)

    async def _verify(self) -> None:
        await self._verify_vm()
        await self._step("verify the disks", proof.verify_disks)
        await self._step("ask whether the guest responds", proof.check_guest)

    async def _record_completion(self) -> FailoverResult:
        self._run.enter("record the completion")
        return await ending.complete(self._run)


async def _create(run: FailoverRun) -> None:
    if not run.undo:
        run.undo.append(lambda: machine.remove(run))
    run.will(vm=True)
    await machine.create_stopped(run)
    await steps.record_vm(RecordVMRequest(workflow_id=run.workflow_id, vm=run.vm))
