"""``watch``, ``status``, ``list`` and ``cancel``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Final

import typer

from cli.codes import ExitCode, code_of_end
from cli.output import Output
from cli.session import Session, command
from cli.views import StepLines, show_list, show_status
from client import FailoverClientError, FailoverStatus, FailoverType, RunOutcome, Step

_QUIET_SECONDS: Final = 10

WorkflowId = Annotated[str, typer.Argument(help="The failover's workflow id, as start printed it.")]
RunId = Annotated[
    str | None, typer.Option(help="An earlier run of that id, for instance from before a reset.")
]


@command
async def watch(session: Session, workflow_id: WorkflowId, *, run_id: RunId = None) -> ExitCode:
    """Follow a failover live until its end, or until it holds: each step as it ends, then the result.

    The exit code says how the failover ended. Ctrl-C leaves it alone. With --json one object for each line:
    first the steps, last the whole run.
    """
    return await follow(session, workflow_id, run_id=run_id)


async def follow(session: Session, workflow_id: str, *, run_id: str | None = None) -> ExitCode:
    """Show a run's steps until it is over, then how it ended."""
    session.going_on = workflow_id
    output = session.output
    lines = StepLines(output)
    with output.under_way(f"waiting for {workflow_id}") as under_way:
        async for step in _noticed(session, workflow_id, run_id):
            under_way.show(step.summary)
            if output.as_json:
                output.answer({"event": "step", "step": step}, lines=True)
            else:
                lines.show(step)
        end = await session.client.wait(workflow_id, run_id=run_id, until_held=True)
    if output.as_json:
        output.answer({"event": "end", "run": end}, lines=True)
    else:
        show_status(output, end)
    return code_of_end(end)


@command
async def status(session: Session, workflow_id: WorkflowId, *, run_id: RunId = None) -> ExitCode:
    """Show how a failover stands: open or over, the step, the decisions, what it made.

    Needs no worker: what is known stands in Temporal. The exit code is 0 whenever there is an answer.
    """
    show_run(session.output, await session.client.status(workflow_id, run_id=run_id))
    return ExitCode.DONE


@command
async def list_runs(  # noqa: PLR0913 - one for each filter
    session: Session,
    *,
    outcome: Annotated[RunOutcome | None, typer.Option(help="Only those that ended so, or run.")] = None,
    failover_type: Annotated[
        FailoverType | None, typer.Option("--type", "-t", help="Only live or only test ones.")
    ] = None,
    vm_name: Annotated[str, typer.Option("--vm", help="Only those of the VM with this name.")] = "",
    context_id: Annotated[str, typer.Option("--context", help="Only those of this VM context.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> ExitCode:
    """List failovers: first those that run, then those that ended, the latest first.

    Temporal's lists lag by a moment, and forget closed runs after the namespace's retention.
    """
    runs = await session.client.list(
        outcome=outcome, failover_type=failover_type, vm_name=vm_name, context_id=context_id, limit=limit
    )
    if session.output.as_json:
        session.output.answer(runs)
    else:
        show_list(session.output, runs)
    return ExitCode.DONE


@command
async def cancel(
    session: Session,
    workflow_id: WorkflowId,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has undone what it did.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> ExitCode:
    """Cancel a failover: it undoes what it did, then it ends.

    A live one whose new VM has started holds instead: order rollback or resume. With --wait the exit code is
    0 when it ended as cancelled with nothing left behind, and 7 when it holds. One that is over already is
    refused with exit code 3.
    """
    asked = await session.client.cancel(workflow_id, reason=reason)
    run = await session.client.status(workflow_id)
    session.going_on = workflow_id
    if asked and wait:
        with session.output.under_way("waiting until it has undone what it did"):
            run = await session.client.wait(workflow_id, until_held=True)
    if not asked:
        session.output.problem(f"{workflow_id} is over already: {run.outcome.value}")
    elif not wait and not session.output.as_json:
        session.output.line(f"cancel requested: {workflow_id}")
        session.output.hint(f"see how it ends with: failover watch {workflow_id}")
        return ExitCode.DONE
    show_run(session.output, run)
    if not asked:
        return ExitCode.REFUSED
    if wait and run.outcome is RunOutcome.HELD:
        return ExitCode.HELD
    clean = run.outcome is RunOutcome.CANCELLED and not run.left_behind
    return ExitCode.DONE if clean or not wait else ExitCode.NOT_COMPLETED


def show_run(output: Output, run: FailoverStatus) -> None:
    """Print a run, as JSON or for people."""
    if output.as_json:
        output.answer(run)
    else:
        show_status(output, run)


async def _noticed(session: Session, workflow_id: str, run_id: str | None) -> AsyncIterator[Step]:
    """Yield the steps, and say so when there is none for a while because no worker is there."""
    teller = asyncio.ensure_future(_tell_when_idle(session, workflow_id, run_id))
    try:
        async for step in session.client.steps(workflow_id, run_id=run_id, until_held=True):
            teller.cancel()
            yield step
    finally:
        teller.cancel()
        # What it could not find out is no news either.
        with suppress(asyncio.CancelledError, FailoverClientError):
            await teller


async def _tell_when_idle(session: Session, workflow_id: str, run_id: str | None) -> None:
    await asyncio.sleep(_QUIET_SECONDS)
    run = await session.client.status(workflow_id, run_id=run_id)
    if run.open and not run.picked_up:
        session.output.problem("no worker has picked it up yet: is one running on this task queue?")
