"""``start``: one failover, or all of a file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.batch import run_batch
from cli.codes import ExitCode, code_of_acceptance, code_of_end
from cli.following import follow, show_run
from cli.request_options import one_request, takes_request
from cli.session import Session, WrongUse, command
from cli.views import show_acceptance
from client import Acceptance, AnswerPending, FailoverClientError
from client.requests import new_workflow_id


@command
@takes_request
async def start(  # noqa: PLR0913 - one for each option that is no part of the request
    session: Session,
    context_id: Annotated[str | None, typer.Argument(help="The context id of the VM to fail over.")] = None,
    *,
    asked: dict[str, Any],
    user_id: str,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Follow it to its end; the exit code says how it ended.")
    ] = False,
    request_id: Annotated[
        str | None,
        typer.Option(help="Becomes the workflow id. Repeated with the same id, nothing is started twice."),
    ] = None,
    answer_timeout: Annotated[
        float,
        typer.Option(min=1, help="Seconds to wait for accepted or refused; the run goes on after that."),
    ] = 60,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Requests as a JSON list, or one JSON object for each line; - reads standard input."
            " Each is followed to its end."
        ),
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, help="Run at most so many at once.")] = 4,
) -> ExitCode:
    """Start a failover, and wait until it is accepted or refused; with --wait until its end.

    It is accepted when everything is checked that can be checked before anything is made. It goes on when
    this program ends.
    """
    if file is not None:
        if context_id or asked or request_id is not None:
            raise WrongUse("--file holds whole requests: give no context and no option of a request with it")
        return await run_batch(
            session, file, in_flight=in_flight, user_id=user_id, answer_seconds=answer_timeout
        )
    request = one_request(context_id, asked, user_id)
    return await _start_one(session, request, request_id, wait=wait, answer_seconds=answer_timeout)


async def _start_one(
    session: Session, request: dict[str, Any], request_id: str | None, *, wait: bool, answer_seconds: float
) -> ExitCode:
    output = session.output
    # Known before it is started: whoever interrupts is told what goes on.
    workflow_id = new_workflow_id(request) if request_id is None else request_id
    session.going_on = workflow_id
    try:
        with output.under_way("waiting for accepted or refused"):
            answer = await session.client.accepted(
                request, request_id=workflow_id, timeout_seconds=answer_seconds
            )
    except AnswerPending:
        if not wait:
            raise
    except FailoverClientError as error:
        if not error.may_be_started:
            session.going_on = ""
        raise
    else:
        if not wait:
            return _tell(session, answer)
        if output.interactive:
            show_acceptance(output, answer)
    if output.interactive:
        return await follow(session, workflow_id)
    end = await session.client.wait(workflow_id, until_held=True)
    show_run(output, end)
    return code_of_end(end)


def _tell(session: Session, answer: Acceptance) -> ExitCode:
    output = session.output
    if output.as_json:
        output.answer(answer)
    else:
        show_acceptance(output, answer)
    return code_of_acceptance(answer)
