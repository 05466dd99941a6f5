"""The two activities of the appliance: typed failures that say whether the disk was written to."""

import asyncio
import dataclasses
import socket
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.conversion import ConversionActivities
from activities.failures import NOTHING_WRITTEN
from activities.messages.conversion import (
    ConversionNic,
    ConversionOutcome,
    ConvertRequest,
    ProbeRequest,
)
from rules.errors import FailoverErrorType
from tests.conversion.bench import (
    CONVERTS,
    DATA_VOLUME,
    SIGNATURE,
    VOLUME,
    WRITERS,
    WRITES_FOR_EVER,
    Bench,
    alive,
    until,
)

_APPLIANCE = "6f9d2b51-3a0c-4c1e-9c54-000000000001"
_REQUEST = ConvertRequest(
    workflow_id="failover-live-pgtest1",
    appliance_vm_id=_APPLIANCE,
    volume_id=VOLUME,
    nics=(ConversionNic(order=0, source_mac="00:50:56:aa:00:01", address="192.0.2.17"),),
    timeout_seconds=30,
)


@pytest.fixture
def environment() -> ActivityEnvironment:
    return ActivityEnvironment()


async def test_the_probe_says_who_is_there_and_touches_nothing(
    bench: Bench, environment: ActivityEnvironment
) -> None:
    activities = ConversionActivities(bench.converter(CONVERTS), _APPLIANCE)
    worker = await environment.run(activities.probe, ProbeRequest(appliance_vm_id=_APPLIANCE))

    assert (worker.host, worker.problem) == (socket.gethostname(), "")
    assert not bench.written()


async def test_the_probe_is_honest(bench: Bench, environment: ActivityEnvironment) -> None:
    missing = dataclasses.replace(bench.converter(CONVERTS), command=("no-such-program-zq9",))
    activities = ConversionActivities(missing, _APPLIANCE)

    worker = await environment.run(activities.probe, ProbeRequest(appliance_vm_id=_APPLIANCE))
    assert worker.problem == "no program no-such-program-zq9 that can be run"
    worker = await environment.run(activities.probe, ProbeRequest(appliance_vm_id="another"))
    assert worker.problem == "this worker serves another appliance"


async def test_a_guest_is_converted(bench: Bench, environment: ActivityEnvironment) -> None:
    activities = ConversionActivities(bench.converter("print(sys.argv[2:])" + CONVERTS), _APPLIANCE)
    report = await environment.run(activities.convert, _REQUEST)

    assert report.outcome is ConversionOutcome.CONVERTED
    assert report.device == str(bench.image)
    assert report.seconds > 0
    assert "00:50:56:aa:00:01:ip:192.0.2.17" in report.detail
    assert bench.image.read_bytes().startswith(SIGNATURE)


async def test_a_linux_that_needs_nothing_is_a_success(
    bench: Bench, environment: ActivityEnvironment
) -> None:
    activities = ConversionActivities(bench.converter("sys.exit(7)", not_needed_code=7), _APPLIANCE)

    assert (await environment.run(activities.convert, _REQUEST)).outcome is ConversionOutcome.NOT_NEEDED


@pytest.mark.parametrize(
    ("body", "changes", "expected"),
    (
        ("sys.exit(1)", {}, (FailoverErrorType.CONVERSION_FAILED, False)),
        ("time.sleep(60)", {"timeout_seconds": 0.2}, (FailoverErrorType.CONVERSION_FAILED, False)),
        ("os.kill(os.getppid(), 9)", {}, (FailoverErrorType.STEP_TIMED_OUT, False)),
        (CONVERTS, {"volume_id": DATA_VOLUME}, (FailoverErrorType.CONVERSION_FAILED, True)),
        (CONVERTS, {"volume_id": "no uuid"}, (FailoverErrorType.CONVERSION_FAILED, True)),
        (CONVERTS, {"appliance_vm_id": "another"}, (FailoverErrorType.CONVERSION_UNAVAILABLE, True)),
    ),
    ids=("failed", "too long", "supervisor lost", "not here", "no uuid", "another appliance"),
)
async def test_a_failure_says_whether_the_disk_is_as_it_was(
    bench: Bench,
    environment: ActivityEnvironment,
    body: str,
    changes: dict[str, object],
    expected: tuple[FailoverErrorType, bool],
) -> None:
    error_type, clean = expected
    activities = ConversionActivities(bench.converter(body), _APPLIANCE)
    with pytest.raises(ApplicationError) as caught:
        await environment.run(activities.convert, _REQUEST.model_copy(update=changes))

    assert caught.value.type == error_type.value
    assert (NOTHING_WRITTEN in caught.value.details) is clean
    assert caught.value.non_retryable is not error_type.retryable


