"""Which mapping rows a VM has."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.networks import MappingsRequest
    from rules.explanation import MappingList
    from workflows import steps
    from workflows.failures import explain
    from workflows.questions import validated


@workflow.defn(name="ListMappingsWorkflow")
class ListMappingsWorkflow:
    """Lists the mapping rows of a VM."""

    @workflow.run
    async def run(self, *inputs: Any) -> MappingList:  # noqa: ANN401 - raw JSON, checked here first
        """List.

        Args:
            inputs: One JSON object with ``context_id``.

        Raises:
            ApplicationError: InvalidRequest or UnknownContext.
        """
        request = validated(inputs)
        try:
            return await steps.list_mappings(MappingsRequest(context_id=request.context_id))
        except ActivityError as error:
            raise failure(*explain(error)) from error
