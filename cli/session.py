"""One command: its common options, its connection, and what its end means for the exit code."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from cli.codes import ExitCode, code_of_error
from cli.output import Output
from client import (
    TASK_QUEUE,
    AnswerPending,
    FailoverClient,
    FailoverClientError,
    InvalidRequest,
    InvalidRequestId,
    QuestionRefused,
    TemporalError,
)

Address = Annotated[
    str | None,
    typer.Option(
        help="Temporal's host and port; otherwise what TEMPORAL_ADDRESS or Temporal's configuration says."
    ),
]
Namespace = Annotated[str | None, typer.Option(help="Temporal's namespace; likewise.")]
TaskQueue = Annotated[
    str,
    typer.Option(envvar="FAILOVER_TASK_QUEUE", help="The task queue that the workers listen on."),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, and nothing else, on standard output."),
]

_COMMON: Final = (
    ("address", Address, None),
    ("namespace", Namespace, None),
    ("task_queue", TaskQueue, TASK_QUEUE),
    ("as_json", AsJson, False),
)


class WrongUse(Exception):
    """The options do not go together; the message says which."""


@dataclass
class Session:
    """What a command works with.

    Attributes:
        going_on: The failover that goes on when the command ends early; empty while there is none.
        several: Whether there are more of them than one id could name.
    """

    client: FailoverClient
    output: Output
    going_on: str = ""
    several: bool = False

    @property
    def advice(self) -> str:
        """How to follow what goes on; empty when nothing does."""
        if self.several:
            return "What was started goes on; find it with: failover list"
        if self.going_on:
            return f"What was started goes on; follow it with: failover watch {self.going_on}"
        return ""


def command(work: Callable[..., Awaitable[ExitCode]]) -> Callable[..., None]:
    """Make a typer command: the options of ``work`` and the common ones; connect, work, exit."""

    def run(**options: Any) -> None:  # noqa: ANN401 - typer hands over what the signature below declares
        common = {name: options.pop(name) for name, _, _ in _COMMON}
        output = Output(as_json=common["as_json"])
        raise typer.Exit(_run(lambda session: work(session, **options), output, common, options))

    _, *own = inspect.signature(work).parameters.values()
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in _COMMON
    ]
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    run.__signature__ = inspect.Signature([*keywords, *extra])  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {one.name: one.annotation for one in (*keywords, *extra)}
    run.__doc__ = work.__doc__
    run.__name__ = work.__name__
    return run


def _run(
    work: Callable[[Session], Awaitable[ExitCode]],
    output: Output,
    common: dict[str, Any],
    options: dict[str, Any],
) -> ExitCode:
    started: list[Session] = []

    async def connected() -> ExitCode:
        with output.under_way("connecting to Temporal"):
            client = await FailoverClient.connect(
                common["address"], common["namespace"], task_queue=common["task_queue"]
            )
        session = Session(client, output)
        started.append(session)
        return await work(session)

    try:
        _refuse_what_is_no_text({**common, **options})
        return asyncio.run(connected())
    except KeyboardInterrupt:
        session = started[0] if started else None
        advice = session.advice if session else ""
        _tell(output, "Interrupted", advice or "by Ctrl-C", session.going_on if session else "")
        return ExitCode.INTERRUPTED
    except (WrongUse, InvalidRequest, InvalidRequestId) as error:
        _tell(output, type(error).__name__, str(error))
        return ExitCode.INVALID
    except FailoverClientError as error:
        session = started[0] if started else None
        kind = error.error_type if isinstance(error, QuestionRefused) else type(error).__name__
        message = error.reason if isinstance(error, QuestionRefused) else str(error)
        _tell(output, kind, message, error.workflow_id or (session.going_on if session else ""))
        if session and session.advice and isinstance(error, (AnswerPending, TemporalError)):
            output.problem(session.advice)
        return code_of_error(error)


def _refuse_what_is_no_text(options: dict[str, Any]) -> None:
    for name, value in options.items():
        for text in value if isinstance(value, list) else (value,):
            try:
                if isinstance(text, str):
                    # An argument that is no UTF-8 arrives as a text that cannot be sent to anybody.
                    text.encode()
            except UnicodeEncodeError:
                raise WrongUse(f"{name} is not text in UTF-8") from None


def _tell(output: Output, kind: str, message: str, workflow_id: str = "") -> None:
    if output.as_json:
        output.answer({"error": {"type": kind, "message": message, "workflow_id": workflow_id}})
    output.problem(f"{kind}: {message}")