async def test_a_disk_that_something_has_is_busy_and_clean(
    bench: Bench, environment: ActivityEnvironment
) -> None:
    activities = ConversionActivities(bench.converter(CONVERTS), _APPLIANCE)
    with bench.image.open("rb"), pytest.raises(ApplicationError) as caught:
        await environment.run(activities.convert, _REQUEST)

    assert (caught.value.type, caught.value.details) == ("DiskBusy", (NOTHING_WRITTEN,))


async def test_a_machine_without_the_command_is_unavailable(
    bench: Bench, environment: ActivityEnvironment
) -> None:
    missing = dataclasses.replace(bench.converter(CONVERTS), command=("no-such-program-zq9",))
    with pytest.raises(ApplicationError) as caught:
        await environment.run(ConversionActivities(missing, _APPLIANCE).convert, _REQUEST)

    assert (caught.value.type, caught.value.details) == ("ConversionUnavailable", (NOTHING_WRITTEN,))


async def test_a_second_attempt_is_refused_since_the_first_may_have_written(
    bench: Bench, environment: ActivityEnvironment
) -> None:
    environment.info = dataclasses.replace(environment.info, attempt=2)
    with pytest.raises(ApplicationError, match="must be restored first") as caught:
        await environment.run(ConversionActivities(bench.converter(CONVERTS), _APPLIANCE).convert, _REQUEST)

    assert caught.value.non_retryable
    assert NOTHING_WRITTEN not in caught.value.details
    assert not bench.written()


@pytest.mark.parametrize("by", ("the workflow", "the end of the worker"))
async def test_whoever_cancels_it_nothing_runs_on(
    bench: Bench, environment: ActivityEnvironment, by: str
) -> None:
    activities = ConversionActivities(bench.converter(WRITES_FOR_EVER), _APPLIANCE)
    converting = asyncio.ensure_future(environment.run(activities.convert, _REQUEST))
    pids = await bench.begun(*WRITERS)
    asked = by == "the workflow"
    environment.cancel(
        activity.ActivityCancellationDetails(cancel_requested=asked, worker_shutdown=not asked)
    )
    # Temporal must hear of an end that nobody asked for as of a failure: the workflow then restores the disk.
    with pytest.raises(asyncio.CancelledError if asked else ApplicationError):
        await converting

    assert not [pid for pid in pids if alive(pid)]


async def test_without_a_confirmed_heartbeat_the_command_is_ended(
    bench: Bench, environment: ActivityEnvironment, temporal_client: Client
) -> None:
    """The server knows nothing of this activity, as after it gave it up."""
    environment.info = dataclasses.replace(environment.info, heartbeat_timeout=timedelta(seconds=2))
    activities = ConversionActivities(bench.converter(WRITES_FOR_EVER), _APPLIANCE, temporal_client)
    with pytest.raises(ApplicationError, match=r"silent for too long|let go") as caught:
        await environment.run(activities.convert, _REQUEST)

    assert (caught.value.type, caught.value.details) == ("StepTimedOut", ())
    assert not [pid for pid in await bench.begun(*WRITERS) if alive(pid)]


async def test_no_more_run_at_once_than_are_allowed(bench: Bench, environment: ActivityEnvironment) -> None:
    bench.add_disk(DATA_VOLUME, "data.img")
    environment.info = dataclasses.replace(environment.info, start_to_close_timeout=timedelta(seconds=1))
    activities = ConversionActivities(bench.converter(WRITES_FOR_EVER), _APPLIANCE, parallel=1)
    first = asyncio.ensure_future(environment.run(activities.convert, _REQUEST))
    await bench.begun(*WRITERS)
    second = ActivityEnvironment()
    second.info = environment.info
    other = _REQUEST.model_copy(update={"volume_id": DATA_VOLUME})
    with pytest.raises(ApplicationError, match="turn did not come") as caught:
        await second.run(activities.convert, other)
    third = ActivityEnvironment()
    waiting = asyncio.ensure_future(third.run(activities.convert, other))
    await until(lambda: activities._turns._waiters)
    third.cancel(activity.ActivityCancellationDetails(worker_shutdown=True))
    with pytest.raises(ApplicationError, match="had to end") as ended:
        await waiting
    environment.cancel(activity.ActivityCancellationDetails(cancel_requested=True))
    with pytest.raises(asyncio.CancelledError):
        await first

    assert (caught.value.type, caught.value.details) == ("DiskBusy", (NOTHING_WRITTEN,))
    assert (ended.value.type, ended.value.details) == ("StepTimedOut", (NOTHING_WRITTEN,))
