"""Where the source NICs come from: the VMA, and the database when the source side cannot be asked."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages.context import LoadedContext
    from activities.messages.networks import SourceRequest
    from rules.errors import FailoverErrorType
    from rules.nics import SourceVm
    from workflows import steps
    from workflows.failures import explain


async def find_source(loaded: LoadedContext) -> SourceVm:
    """Return the source VM; a source side that answers and says no is an error, not a disaster.

    Raises:
        ActivityError: SourceVmNotFound, SourceRefused, ConfigurationError; SourceNicsUnknown when nobody
            knows the NICs.
    """
    try:
        return await steps.discover_source(SourceRequest(context=loaded.context), loaded.policy)
    except ActivityError as error:
        error_type, reason = explain(error)
        if error_type is not FailoverErrorType.SOURCE_UNREACHABLE:
            raise
    return await steps.load_stored_source(SourceRequest(context=loaded.context, reason=reason))
