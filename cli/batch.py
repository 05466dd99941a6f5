"""``start --file``: many failovers, a few at a time, one result each, and none aborts the rest."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import BaseModel

from cli.codes import ExitCode
from cli.session import Session, WrongUse
from client import (
    AnswerPending,
    FailoverClientError,
    FailoverStatus,
    InvalidRequest,
    InvalidRequestId,
    RunOutcome,
)
from client.requests import new_workflow_id

_NOT_ONE_OBJECT: Final = "must be one JSON object"


class Entry(NamedTuple):
    """One request of a file.

    Attributes:
        number: From 1: the line, or the position in the list.
        request: None when it is not one JSON object.
        request_id: From the entry itself; it makes a repeated file start nothing twice.
    """

    number: int
    request: dict[str, Any] | None
    request_id: object = None


class Failure(BaseModel):
    """Why an entry has no run that could tell."""

    type: str
    message: str


class BatchResult(BaseModel):
    """What became of one entry.

    Attributes:
        workflow_id: The run, known before it is started; empty where certainly none was started for it.
        run: How it ended; None where nothing was started, or it is not known how it ended.
    """

    number: int
    context_id: str
    failover_type: str
    workflow_id: str = ""
    completed: bool = False
    run: FailoverStatus | None = None
    error: Failure | None = None


async def run_batch(
    session: Session, file: Path, *, in_flight: int, user_id: str, answer_seconds: float
) -> ExitCode:
    """Run every failover of a file to its end.

    Args:
        session: Where the results are printed, each as soon as there is one.
        file: A JSON list, or one JSON object for each line; ``-`` is standard input.
        in_flight: At most so many at once.
        user_id: Who asks, for the entries that do not say it themselves.
        answer_seconds: How long each start may take; after that its end is waited for all the same.

    Raises:
        WrongUse: The file cannot be read, or holds nothing.
    """
    entries = list(read_entries(_text(file)))
    if not entries:
        raise WrongUse(f"{file} holds no request")
    session.several = True
    turns = asyncio.Semaphore(in_flight)

    async def in_turn(entry: Entry) -> BatchResult:
        async with turns:
            return await _run_entry(session, entry, user_id, answer_seconds)

    completed = 0
    with session.output.under_way(f"0 of {len(entries)} are over") as under_way:
        tasks = [asyncio.create_task(in_turn(entry)) for entry in entries]
        for over, task in enumerate(asyncio.as_completed(tasks), start=1):
            result = await task
            completed += result.completed
            under_way.show(f"{over} of {len(entries)} are over")
            _show(session, result)
    session.output.hint(f"{completed} of {len(entries)} completed")
    return ExitCode.DONE if completed == len(entries) else ExitCode.NOT_COMPLETED


def read_entries(text: str) -> Iterator[Entry]:
    """Read the requests of a file; what is no request becomes an entry that says so.

    Raises:
        WrongUse: It begins as a JSON list and is none.
    """
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            raise WrongUse(
                "the file begins with [ but is no JSON list; or write one object for each line"
            ) from None
        except RecursionError:
            # Nothing was started: where in a list that deep the entries end cannot be told.
            raise WrongUse("the file is nested too deeply for a list of requests") from None
        for number, one in enumerate(found, start=1):
            yield _entry(number, one)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            yield _entry(number, found)


def _entry(number: int, found: object) -> Entry:
    if not isinstance(found, dict):
        return Entry(number, None)
    request = {str(name): value for name, value in found.items() if name != "request_id"}
    return Entry(number, request, found.get("request_id"))


async def _run_entry(session: Session, entry: Entry, user_id: str, answer_seconds: float) -> BatchResult:
    request = {"user_id": user_id} | (entry.request or {})
    result = BatchResult(
        number=entry.number,
        context_id=_text_of(request.get("context_id")),
        failover_type=_text_of(request.get("failover_type")),
    )
    if entry.request is None:
        result.error = Failure(type="InvalidRequest", message=_NOT_ONE_OBJECT)
        return result
    if entry.request_id is not None and not isinstance(entry.request_id, str):
        result.error = Failure(type="InvalidRequest", message="request_id: must be a string")
        return result
    workflow_id = entry.request_id if entry.request_id is not None else new_workflow_id(request)
    try:
        await _started(session, result, request, workflow_id, answer_seconds)
        # One that holds waits for an operator, however long: it must not keep the others waiting.
        result.run = await session.client.wait(workflow_id, until_held=True)
    except Exception as error:  # noqa: BLE001 - typed or not, the other VMs of the file are started all the same
        result.error = Failure(type=type(error).__name__, message=str(error))
        return result
    result.completed = result.run.outcome is RunOutcome.COMPLETED
    return result


async def _started(
    session: Session, result: BatchResult, request: dict[str, Any], workflow_id: str, answer_seconds: float
) -> None:
    result.workflow_id = workflow_id
    try:
        await session.client.accepted(request, request_id=workflow_id, timeout_seconds=answer_seconds)
    except AnswerPending:
        # It is there and waits for a worker; so does whoever waits for its end.
        return
    except (InvalidRequest, InvalidRequestId):
        result.workflow_id = ""
        raise
    except FailoverClientError as error:
        if not error.may_be_started:
            result.workflow_id = ""
        raise


def _show(session: Session, result: BatchResult) -> None:
    output = session.output
    if output.as_json:
        output.answer(result, lines=True)
        return
    what = f"{result.failover_type or '?'} {result.context_id or '?'}"
    if result.run is None:
        problem = result.error or Failure(type="Unknown", message="")
        how = f"unknown how it ended: {result.workflow_id}" if result.workflow_id else "not started"
        output.line(f"{result.number}: {how}: {what}: {problem.type}: {problem.message}", style="red")
        return
    run = result.run
    text = f"{result.number}: {run.outcome.value}: {what}, {run.workflow_id}"
    if run.vm:
        text += f", VM {run.vm.name}"
    if run.error_type:
        text += f": {run.error_type}: {run.reason}"
    output.line(text, style="green" if result.completed else "red")
    for left in run.left_behind:
        output.line(f"   left behind: {left}", style="red")
    for warning in run.warnings:
        output.warning(f"{result.number}: {warning}")


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongUse(f"{file} is not text in UTF-8") from None


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else ""
