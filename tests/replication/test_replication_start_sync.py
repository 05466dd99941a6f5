"""StartSync: one sync of a VM that is off, however often the step is tried and whatever gets lost."""

import asyncio
import dataclasses

import pytest

from activities.messages.replication import StartSyncRequest
from replication import ReplicationClient
from rules.errors import FailoverErrorType as ErrorType
from simulators.replication import Fate
from simulators.vma import sample
from tests.replication.conftest import CONTEXT, DESTINATION, TOKEN, Place, Tries, failing
from vma import VmaClient

REQUEST = StartSyncRequest(workflow_id="run-1", context=CONTEXT, destination=DESTINATION)


def posts(place: Place) -> int:
    return len([call for call in place.replication.calls if call.method == "POST"])


async def test_one_request_starts_it_with_the_vm_as_discovered(place: Place, tries: Tries) -> None:
    place.vma.vm(sample.PGTEST1_ID).power_state = "poweredOff"

    job = await tries.run(place.starts.start_sync, REQUEST)

    assert await place.job_rows() == {job.job_id: "pending"}
    (call,) = place.replication.calls
    assert call.body is not None
    assert {name: value for name, value in call.body.items() if name != "source_vm"} == {
        "ossea_config_id": 3,
        "replication_type": "incremental",
        "vcenter_host": sample.VCENTER_HOST,
        "datacenter": sample.DATACENTER,
        "start_replication": True,
    }
    source = call.body["source_vm"]
    assert isinstance(source, dict)
    assert source["vm_id"] == source["id"] == sample.PGTEST1_ID
    assert (source["vm_name"], source["vm_path"]) == ("pgtest1", "/DC1/vm/pgtest1")
    assert (source["cpus"], source["num_cpu"], source["os_type"]) == (2, 2, "linux")
    assert (source["vcenter_host"], source["power_state"]) == (sample.VCENTER_HOST, "poweredOff")
    # What our own model of a VM does not hold goes along all the same.
    assert (source["vmx_version"], source["disks"][0]["capacity_bytes"]) == ("vmx-13", 40 * 1024**3)
    assert [nic["adapter_type"] for nic in source["networks"]] == ["vmxnet3", "e1000"]


async def test_an_older_sync_is_not_taken_for_it(place: Place, tries: Tries) -> None:
    before = await place.completed_before()

    job = await tries.run(place.starts.start_sync, REQUEST)

    assert job.job_id != before
    assert posts(place) == 1


async def test_a_sync_that_ended_while_the_source_still_ran_is_not_taken_for_it(
    place: Place, tries: Tries
) -> None:
    # The run saw job-before; a scheduled one began and completed before the source was off.
    await place.completed_before("job-z-scheduled")

    job = await tries.run(place.starts.start_sync, REQUEST.model_copy(update={"known_job_id": "job-before"}))

    assert job.job_id != "job-z-scheduled"
    assert posts(place) == 1


async def test_a_second_try_finds_the_job_of_the_first(place: Place, tries: Tries) -> None:
    await place.completed_before()
    first = await tries.run(place.starts.start_sync, REQUEST)

    second = await tries.run(place.starts.start_sync, REQUEST)

    assert second.job_id == first.job_id
    assert posts(place) == 1


async def test_a_second_try_finds_the_job_of_the_first_when_it_has_completed(
    place: Place, tries: Tries
) -> None:
    first = await tries.run(place.starts.start_sync, REQUEST)
    job = place.replication.jobs[first.job_id]
    while not job.ended:
        await place.replication.step(job)

    second = await tries.run(place.starts.start_sync, REQUEST)

    assert (second.job_id, second.status) == (first.job_id, "completed")
    assert posts(place) == 1


async def test_a_job_that_failed_is_over_and_another_one_is_started(place: Place, tries: Tries) -> None:
    place.replication.next_job(Fate.FAILS)
    first = await tries.run(place.starts.start_sync, REQUEST)
    job = place.replication.jobs[first.job_id]
    while not job.ended:
        await place.replication.step(job)

    second = await tries.run(place.starts.start_sync, REQUEST)

    assert second.job_id != first.job_id


async def test_a_job_from_before_is_waited_for_and_never_adopted(place: Place, tries: Tries) -> None:
    await place.context_says(scheduler_enabled=1)
    (foreign,) = await place.replication.tick()

    for _ in range(2):
        error = await failing(tries.run(place.starts.start_sync, REQUEST))
        assert (error.type, error.non_retryable) == (ErrorType.REPLICATION_UNAVAILABLE, False)
        assert foreign.id in error.message
    assert posts(place) == 0
    while not foreign.ended:
        await place.replication.step(foreign)
    job = await tries.run(place.starts.start_sync, REQUEST)

    assert job.job_id != foreign.id
    assert posts(place) == 1


async def test_with_all_jobs_known_even_a_first_try_finds_a_later_one(place: Place, tries: Tries) -> None:
    # As after a reset of the run: the request was sent, and nothing of it was handed on.
    before = await place.completed_before()
    request = REQUEST.model_copy(update={"known_job_ids": (before,)})
    first = await tries.run(place.starts.start_sync, request)

    second = await Tries().run(place.starts.start_sync, request)

    assert second.job_id == first.job_id
    assert posts(place) == 1


async def test_a_first_try_that_knows_a_running_job_waits_for_it(place: Place, tries: Tries) -> None:
    await place.context_says(scheduler_enabled=1)
    (foreign,) = await place.replication.tick()

    error = await failing(
        tries.run(place.starts.start_sync, REQUEST.model_copy(update={"known_job_ids": (foreign.id,)}))
    )

    assert error.type == ErrorType.REPLICATION_UNAVAILABLE
    assert posts(place) == 0


