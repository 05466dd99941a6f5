"""What an operator orders after or amid a run: each order finds the workflow that waits for it."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from client.errors import FailoverNotFound, OrderPending, OrderRefused
from client.outages import Pause, passes, typed_errors
from client.requests import as_json
from client.starting import stay_cancelled
from rules.models import Record
from rules.temporal_names import (
    CLEAN_UP_UPDATE,
    CLEANUP_WORKFLOW,
    COMMIT_UPDATE,
    COMMIT_WORKFLOW,
    EXTEND_UPDATE,
    FAILOVER_WORKFLOW,
    RESUME_UPDATE,
    ROLL_BACK_UPDATE,
    cleanup_workflow_id,
    commit_workflow_id,
)


class Order(StrEnum):
    """The orders, by the names of their updates."""

    CLEAN_UP = CLEAN_UP_UPDATE
    EXTEND = EXTEND_UPDATE
    COMMIT = COMMIT_UPDATE
    ROLL_BACK = ROLL_BACK_UPDATE
    RESUME = RESUME_UPDATE


class OrderTaken(Record):
    """An order that was taken: it is carried out, whatever becomes of whoever gave it.

    Attributes:
        workflow_id: The workflow that took it.
        update_id: The order's own id there.
        of_run: The failover itself took it, since it held; then its own end tells what came of it.
        until: For an extension: how long the drill's VM lives now (UTC).
    """

    order: Order
    workflow_id: str
    update_id: str
    of_run: bool = False
    until: datetime | None = None


_OVER: Final = "it is over; the status of the failover says how"
_NOBODY_WAITS: Final = {
    Order.CLEAN_UP: "no drill of this failover waits for its end",
    Order.EXTEND: "no drill of this failover waits for its end",
    Order.COMMIT: "no live VM of this failover waits for commit or rollback",
    Order.ROLL_BACK: "no live VM of this failover waits for commit or rollback, and the run does not hold",
    Order.RESUME: "the run does not hold: there is nothing to resume",
}


async def give(
    client: Client, order: Order, workflow_id: str, fields: Mapping[str, Any], *, timeout_seconds: float
) -> OrderTaken:
    """Give an order, and wait until it is taken or refused.

    Args:
        client: Connected with the pydantic converter.
        order: Which.
        workflow_id: The failover's; that of the workflow that goes on is understood too.
        fields: The order's own; None is left out.
        timeout_seconds: How long to wait for the answer.

    Raises:
        FailoverNotFound: Temporal knows no such failover.
        OrderRefused: Nobody waits for it, or it is not complete.
        OrderPending: No worker answered in time.
        InvalidRequest: It cannot be written as JSON.
    """
    wanted = as_json({name: value for name, value in fields.items() if value is not None})
    with typed_errors(client, workflow_id):
        target = await _taker(client, order, workflow_id)
        update_id = f"order-{secrets.token_hex(8)}"
        answer = await _send(
            client.get_workflow_handle(target.id),
            order,
            wanted,
            update_id=update_id,
            timeout_seconds=timeout_seconds,
        )
    return OrderTaken(
        order=order,
        workflow_id=target.id,
        update_id=update_id,
        of_run=target.workflow_type == FAILOVER_WORKFLOW,
        until=datetime.fromisoformat(answer) if order is Order.EXTEND else None,
    )


async def _taker(client: Client, order: Order, workflow_id: str) -> WorkflowExecutionDescription:
    """Find the open workflow that the order is for; the run itself may be none that Temporal still keeps."""
    over: WorkflowExecutionDescription | None = None
    for one, kinds in _candidates(order, workflow_id):
        run = await _look(client, one)
        if run is None or run.workflow_type not in kinds:
            continue
        if run.status is WorkflowExecutionStatus.RUNNING:
            return run
        if over is None or over.workflow_type == FAILOVER_WORKFLOW:
            over = run
    if over is not None and over.workflow_type != FAILOVER_WORKFLOW:
        raise OrderRefused(over.id, _OVER)
    known = over or await _look(client, workflow_id)
    if known is None:
        raise FailoverNotFound(workflow_id)
    raise OrderRefused(workflow_id, _NOBODY_WAITS[order])


def _candidates(order: Order, workflow_id: str) -> list[tuple[str, frozenset[str]]]:
    if order is Order.RESUME:
        return [(workflow_id, frozenset({FAILOVER_WORKFLOW}))]
    if order in (Order.CLEAN_UP, Order.EXTEND):
        kinds = frozenset({CLEANUP_WORKFLOW})
        return [(cleanup_workflow_id(workflow_id), kinds), (workflow_id, kinds)]
    kinds = frozenset({COMMIT_WORKFLOW})
    if order is Order.COMMIT:
        return [(commit_workflow_id(workflow_id), kinds), (workflow_id, kinds)]
    # A run that is open takes it while it holds; one that is gone leaves it to what goes on.
    return [(workflow_id, kinds | {FAILOVER_WORKFLOW}), (commit_workflow_id(workflow_id), kinds)]


async def _look(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    try:
        return await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT) and not passes(error):
            # The second one for an id that is longer than any workflow's can be.
            return None
        raise


async def _send(
    handle: WorkflowHandle[Any, Any],
    order: Order,
    wanted: dict[str, Any],
    *,
    update_id: str,
    timeout_seconds: float,
) -> str:
    """Return what the update answers; empty for nothing."""

    async def ask() -> str:
        pause = Pause()
        while True:
            try:
                # The id makes a second try the same order.
                return str(await handle.execute_update(order.value, wanted, id=update_id) or "")
            except WorkflowUpdateFailedError as error:
                raise OrderRefused(handle.id, _words(error)) from error
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                stay_cancelled()
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND and not passes(error):
                    raise OrderRefused(handle.id, _OVER) from error
                if not passes(error):
                    raise
            await pause.take()

    asking = asyncio.ensure_future(ask())
    try:
        # Not asyncio.timeout: the SDK turns the cancel that it sends into an error of its own.
        done, _ = await asyncio.wait({asking}, timeout=timeout_seconds)
    finally:
        asking.cancel()
        await asyncio.wait({asking})
    if not done:
        raise OrderPending(handle.id)
    return asking.result()


def _words(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause)
