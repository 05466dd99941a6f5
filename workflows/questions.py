"""What every run begins with: raw JSON, checked."""

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from rules.errors import FailoverRefused
    from rules.explanation import ContextRequest, parse_context_request
    from rules.request import UnifiedFailoverConfig, parse_request


def validated(inputs: tuple[Any, ...]) -> ContextRequest:
    """Return the question, or end the run with what is wrong with it.

    Raises:
        ApplicationError: InvalidRequest.
    """
    try:
        return parse_context_request(inputs[0] if len(inputs) == 1 else None)
    except FailoverRefused as refusal:
        raise failure(refusal.error_type, str(refusal)) from None


def validated_request(inputs: tuple[Any, ...]) -> UnifiedFailoverConfig:
    """Return the request of a failover, or end the run with what is wrong with it.

    Raises:
        ApplicationError: InvalidRequest.
    """
    try:
        return parse_request(inputs[0] if len(inputs) == 1 else None)
    except FailoverRefused as refusal:
        raise failure(refusal.error_type, str(refusal)) from None
