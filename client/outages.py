"""Temporal's gRPC codes: which of them pass, what the others mean, and how to wait until one has passed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from client.errors import FailoverNotFound, TemporalRefused, TemporalUnreachable

T = TypeVar("T")

_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 5.0

_PASSING: Final = frozenset(
    {
        RPCStatusCode.ABORTED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNKNOWN,
    }
)


class Pause:
    """The growing pause between two tries, bounded: nothing waits longer because it has waited for long."""

    def __init__(self) -> None:
        self._seconds = _FIRST_PAUSE_SECONDS

    def reset(self) -> None:
        """Begin anew: there was an answer."""
        self._seconds = _FIRST_PAUSE_SECONDS

    async def take(self) -> None:
        """Wait, the next time longer."""
        await asyncio.sleep(self._seconds)
        self._seconds = min(2 * self._seconds, _LONGEST_PAUSE_SECONDS)


def passes(error: RPCError) -> bool:
    """Whether the same call may succeed later, for somebody who knows that the run exists.

    A server that has just come back may not know its namespaces for a moment, so that counts as passing too.
    """
    return error.status in _PASSING or _names_namespace(error)


async def through_outages(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat a call that changes nothing until Temporal answers it, however long that takes.

    Raises:
        RPCError: A code that does not pass.
    """
    pause = Pause()
    while True:
        try:
            return await call()
        except RPCError as error:
            if not passes(error):
                raise
        await pause.take()


@contextmanager
def typed_errors(client: Client, workflow_id: str = "", *, may_be_started: bool = False) -> Iterator[None]:
    """Turn Temporal's codes into the client's errors.

    Args:
        client: For its address and namespace.
        workflow_id: Which run is asked for; empty when none is.
        may_be_started: Whether an outage or a refusal leaves open if the run was started.

    Raises:
        FailoverNotFound: There is no such run.
        TemporalUnreachable: No answer.
        TemporalRefused: Any other code.
    """
    address = client.service_client.config.target_host
    try:
        yield
    except RPCError as error:
        unclear = workflow_id if may_be_started else ""
        if _names_namespace(error):
            raise TemporalRefused(
                address, client.namespace, "NAMESPACE_NOT_FOUND", workflow_id=unclear
            ) from error
        if error.status is RPCStatusCode.NOT_FOUND and workflow_id:
            raise FailoverNotFound(workflow_id) from error
        if passes(error):
            raise TemporalUnreachable(address, workflow_id=unclear) from error
        raise TemporalRefused(address, client.namespace, error.status.name, workflow_id=unclear) from error


@contextmanager
def may_be_started(workflow_id: str) -> Iterator[None]:
    """Let what Temporal could not be asked after a start name the run.

    Raises:
        TemporalError: As within, with the id.
    """
    try:
        yield
    except TemporalUnreachable as error:
        raise TemporalUnreachable(error.address, workflow_id=workflow_id) from error
    except TemporalRefused as error:
        error.workflow_id = workflow_id
        raise


def _names_namespace(error: RPCError) -> bool:
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)
