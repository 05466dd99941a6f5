"""Status and list: the database and Temporal seen as one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from api.envelopes import JobStatus
from api.executions import Ending, Execution
from api.jobs import closed_job, corrected, recorded_job, sentence, states_of
from database import RunRecord, RunState, VmState
from embedded.seed import PGTEST1_CONTEXT, PGTEST3_CONTEXT
from rules.outcomes import FailoverOutcome, FailureReport
from simulators.cloudstack import Fault, FaultKind
from tests.api.api_server import ApiServer, serve_api
from tests.client.waiting import eventually
from tests.support.site import LIVE, TEST, Site, activity_started

_THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_SOON = _THEN + timedelta(seconds=2)


def _record(state: RunState, **changes: object) -> RunRecord:
    given = {
        "workflow_id": "some-run",
        "run_id": "1",
        "context_id": "ctx",
        "vm_name": "db01",
        "vmware_vm_id": "uuid",
        "failover_type": "live",
        "state": state,
        "vm_state": VmState.NONE,
        "started_at": _THEN,
        "updated_at": _THEN,
    }
    return RunRecord.model_validate({**given, **changes})


def _execution(status: WorkflowExecutionStatus) -> Execution:
    closed = None if status is WorkflowExecutionStatus.RUNNING else _SOON
    return Execution(workflow_id="some-run", status=status, started_at=_THEN, closed_at=closed)


@pytest.mark.parametrize(
    ("state", "status", "progress"),
    (
        (RunState.ACCEPTED, "running", 10),
        (RunState.PLANNED, "running", 50),
        (RunState.VM_CREATED, "running", 75),
        (RunState.STARTING, "running", 90),
        (RunState.HELD, "running", 90),
        (RunState.UNDOING, "running", 0),
        (RunState.COMPLETED, "completed", 100),
        (RunState.CANCELLED, "cancelled", 0),
        (RunState.FAILED, "failed", 0),
        (RunState.REFUSED, "failed", 0),
    ),
)
def test_each_state_has_a_status_and_a_progress(state: RunState, status: str, progress: int) -> None:
    job = recorded_job(_record(state), now=_SOON)
    assert (job.status, job.state, job.progress) == (status, state, progress)
    assert job.duration == 2_000_000_000
    assert "live failover of db01" in sentence(job)


def test_every_state_of_the_database_is_found_by_exactly_one_status() -> None:
    found = [state for status in JobStatus for state in states_of(status)]
    assert sorted(found) == sorted(RunState)


@pytest.mark.parametrize(
    ("execution", "status", "state", "error"),
    (
        (_execution(WorkflowExecutionStatus.RUNNING), "running", "vm_created", None),
        (_execution(WorkflowExecutionStatus.COMPLETED), "completed", "completed", None),
        (_execution(WorkflowExecutionStatus.FAILED), "failed", "failed", None),
        (_execution(WorkflowExecutionStatus.CANCELED), "cancelled", "cancelled", None),
        (_execution(WorkflowExecutionStatus.TERMINATED), "failed", "terminated", "Terminated"),
        (_execution(WorkflowExecutionStatus.TIMED_OUT), "failed", "timed_out", "TimedOut"),
        (None, "failed", "lost", "Lost"),
    ),
)
def test_temporal_decides_whether_an_open_job_is_open(
    execution: Execution | None, status: str, state: str, error: str | None
) -> None:
    job = corrected(recorded_job(_record(RunState.VM_CREATED)), execution)
    assert (job.status, job.state, job.error_type) == (status, state, error)


def test_a_job_that_recorded_its_end_is_not_changed() -> None:
    job = recorded_job(_record(RunState.COMPLETED, finished_at=_SOON))
    assert corrected(job, None) == job
    assert job.duration == 2_000_000_000


def test_stored_decisions_that_cannot_be_read_hide_no_job() -> None:
    job = recorded_job(_record(RunState.PLANNED, decisions=({"nic": "odd"},)))
    assert job.decisions == ()
    assert job.warnings == ("the stored decisions of this job cannot be read",)


@pytest.mark.parametrize(
    ("outcome", "status"),
    ((FailoverOutcome.FAILED, "failed"), (FailoverOutcome.CANCELLED, "cancelled")),
)
def test_a_run_that_recorded_nothing_is_shown_as_its_report_says(
    outcome: FailoverOutcome, status: str
) -> None:
    report = FailureReport(step="create", outcome=outcome, left_behind=("VM x",))
    ending = Ending(error_type="UndoIncomplete", message="it is there", report=report)
    job = closed_job(_execution(WorkflowExecutionStatus.FAILED), ending)
    assert (job.status, job.error_type, job.left_behind) == (status, "UndoIncomplete", ("VM x",))


async def _ended(site: Site, job_id: str) -> None:
    await asyncio.wait_for(site.client.get_workflow_handle(job_id).result(), 60)


async def test_the_list_has_all_jobs_and_every_filter_works(site: Site, api: ApiServer) -> None:
    live = (await api.start(LIVE)).body["job_id"]
    await _ended(site, live)
    drill = (await api.start({"context_id": PGTEST3_CONTEXT, "failover_type": "test"})).body["job_id"]
    await _ended(site, drill)
    refused = (await api.start(LIVE)).body["job_id"]

    async def ids(query: str) -> list[str]:
        answer = await api.jobs(query)
        assert answer.status == 200
        assert answer.body["total"] == len(answer.body["jobs"])
        return [job["job_id"] for job in answer.body["jobs"]]

    assert await ids("") == [refused, drill, live]
    assert await ids("?type=live") == [refused, live]
    assert await ids("?type=test") == [drill]
    assert await ids("?status=completed") == [drill, live]
    assert await ids("?status=failed&type=live") == [refused]
    assert await ids("?status=running") == []
    job = await api.job(live)
    assert await ids(f"?vm_id={job['vmware_vm_id']}") == [refused, live]
    assert await ids(f"?vm_id={job['vm']['id']}&status=completed") == [live]
    assert await ids("?vm_id=unknown") == []
    cut = (await api.jobs("?limit=2")).body
    assert ([one["job_id"] for one in cut["jobs"]], cut["truncated"]) == ([refused, drill], True)
    assert (await api.jobs("?limit=3")).body["truncated"] is False
    assert (await api.jobs("?type=live")).body["filters"] == {"type": "live"}


async def test_a_running_job_says_what_it_waits_for(site: Site, api: ApiServer) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=3))
    job_id = (await api.start(LIVE)).body["job_id"]
    await activity_started(site.client.get_workflow_handle(job_id), "WaitForJobActivity")
    job = await api.job(job_id)
    assert (job["status"], job["progress"]) == ("running", 50)
    assert [one["activity"] for one in job["waiting_for"]] == ["WaitForJobActivity"]
    (listed,) = (await api.jobs("?status=running")).body["jobs"]
    assert listed["job_id"] == job_id
    await _ended(site, job_id)


async def _until(api: ApiServer, query: str, state: str) -> None:
    """Ask until the one job of the list is in this state; Temporal's own lists lag behind for a moment."""
    async with asyncio.timeout(60):
        states: list[str] = []
        while states != [state]:
            await asyncio.sleep(0.05)
            states = [one["state"] for one in (await api.jobs(query)).body["jobs"]]