async def test_a_lost_answer_is_looked_after_before_anything_is_sent_again(
    place: Place, tries: Tries
) -> None:
    await place.completed_before()
    place.replication.lose("start")

    job = await tries.run(place.starts.start_sync, REQUEST)

    assert list(place.replication.jobs) == [job.job_id]
    assert posts(place) == 1


async def test_a_request_that_was_lost_is_sent_again_by_the_next_try(place: Place, tries: Tries) -> None:
    place.replication.lose("start", effect=False)

    error = await failing(tries.run(place.starts.start_sync, REQUEST))
    assert (error.type, error.non_retryable) == (ErrorType.REPLICATION_UNAVAILABLE, False)
    job = await tries.run(place.starts.start_sync, REQUEST)

    assert list(place.replication.jobs) == [job.job_id]
    assert posts(place) == 2


async def test_a_server_error_after_the_effect_is_looked_after(place: Place, tries: Tries) -> None:
    place.replication.answer("start", 500, effect=True)

    job = await tries.run(place.starts.start_sync, REQUEST)

    assert list(place.replication.jobs) == [job.job_id]


async def test_a_409_for_a_job_that_began_meanwhile_adopts_it(place: Place, tries: Tries) -> None:
    # It begins between the look and the request: after the source was off, so it is as good as ours.
    held = place.vma.hold("discover")
    starting = asyncio.create_task(tries.run(place.starts.start_sync, REQUEST))
    await held.arrived.wait()
    await place.context_says(scheduler_enabled=1)
    (other,) = await place.replication.tick()
    held.released.set()

    assert (await starting).job_id == other.id
    assert (posts(place), len(place.replication.jobs)) == (1, 1)


async def test_a_409_that_the_database_does_not_explain_is_tried_again(place: Place, tries: Tries) -> None:
    place.replication.answer("start", 409)

    error = await failing(tries.run(place.starts.start_sync, REQUEST))

    assert (error.type, error.non_retryable) == (ErrorType.REPLICATION_UNAVAILABLE, False)
    assert "409" in error.message
    await tries.run(place.starts.start_sync, REQUEST)


async def test_a_cancel_waits_for_the_answer(place: Place, tries: Tries) -> None:
    held = place.replication.hold("start")
    where = tries.begin()
    starting = asyncio.create_task(where.run(place.starts.start_sync, REQUEST))
    await held.arrived.wait()
    where.cancel()
    held.released.set()

    assert (await starting).job_id in place.replication.jobs


@pytest.mark.parametrize(
    ("status", "kind"),
    ((400, ErrorType.SYNC_FAILED), (404, ErrorType.SYNC_FAILED), (401, ErrorType.CONFIGURATION_ERROR)),
)
async def test_a_refusal_is_final(place: Place, tries: Tries, status: int, kind: ErrorType) -> None:
    place.replication.answer("start", status)

    error = await failing(tries.run(place.starts.start_sync, REQUEST))

    assert (error.type, error.non_retryable) == (kind, True)
    assert posts(place) == 1


async def test_without_an_address_it_is_a_setting_that_is_missing(place: Place, tries: Tries) -> None:
    place.connect(None)

    error = await failing(tries.run(place.starts.start_sync, REQUEST))

    assert (error.type, error.non_retryable) == (ErrorType.CONFIGURATION_ERROR, True)
    assert "REPLICATION_URL" in error.message


async def test_a_source_that_cannot_be_asked_is_tried_again(place: Place, tries: Tries) -> None:
    place.vma.set_vcenter_down(sample.VCENTER_HOST)

    error = await failing(tries.run(place.starts.start_sync, REQUEST))

    assert (error.type, error.non_retryable) == (ErrorType.SOURCE_UNREACHABLE, False)
    assert posts(place) == 0


async def test_a_vm_that_is_gone_is_not_synced(place: Place, tries: Tries) -> None:
    place.vma.vcenters[sample.VCENTER_HOST].vms.clear()

    error = await failing(tries.run(place.starts.start_sync, REQUEST))

    assert error.type == ErrorType.SOURCE_VM_NOT_FOUND
    assert posts(place) == 0


async def test_a_database_that_is_gone_is_tried_again(place: Place, tries: Tries) -> None:
    async with place.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE vm_replication_contexts RENAME TO elsewhere")

    error = await failing(tries.run(place.starts.start_sync, REQUEST))

    assert error.type in {ErrorType.DATABASE_UNAVAILABLE, ErrorType.CONFIGURATION_ERROR}
    assert posts(place) == 0


async def test_no_secret_leaves_it(
    place: Place, tries: Tries, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    place.connect(
        ReplicationClient(place.replication.url, place.session, token=TOKEN),
        VmaClient(place.vma.url, place.session),
    )
    job = await tries.run(place.starts.start_sync, REQUEST)
    place.replication.answer("start", 500)
    await place.replication.step(place.replication.jobs[job.job_id])
    error = await failing(
        Tries().run(
            place.starts.start_sync,
            REQUEST.model_copy(update={"known_job_ids": (job.job_id,)}),
        )
    )

    said = "".join(capsys.readouterr()) + caplog.text + repr((job, error, error.__cause__, tries.beats))
    assert "final_sync" in said
    for secret in (TOKEN, sample.VCENTER_PASSWORD):
        assert secret not in said
        assert secret not in repr([dataclasses.asdict(call) for call in place.replication.calls])
