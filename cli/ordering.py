"""``commit``, ``rollback``, ``resume``, ``cleanup`` and ``extend``: what an operator orders."""

from typing import Annotated, Final

import typer

from cli.codes import ExitCode, code_of_end
from cli.facts import show_end
from cli.following import show_run
from cli.request_options import login_name
from cli.session import Session, WrongUse, command
from client import EndReport, OrderTaken, RunOutcome

_LEFT: Final = "cleanup_required"

WorkflowId = Annotated[str, typer.Argument(help="The failover's workflow id, as start printed it.")]
Reason = Annotated[str | None, typer.Option(help="Why, for the record.")]
UserId = Annotated[
    str | None, typer.Option(help="Who orders it, for the record; your login name if left out.")
]
Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Wait until it is carried out; the exit code says how.")
]
AnswerTimeout = Annotated[
    float, typer.Option(min=1, help="Seconds to wait until a worker takes or refuses the order.")
]


@command
async def commit(  # noqa: PLR0913 - one for each option
    session: Session,
    workflow_id: WorkflowId,
    *,
    wait: Wait = False,
    reason: Reason = None,
    user_id: UserId = None,
    answer_timeout: AnswerTimeout = 60,
) -> ExitCode:
    """Keep the new VM of a live failover for good.

    Its rollback snapshots are removed: there is no way back after that. The VM's context is free again.
    """
    order = await session.client.commit(
        workflow_id, reason=reason, user_id=user_id or login_name(), seconds=answer_timeout
    )
    return await _tell(session, workflow_id, order, wait=wait)


@command
async def rollback(  # noqa: PLR0913 - one for each option
    session: Session,
    workflow_id: WorkflowId,
    *,
    acknowledge_data_loss: Annotated[
        bool,
        typer.Option(
            "--acknowledge-data-loss",
            help="What the new VM wrote since it started is lost: say that you know.",
        ),
    ] = False,
    force_stop: Annotated[
        bool,
        typer.Option(
            "--force-stop",
            help="You saw that the new VM does not run: CloudStack may mark it as stopped unasked.",
        ),
    ] = False,
    wait: Wait = False,
    reason: Reason = None,
    user_id: UserId = None,
    answer_timeout: AnswerTimeout = 60,
) -> ExitCode:
    """Give the machine back to its source: before the commit, or from a live failover that holds.

    The new VM is stopped, its disks go back to replication as they were, the source is powered on if this
    failover powered it off. What the new VM wrote is lost.
    """
    if not acknowledge_data_loss or not (reason or "").strip():
        raise WrongUse(
            "a rollback loses what the new VM wrote since it started:"
            " say --acknowledge-data-loss, and why with --reason"
        )
    order = await session.client.roll_back(
        workflow_id,
        acknowledge_data_loss=True,
        reason=reason or "",
        force_stop=force_stop,
        user_id=user_id or login_name(),
        seconds=answer_timeout,
    )
    return await _tell(session, workflow_id, order, wait=wait)


@command
async def resume(  # noqa: PLR0913 - one for each option
    session: Session,
    workflow_id: WorkflowId,
    *,
    wait: Wait = False,
    reason: Reason = None,
    user_id: UserId = None,
    answer_timeout: AnswerTimeout = 60,
) -> ExitCode:
    """Let a live failover that holds go on, from the start of its VM."""
    order = await session.client.resume(
        workflow_id, reason=reason, user_id=user_id or login_name(), seconds=answer_timeout
    )
    return await _tell(session, workflow_id, order, wait=wait)


@command
async def cleanup(  # noqa: PLR0913 - one for each option
    session: Session,
    workflow_id: WorkflowId,
    *,
    wait: Wait = False,
    reason: Reason = None,
    user_id: UserId = None,
    answer_timeout: AnswerTimeout = 60,
) -> ExitCode:
    """Remove a test failover's VM and its disks now, or try again what is left of them."""
    order = await session.client.clean_up(
        workflow_id, reason=reason, user_id=user_id or login_name(), seconds=answer_timeout
    )
    return await _tell(session, workflow_id, order, wait=wait)


@command
async def extend(  # noqa: PLR0913 - one for each option
    session: Session,
    workflow_id: WorkflowId,
    test_duration: Annotated[str, typer.Argument(help="How long from now on: 90s, 30m, 4h, 2d.")],
    *,
    reason: Reason = None,
    user_id: UserId = None,
    answer_timeout: AnswerTimeout = 60,
) -> ExitCode:
    """Let a test failover's VM live longer, from now on."""
    order = await session.client.extend(
        workflow_id, test_duration, reason=reason, user_id=user_id or login_name(), seconds=answer_timeout
    )
    return await _tell(session, workflow_id, order, wait=False)


async def _tell(session: Session, workflow_id: str, order: OrderTaken, *, wait: bool) -> ExitCode:
    output = session.output
    if not wait:
        if output.as_json:
            output.answer(order)
            return ExitCode.DONE
        until = f"; it lives until {order.until:%Y-%m-%d %H:%M:%SZ}" if order.until else ""
        output.line(f"taken: {order.order.value}, {order.workflow_id}{until}", style="green")
        output.hint(
            f"see what comes of it with: failover {'watch' if order.of_run else 'status'} {workflow_id}"
        )
        return ExitCode.DONE
    session.going_on = workflow_id
    if order.of_run:
        with output.under_way(f"waiting for {workflow_id}"):
            run = await session.client.wait(workflow_id, until_held=True)
        show_run(output, run)
        if run.rolled_back_by and run.outcome in (RunOutcome.CANCELLED, RunOutcome.FAILED):
            return ExitCode.NOT_COMPLETED if run.left_behind else ExitCode.DONE
        return code_of_end(run)
    with output.under_way(f"waiting for {order.workflow_id}"):
        report: EndReport = await session.client.end(order)
    if output.as_json:
        output.answer(report)
    else:
        show_end(output, report)
    return ExitCode.NOT_COMPLETED if report.end == _LEFT or report.left_behind else ExitCode.DONE