async def test_a_terminated_run_is_not_shown_as_running(site: Site, api: ApiServer) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=2))
    job_id = (await api.start(LIVE)).body["job_id"]
    handle = site.client.get_workflow_handle(job_id)
    await activity_started(handle, "WaitForJobActivity")
    await handle.terminate("test")
    job = await api.job(job_id)
    assert (job["status"], job["state"], job["error_type"]) == ("failed", "terminated", "Terminated")
    await _until(api, "?status=failed", "terminated")
    assert (await api.jobs("?status=running")).body["jobs"] == []


async def test_a_failed_job_says_why_and_what_it_left(site: Site, api: ApiServer) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.QUOTA, times=1000))
    job_id = (await api.start(LIVE)).body["job_id"]
    await _until(api, "?status=failed", "failed")
    answer = await api.status(job_id)
    job = answer.body["data"]
    assert answer.body["job_details"]["error_message"] == job["error_message"]
    assert job["error_type"] == "QuotaExceeded"
    assert (job["left_behind"], job["vm"]) == ([], None)
    assert site.vms() == []


async def test_a_run_that_was_started_otherwise_is_shown_too(site: Site, api: ApiServer) -> None:
    handle = await site.start(TEST, workflow_id=f"{site.task_queue}/from the command line")
    await handle.result()
    job = await api.job(handle.id)
    assert (job["job_id"], job["context_id"], job["job_type"]) == (handle.id, PGTEST1_CONTEXT, "test")


