"""The conversion of a guest, on the appliance where its disks are block devices."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import NOTHING_WRITTEN, failure
from activities.heartbeats import heartbeats
from activities.messages.conversion import (
    ConversionOutcome,
    ConversionReport,
    ConversionWorker,
    ConvertRequest,
    ProbeRequest,
)
from conversion import (
    CannotConvert,
    CommandFailed,
    ConversionError,
    Converted,
    Converter,
    DeviceHeld,
    Guest,
    Leash,
    LockHeld,
    Nic,
    NothingWritten,
)
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)

_LEASH_SHARE = 2
"""A half of the heartbeat timeout: the other one is for ending the command before the server gives us up."""
_RENEWALS_PER_TIMEOUT = 6

_TYPES: tuple[tuple[type[ConversionError], FailoverErrorType], ...] = (
    (DeviceHeld, FailoverErrorType.DISK_BUSY),
    (LockHeld, FailoverErrorType.DISK_BUSY),
    (CannotConvert, FailoverErrorType.CONVERSION_UNAVAILABLE),
    (NothingWritten, FailoverErrorType.CONVERSION_FAILED),
    (CommandFailed, FailoverErrorType.CONVERSION_FAILED),
    # Ended from outside, as by the end of the worker: on a restored disk it may be begun anew.
    (ConversionError, FailoverErrorType.STEP_TIMED_OUT),
)
"""First match wins."""


class ConversionActivities:
    """Converts guests on this machine.

    Args:
        converter: Runs the command.
        appliance_vm_id: The VM that this machine is, in CloudStack.
        client: Confirms to the command's supervisor that the activity is still ours; without it the
            supervisor only knows that this process lives.
        parallel: How many guests are converted at the same time; the others wait for their turn.
    """

    def __init__(
        self, converter: Converter, appliance_vm_id: str, client: Client | None = None, *, parallel: int = 2
    ) -> None:
        self._converter = converter
        self._appliance_vm_id = appliance_vm_id
        self._client = client
        self._turns = asyncio.Semaphore(parallel)

    @activity.defn(name="ProbeConversionActivity")
    async def probe(self, request: ProbeRequest) -> ConversionWorker:
        """Say that a worker is here, and whether it could convert. Touches nothing."""
        problem = self._converter.problem()
        if request.appliance_vm_id != self._appliance_vm_id:
            problem = "this worker serves another appliance"
        return ConversionWorker(host=socket.gethostname(), problem=problem)

    @activity.defn(name="ConvertGuestActivity")
    async def convert(self, request: ConvertRequest) -> ConversionReport:
        """Prove the device, convert the guest, and leave no process behind, whatever happens.

        Never retried by Temporal: the workflow must set ``maximum_attempts=1``, since it has to restore the
        snapshot before another try, and a second attempt is refused here. The detail ``NOTHING_WRITTEN``
        marks a failure after which the disk is as it was; after any other end, a timeout included, it may be
        half converted.

        Raises:
            ApplicationError: ConversionFailed, which another try would only repeat; DiskBusy and
                ConversionUnavailable, with nothing written; StepTimedOut when it was ended from outside.
        """
        if activity.info().attempt > 1:
            raise failure(
                FailoverErrorType.STEP_TIMED_OUT,
                "an earlier attempt may have written to the disk: it must be restored first",
                final=True,
            )
        if request.appliance_vm_id != self._appliance_vm_id:
            raise failure(
                FailoverErrorType.CONVERSION_UNAVAILABLE,
                "the worker of another appliance was asked",
                NOTHING_WRITTEN,
            )
        begun = False
        async with heartbeats():
            try:
                async with self._turn(request.timeout_seconds) as seconds:
                    begun = True
                    done = await self._converter.convert(_guest(request), seconds, self._leash())
            except ConversionError as error:
                raise _typed(error) from error
            except asyncio.CancelledError:
                if _asked_for():
                    raise
                raise failure(
                    FailoverErrorType.STEP_TIMED_OUT,
                    "the conversion was ended: its worker had to end",
                    *(() if begun else (NOTHING_WRITTEN,)),
                ) from None
        _log.info("guest_converted", volume_id=request.volume_id, device=done.device, seconds=done.seconds)
        return _report(done)

    @asynccontextmanager
    async def _turn(self, wanted: float) -> AsyncIterator[float]:
        """Wait until fewer than the allowed number run; yields for how long the command may run then."""
        limit = activity.info().start_to_close_timeout or timedelta(seconds=wanted)
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(limit.total_seconds() / 2):
                await self._turns.acquire()
        except TimeoutError:
            raise failure(
                FailoverErrorType.DISK_BUSY,
                "its turn did not come: others are converted",
                NOTHING_WRITTEN,
            ) from None
        try:
            yield wanted - (asyncio.get_running_loop().time() - began)
        finally:
            self._turns.release()

    def _leash(self) -> Leash | None:
        info = activity.info()
        if self._client is None or not info.heartbeat_timeout:
            return None
        timeout = info.heartbeat_timeout.total_seconds()
        handle = self._client.get_async_activity_handle(task_token=info.task_token)
        return Leash(timeout / _LEASH_SHARE, _renewals(handle, timeout / _RENEWALS_PER_TIMEOUT))


async def _renewals(handle: AsyncActivityHandle, interval: float) -> AsyncIterator[None]:
    """Yield whenever the server confirms that the activity is still ours; end when it says that it is not.

    The SDK's own heartbeat does not tell whether it arrived. A server that gave this worker up lets the
    workflow go on: then the disk must not be written to any more.
    """
    while True:
        try:
            await handle.heartbeat(rpc_timeout=timedelta(seconds=interval))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return
        except AsyncActivityCancelledError:
            yield  # still ours; the cancel itself arrives with the SDK's heartbeat
        else:
            yield
        await asyncio.sleep(interval)


def _asked_for() -> bool:
    details = activity.cancellation_details()
    return details is None or details.cancel_requested


def _typed(error: ConversionError) -> Exception:
    error_type = next(found for kind, found in _TYPES if isinstance(error, kind))
    details = (NOTHING_WRITTEN,) if isinstance(error, NothingWritten) else ()
    return failure(error_type, str(error), *details)


def _guest(request: ConvertRequest) -> Guest:
    return Guest(
        volume_id=request.volume_id,
        data_volume_ids=request.data_volume_ids,
        nics=tuple(Nic(one.order, one.source_mac, one.address) for one in request.nics),
    )


def _report(done: Converted) -> ConversionReport:
    return ConversionReport(
        outcome=ConversionOutcome.CONVERTED if done.needed else ConversionOutcome.NOT_NEEDED,
        device=done.device,
        seconds=done.seconds,
        detail=done.detail,
    )
