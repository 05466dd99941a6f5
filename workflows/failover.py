"""The failover of one VM, live or test. Read ``_live`` or ``_test``: that is the runbook."""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.context import LoadContextRequest
    from activities.messages.networks import (
        CheckRequest,
        GuardRequest,
        ResolveNetworkRequest,
    )
    from activities.messages.record import BeginRunRequest, RecordPlanRequest, RecordVMRequest
    from activities.messages.vm import VerifyRequest
    from rules.errors import FailoverErrorType, FailoverRefused
    from rules.outcomes import Acceptance, FailoverOutcome, FailoverResult
    from rules.request import FailoverType, UnifiedFailoverConfig, parse_request
    from workflows import acceptance, ending, machine, steps, surface
    from workflows.lease import take_lease
    from workflows.networks import resolve
    from workflows.run_state import FailoverRun
    from workflows.source import find_source


@workflow.defn(name="FailoverWorkflow")
class FailoverWorkflow:
    """One failover. It closes when the VM is verified, or when what it made is removed again."""

    def __init__(self) -> None:
        self._acceptance: Acceptance | None = None

    @workflow.update(name="accepted")
    async def accepted(self) -> Acceptance:
        """Wait until the run passed every check that comes before its first effect, or was refused.

        Meant for update-with-start: whoever starts a failover learns of a refusal at once.
        """
        await workflow.wait_condition(lambda: self._acceptance is not None)
        if self._acceptance is None:
            raise RuntimeError("the condition says otherwise")
        return self._acceptance

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
            self._run = FailoverRun(_validated(inputs))
        except ApplicationError as refusal:
            surface.show_outcome(FailoverOutcome.REFUSED)
            await self._answer(acceptance.refused(refusal))
            raise
        surface.show_asked(self._run.config.context_id, self._run.config.failover_type)
        try:
            if self._run.config.failover_type is FailoverType.LIVE:
                result = await self._live()
            else:
                result = await self._test()
        except (FailureError, asyncio.CancelledError) as error:
            # Nothing else is caught: an error in our own code or a result that does not decode leaves the run
            # open until a fixed worker is there.
            end = await ending.roll_back(self._run, error)
            await self._answer(acceptance.refused(error, self._run))
            raise end from error
        await self._answer(acceptance.accepted(self._run))
        return result

    async def _live(self) -> FailoverResult:
        await self._load_context()
        await self._lease_context()
        await self._discover_source()
        await self._resolve_networks()
        await self._check_destination()
        await self._create_vm()
        await self._start_vm()
        await self._verify_vm()
        return await self._record_completion()

    async def _test(self) -> FailoverResult:
        await self._load_context()
        await self._lease_context()
        await self._discover_source()
        await self._resolve_networks()
        await self._check_destination()
        await self._guard_networks("create")
        await self._create_vm()
        await self._guard_networks("start")
        await self._start_vm()
        await self._verify_vm()
        return await self._record_completion()

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
            run.undo.append(lambda: machine.remove(run))

    async def _discover_source(self) -> None:
        self._run.enter("discover the source NICs")
        self._run.learn_source(await find_source(self._run.loaded))

    async def _resolve_networks(self) -> None:
        self._run.enter("resolve the networks")
        run = self._run
        run.decisions, run.gone_vm_ids = await resolve(
            ResolveNetworkRequest(
                workflow_id=run.workflow_id,
                config=run.config,
                context=run.loaded.context,
                destination=run.loaded.destination,
                source=run.source,
                policy=run.loaded.policy,
            )
        )

    async def _check_destination(self) -> None:
        self._run.enter("check the plan in CloudStack")
        run = self._run
        check = await steps.check_destination(
            CheckRequest(
                workflow_id=run.workflow_id,
                config=run.config,
                context=run.loaded.context,
                destination=run.loaded.destination,
                source=run.source,
                decisions=run.decisions,
                policy=run.loaded.policy,
            )
        )
        run.decisions = check.decisions
        run.notes.extend(check.warnings)
        await steps.record_plan(
            RecordPlanRequest(
                workflow_id=run.workflow_id, decisions=run.decisions, source=run.source, check=check
            )
        )
        if check.problems or check.compute is None:
            text = "; ".join(problem.message for problem in check.problems)
            raise failure(FailoverErrorType(check.problems[0].type), text)
        run.compute = check.compute
        self._acceptance = acceptance.accepted(run)

    async def _guard_networks(self, before: str) -> None:
        self._run.enter(f"production guard before {before}")
        run = self._run
        guarded = await steps.guard_networks(
            GuardRequest(config=run.config, decisions=run.decisions, gone_vm_ids=run.gone_vm_ids), before
        )
        run.decisions = guarded.decisions

    async def _create_vm(self) -> None:
        self._run.enter("create the VM, stopped")
        run = self._run
        if not run.undo:
            run.undo.append(lambda: machine.remove(run))
        await machine.create_stopped(run)
        await steps.record_vm(RecordVMRequest(workflow_id=run.workflow_id, vm=run.vm))

    async def _start_vm(self) -> None:
        self._run.enter("start the VM")
        await machine.start_until_running(self._run)

    async def _verify_vm(self) -> None:
        self._run.enter("verify the VM")
        run = self._run
        run.vm = await steps.verify_vm(
            VerifyRequest(owner=run.owner, vm=run.vm, decisions=run.decisions), run.loaded.policy
        )

    async def _record_completion(self) -> FailoverResult:
        self._run.enter("record the completion")
        return await ending.complete(self._run)


def _validated(inputs: tuple[Any, ...]) -> UnifiedFailoverConfig:
    try:
        return parse_request(inputs[0] if len(inputs) == 1 else None)
    except FailoverRefused as refusal:
        raise failure(refusal.error_type, str(refusal)) from None