async def test_the_list_and_the_status_work_on_every_database(field_site: Site) -> None:
    async with serve_api(field_site) as api:
        job_id = (await api.start(TEST, key=f"order-of-{field_site.task_queue}")).body["job_id"]
        await _ended(field_site, job_id)
        again = await api.start(TEST, key=f"order-of-{field_site.task_queue}")
        assert (again.body["job_id"], again.body["data"]["status"]) == (job_id, "completed")
        (job,) = (await api.jobs("?status=completed&type=test")).body["jobs"]
        assert job == await api.job(job_id)
        assert [one["destination_network_name"] for one in job["decisions"]] == ["test-lan", "test-dmz"]
        assert 0 < job["duration"] < 60_000_000_000


async def test_a_workflow_of_another_kind_is_no_job(site: Site, api: ApiServer) -> None:
    handle = await site.client.start_workflow(
        "ExplainWorkflow",
        {"context_id": PGTEST1_CONTEXT},
        id=f"{site.task_queue}-explain",
        task_queue=site.task_queue,
    )
    await handle.result()
    answer = await api.status(handle.id)
    assert (answer.status, answer.error) == (404, "JobNotFound")


async def test_a_queue_with_a_quote_in_its_name_is_listed(site: Site) -> None:
    queue = f"{site.task_queue} isn't odd"
    handle = await site.client.start_workflow(
        "FailoverWorkflow", LIVE, id=f"{site.task_queue}-elsewhere", task_queue=queue
    )
    async with serve_api(site, settings={"FAILOVER_TASK_QUEUE": queue}) as api:
        await _until(api, "?status=pending", "pending")
    await handle.terminate()


async def test_what_ended_without_recording_anything_is_listed_too(site: Site, api: ApiServer) -> None:
    unknown = (await api.start(LIVE | {"context_id": "ctx-none"})).body["job_id"]
    invalid = await site.start({"context_id": PGTEST1_CONTEXT})
    await eventually(lambda: _closed(invalid))
    await site.stop_worker()
    terminated = await site.start(TEST)
    await terminated.terminate()
    (first, second, third) = await _listed(api, "?status=failed", 3)
    assert (first["job_id"], first["state"]) == (terminated.id, "terminated")
    assert (second["job_id"], second["state"], second["error_type"]) == (
        invalid.id,
        "refused",
        "InvalidRequest",
    )
    assert (third["job_id"], third["state"], third["error_type"]) == (unknown, "refused", "UnknownContext")
    assert third["error_message"]
    assert (await api.jobs()).body["jobs"] == [first, second, third]
    cut = (await api.jobs("?limit=2")).body
    assert (cut["jobs"], cut["truncated"]) == ([first, second], True)
    assert (await api.jobs("?type=live")).body["jobs"] == [third]
    assert (await api.jobs("?vm_id=unknown")).body["jobs"] == []
    for status in ("completed", "cancelled", "running", "pending"):
        assert (await api.jobs(f"?status={status}")).body["jobs"] == []
    async with serve_api(site, settings={"FAILOVER_TASK_QUEUE": "another"}) as elsewhere:
        assert (await elsewhere.jobs("?type=live")).body["jobs"] == []


async def test_a_run_that_was_in_the_way_is_named_in_the_list(site: Site, api: ApiServer) -> None:
    site.cloud.faults.add(Fault("deployVirtualMachine", FaultKind.JOB_SLOW, seconds=3))
    first = (await api.start(LIVE)).body["job_id"]
    refused = (await api.start(LIVE)).body["job_id"]
    job = await api.job(first)
    both = await _listed(api, f"?vm_id={job['vmware_vm_id']}", 2)
    assert [one["job_id"] for one in both] == [refused, first]
    assert (both[0]["held_by"], both[0]["vmware_vm_id"]) == (first, job["vmware_vm_id"])
    await _ended(site, first)


async def _closed(handle: WorkflowHandle[Any, Any]) -> bool:
    return (await handle.describe()).close_time is not None


async def _listed(api: ApiServer, query: str, count: int) -> list[dict[str, Any]]:
    """Ask until Temporal's list, which lags behind by a moment, has so many."""

    async def enough() -> list[dict[str, Any]] | None:
        await asyncio.sleep(0.2)
        jobs: list[dict[str, Any]] = (await api.jobs(query)).body["jobs"]
        return jobs if len(jobs) == count and all(one["end_time"] for one in jobs[:1]) else None

    return await eventually(enough)
