"""``mappings list``, ``explain`` and ``preflight``: questions that change nothing."""

from typing import Annotated, Any

import typer

from cli.codes import ExitCode, code_of_refusal
from cli.facts import show_preflight
from cli.request_options import one_request, takes_request
from cli.session import Session, command
from cli.views import show_explanation, show_mappings

ContextId = Annotated[str, typer.Argument(help="The VM's context id.")]


@command
async def list_mappings(
    session: Session,
    context_id: ContextId,
    *,
    answer_timeout: Annotated[float, typer.Option(min=1, help="Seconds until the answer is given up.")] = 60,
) -> ExitCode:
    """List a VM's network mappings, for live and for test."""
    with session.output.under_way("reading the mappings"):
        found = await session.client.mappings(context_id, timeout_seconds=answer_timeout)
    if session.output.as_json:
        session.output.answer(found)
    else:
        show_mappings(session.output, found)
    return ExitCode.DONE


@command
async def explain(
    session: Session,
    context_id: ContextId,
    *,
    answer_timeout: Annotated[
        float,
        typer.Option(min=1, help="Seconds until the answer is given up; a vCenter that hangs takes long."),
    ] = 360,
) -> ExitCode:
    """Show what a live and a test failover of a VM would decide, side by side. Nothing is changed.

    The exit code is 0 whenever there is an answer, also when one of the two would be refused.
    """
    with session.output.under_way("asking for the source NICs and resolving their networks"):
        found = await session.client.explain(context_id, timeout_seconds=answer_timeout)
    if session.output.as_json:
        session.output.answer(found)
    else:
        show_explanation(session.output, found)
    return ExitCode.DONE


@command
@takes_request
async def preflight(
    session: Session,
    context_id: ContextId,
    *,
    asked: dict[str, Any],
    user_id: str,
    answer_timeout: Annotated[
        float,
        typer.Option(min=1, help="Seconds until the answer is given up; a vCenter that hangs takes long."),
    ] = 360,
) -> ExitCode:
    """Check everything that a failover with these options would check. Nothing is changed.

    Each check passes, warns or fails, with the way to fix it. The exit code is 0 when the failover would be
    accepted now, else 3.
    """
    request = one_request(context_id, asked, user_id)
    with session.output.under_way("asking database, VMA, CloudStack and replication"):
        found = await session.client.preflight(request, timeout_seconds=answer_timeout)
    if session.output.as_json:
        session.output.answer(found)
    else:
        show_preflight(session.output, found)
    return ExitCode.DONE if found.ready else code_of_refusal(found.error_type)
