"""What a failover would decide, for live and for test, without doing any of it."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.context import LoadContextRequest, LoadedContext
    from activities.messages.networks import ResolveNetworkRequest
    from rules.explanation import (
        ContextRequest,
        Explanation,
        Verdict,
    )
    from rules.nics import SourceVm
    from rules.request import FailoverType, UnifiedFailoverConfig
    from workflows import steps
    from workflows.failures import explain
    from workflows.networks import resolve
    from workflows.questions import validated
    from workflows.source import find_source


@workflow.defn(name="ExplainWorkflow")
class ExplainWorkflow:
    """Resolves a VM's networks for live and for test, and says what each would decide."""

    @workflow.run
    async def run(self, *inputs: Any) -> Explanation:  # noqa: ANN401 - raw JSON, checked here first
        """Explain.

        Args:
            inputs: One JSON object with ``context_id``.

        Raises:
            ApplicationError: One of FailoverErrorType, when the VM itself or its NICs cannot be known.
        """
        try:
            return await self._explain(validated(inputs))
        except ActivityError as error:
            raise failure(*explain(error)) from error

    async def _explain(self, request: ContextRequest) -> Explanation:
        live = _config(request, FailoverType.LIVE)
        loaded = await steps.load_context(LoadContextRequest(config=live))
        source = await find_source(loaded)
        return Explanation(
            context_id=request.context_id,
            vm_name=loaded.context.vm_name,
            nic_source=source.source,
            nic_source_observed_at=source.observed_at,
            nic_source_reason=source.reason,
            nics_inferred=source.inferred,
            live=await _verdict(live, loaded, source),
            test=await _verdict(_config(request, FailoverType.TEST), loaded, source),
        )


async def _verdict(config: UnifiedFailoverConfig, loaded: LoadedContext, source: SourceVm) -> Verdict:
    try:
        decisions, _ = await resolve(
            ResolveNetworkRequest(
                workflow_id=workflow.info().workflow_id,
                config=config,
                context=loaded.context,
                destination=loaded.destination,
                source=source,
                policy=loaded.policy,
            )
        )
    except ActivityError as error:
        error_type, message = explain(error)
        return Verdict(error_type=error_type.value, message=message)
    return Verdict(decisions=decisions)


def _config(request: ContextRequest, failover_type: FailoverType) -> UnifiedFailoverConfig:
    return UnifiedFailoverConfig.model_validate(
        {"context_id": request.context_id, "failover_type": failover_type.value}
    )
