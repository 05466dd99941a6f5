"""``start``: one failover, or all of a file."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.batch import run_batch
from cli.codes import ExitCode, code_of_acceptance, code_of_end
from cli.following import follow, show_run
from cli.session import Session, WrongUse, command
from cli.views import show_acceptance
from client import Acceptance, AnswerPending, FailoverClientError, FailoverType, NetworkStrategy
from client.requests import new_workflow_id
from rules.request import VmNaming


@command
async def start(  # noqa: PLR0913 - one for each field of the request that is honoured
    session: Session,
    context_id: Annotated[str | None, typer.Argument(help="The context id of the VM to fail over.")] = None,
    *,
    failover_type: Annotated[
        FailoverType | None,
        typer.Option(
            "--type", "-t", help="live when the site is lost, test for a drill. There is no default."
        ),
    ] = None,
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
    vm_name: Annotated[str | None, typer.Option(help="If given, must be the context's.")] = None,
    vmware_vm_id: Annotated[str | None, typer.Option(help="If given, must be the context's.")] = None,
    vm_id: Annotated[str | None, typer.Option(help="If given, must be the context's.")] = None,
    network_strategy: Annotated[
        NetworkStrategy | None,
        typer.Option(help="Left out, it follows from the type."),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            "--network", metavar="SOURCE=NETWORK_ID", help="Map a source network by hand; once for each."
        ),
    ] = None,
    vm_naming: Annotated[VmNaming | None, typer.Option(help="Left out, it follows from the type.")] = None,
    allow_production_network: Annotated[
        bool,
        typer.Option(
            "--allow-production-network", help="Let a test use a production network; needs --reason."
        ),
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    user_id: Annotated[
        str | None,
        typer.Option(help="Who asks, for the record; your login name if left out."),
    ] = None,
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
    request = _request(
        context_id=context_id,
        failover_type=failover_type,
        vm_name=vm_name,
        vmware_vm_id=vmware_vm_id,
        vm_id=vm_id,
        network_strategy=network_strategy,
        network_mappings=_mappings(network or ()),
        vm_naming=vm_naming,
        allow_production_network=allow_production_network or None,
        reason=reason,
    )
    if file is not None:
        if request or request_id is not None:
            raise WrongUse("--file holds whole requests: give no context and no option of a request with it")
        return await run_batch(
            session,
            file,
            in_flight=in_flight,
            user_id=user_id or _login_name(),
            answer_seconds=answer_timeout,
        )
    if not context_id or failover_type is None:
        raise WrongUse("a failover needs CONTEXT_ID and --type live or --type test; or give --file")
    request["user_id"] = user_id or _login_name()
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
    end = await session.client.wait(workflow_id)
    show_run(output, end)
    return code_of_end(end)


def _tell(session: Session, answer: Acceptance) -> ExitCode:
    output = session.output
    if output.as_json:
        output.answer(answer)
    else:
        show_acceptance(output, answer)
    return code_of_acceptance(answer)


def _request(**fields: object) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != {}}


def _mappings(given: Sequence[str]) -> dict[str, str]:
    mappings: dict[str, str] = {}
    for one in given:
        source, equals, network_id = one.rpartition("=")
        if not (source and equals and network_id):
            raise WrongUse("--network is SOURCE=NETWORK_ID, such as --network 'VM Network=0c1d...'")
        if mappings.setdefault(source, network_id) != network_id:
            raise WrongUse(f"--network maps {source!r} twice")
    return mappings


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container's user may have no name.
        return "unknown"
