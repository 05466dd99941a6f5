"""The preflight alone: what a failover would find now, with nothing changed and no lease taken."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.context import HolderQuery, LoadContextRequest, OwnerQuery
    from rules.errors import FailoverErrorType
    from rules.judge_machine import held
    from rules.outcomes import PreflightReport
    from rules.preflight import Preflight
    from rules.temporal_names import PREFLIGHT_WORKFLOW
    from workflows import preflight, steps
    from workflows.failures import explain
    from workflows.networks import decide, unmapped_by
    from workflows.questions import validated_request
    from workflows.run_state import FailoverRun
    from workflows.source import find_source


@workflow.defn(name=PREFLIGHT_WORKFLOW)
class PreflightWorkflow:
    """Asks everything that a failover asks before its first effect."""

    @workflow.run
    async def run(self, *inputs: Any) -> PreflightReport:  # noqa: ANN401 - raw JSON, checked here first
        """Check.

        Args:
            inputs: One JSON object, the same that a failover takes.

        Raises:
            ApplicationError: InvalidRequest. Everything else that is wrong stands in the report.
        """
        run = FailoverRun(validated_request(inputs))
        error_type = message = ""
        try:
            await self._check(run)
        except (ActivityError, ApplicationError) as error:
            found, message = explain(error)
            error_type = found.value
        loaded = getattr(run, "loaded", None)
        return PreflightReport(
            context_id=run.config.context_id,
            vm_name=loaded.context.vm_name if loaded else "",
            failover_type=run.config.failover_type.value,
            ready=not error_type,
            checks=run.preflight.checks,
            decisions=run.decisions,
            disks=run.preflight.disks,
            recovery_point=run.recovery_point,
            warnings=run.warnings,
            error_type=error_type,
            message=message,
        )

    async def _check(self, run: FailoverRun) -> None:
        run.loaded = await steps.load_context(LoadContextRequest(config=run.config))
        held_by = await _open_holder(run)
        other = ""
        try:
            await self._look(run, held_by)
        except (ActivityError, ApplicationError) as error:
            if not held_by or any(check.name == "open_run" for check in run.preflight.checks):
                raise
            other = f"; and: {explain(error)[1]}"
        if held_by:
            # Nothing was judged: a rehearsal has no checks, and those of a whole run could not be made.
            run.preflight = Preflight(checks=(held(held_by), *run.preflight.checks))
            raise failure(
                FailoverErrorType.FAILOVER_IN_PROGRESS,
                f"Another failover of this VM is running: workflow {held_by}{other}",
            )

    async def _look(self, run: FailoverRun, held_by: str) -> None:
        run.learn_source(await find_source(run.loaded))
        unmapped = None
        try:
            await decide(run)
        except ActivityError as error:
            unmapped = unmapped_by(error)
            if unmapped is None or not run.whole:
                raise
        if run.whole:
            await preflight.check_everything(run, record=False, held_by=held_by, unmapped=unmapped)
        else:
            await preflight.check_destination_only(run, record=False)


async def _open_holder(run: FailoverRun) -> str:
    """Name the workflow that keeps such a run out; the lease of a closed one would be taken over."""
    query = HolderQuery(context_id=run.loaded.context.context_id, failover_type=run.config.failover_type)
    for workflow_id in (await steps.find_holder(query)).workflow_ids:
        if (await steps.describe_owner(OwnerQuery(workflow_id=workflow_id))).open:
            return workflow_id
    return ""
