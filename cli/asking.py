"""``mappings list`` and ``explain``: questions that change nothing."""

from typing import Annotated

import typer

from cli.codes import ExitCode
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
