"""Sections 4, 5 and 8: asynchronous jobs."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.cloud import SUCCESS, Cloud, failed, new_id, nics, outcome
from tests.contract.raw_api import Json, Reply
from tests.contract.target import KeyPair

# What every job shows, finished or not.
ALWAYS = {"accountid", "userid", "cmd", "jobprocstatus", "jobresultcode", "created", "jobid", "jobstatus"}
FINISHED_ONLY = {"jobresult", "jobresulttype", "completed"}


@pytest.fixture
async def pending(cloud: Cloud, lan: str) -> AsyncIterator[tuple[Reply, Json]]:
    """The start of a VM, submitted a moment ago, and its job as it is now."""
    vm_id = await cloud.deployed(lan)
    submitted = await cloud.call("startVirtualMachine", id=vm_id)
    job = (await cloud.call("queryAsyncJobResult", jobid=submitted.body["jobid"])).body
    if job["jobstatus"] != 0:
        pytest.skip("a start is over here before anybody can ask for it")
    yield submitted, job
    await cloud.job(submitted)


@pytest.mark.observed(8, "shapes: deployVirtualMachine submit reply")
async def test_a_deploy_answers_with_the_ids_of_vm_and_job(cloud: Cloud, lan: str) -> None:
    submitted = await cloud.deploy(nics(lan))
    assert set(submitted.body) == {"id", "jobid"}
    assert submitted.key == "deployvirtualmachineresponse"
    await cloud.job(submitted)


@pytest.mark.observed(8, "pending: jobstatus 0, no jobresult, no jobresulttype, no completed")
async def test_a_pending_job_has_no_result(pending: tuple[Reply, Json]) -> None:
    submitted, job = pending
    assert set(submitted.body) == {"jobid"}
    assert set(job) >= ALWAYS
    assert not FINISHED_ONLY & set(job)
    assert (job["jobid"], *outcome(job)) == (submitted.body["jobid"], 0, 0)


@pytest.mark.observed(8, "success: adds jobresulttype, jobresult, completed; jobstatus 1, jobresultcode 0")
async def test_a_job_that_succeeded_has_the_thing_in_its_result(cloud: Cloud, lan: str) -> None:
    submitted = await cloud.deploy(nics(lan))
    job = await cloud.job(submitted)
    assert set(job) >= ALWAYS | FINISHED_ONLY
    assert outcome(job) == SUCCESS
    assert job["jobresulttype"] == "object"
    assert job["jobresult"]["virtualmachine"]["id"] == submitted.body["id"]
    assert job["jobinstanceid"] == submitted.body["id"]


@pytest.mark.observed(
    8, "failure: jobstatus 2, code in jobresultcode, jobresult only errorcode and errortext"
)
async def test_a_job_that_failed_has_the_code_twice_and_no_cserrorcode(cloud: Cloud, running_vm: str) -> None:
    job = await cloud.run("startVirtualMachine", id=running_vm)
    assert outcome(job) == failed(431)
    assert set(job["jobresult"]) == {"errorcode", "errortext"}
    assert job["jobresult"]["errorcode"] == 431
    assert job["jobresulttype"] == "object"


@pytest.mark.observed(5, "start on Running: HTTP 200 and jobid, job 431")
async def test_start_on_running_is_refused_in_the_job_only(cloud: Cloud, running_vm: str) -> None:
    submitted = await cloud.call("startVirtualMachine", id=running_vm)
    assert submitted.status == 200
    assert outcome(await cloud.job(submitted)) == failed(431)
    assert (await cloud.vm(running_vm))["state"] == "Running"


@pytest.mark.observed(8, "listAsyncJobs: same keys per entry under asyncjobs, with count; only unfinished")
async def test_only_unfinished_jobs_are_listed(cloud: Cloud, pending: tuple[Reply, Json]) -> None:
    submitted, job = pending
    paging = {"page": "1", "pagesize": "500"}
    listed = await cloud.call("listAsyncJobs", paging)
    entries = {entry["jobid"]: entry for entry in listed.items("asyncjobs")}
    assert listed.body["count"] >= len(entries)
    listed_job = entries[job["jobid"]]
    assert (set(listed_job), listed_job["jobstatus"]) == (set(job), 0)
    await cloud.job(submitted)
    after = (await cloud.call("listAsyncJobs", paging)).items("asyncjobs")
    assert job["jobid"] not in {entry["jobid"] for entry in after}


@pytest.mark.parametrize("job_id", ("unknown", "malformed"))
@pytest.mark.observed(8, "unknown or malformed jobid: 431 9999")
async def test_an_unknown_job_is_431(cloud: Cloud, job_id: str) -> None:
    value = new_id() if job_id == "unknown" else job_id
    assert (await cloud.call("queryAsyncJobResult", jobid=value)).code == (431, 9999)


@pytest.mark.observed(8, "Another account's job: 531")
async def test_somebody_elses_job_is_531(cloud: Cloud, plain: KeyPair, stopped_vm: str) -> None:
    job = await cloud.done("stopVirtualMachine", id=stopped_vm)
    assert (await cloud.call("queryAsyncJobResult", jobid=job["jobid"], who=plain)).status == 531


@pytest.mark.observed(
    4, "any async command: used as jobid; start/stop resent, job finished: 530 9999, nothing run"
)
async def test_a_customjobid_runs_a_command_once(cloud: Cloud, lan: str) -> None:
    vm_id, job_id = await cloud.running(lan), new_id()
    submitted = await cloud.call("stopVirtualMachine", id=vm_id, customjobid=job_id)
    assert submitted.body == {"jobid": job_id}
    assert outcome(await cloud.job(submitted)) == SUCCESS
    again = await cloud.call("startVirtualMachine", id=vm_id, customjobid=job_id)
    assert again.code == (530, 9999)
    assert (await cloud.vm(vm_id))["state"] == "Stopped"


@pytest.mark.observed(4, "deploy resent, other name, job finished: 530 9999 and an orphan Stopped VM")
async def test_a_customjobid_on_a_deploy_leaves_an_orphan(cloud: Cloud, lan: str) -> None:
    job_id, orphan = new_id(), cloud.name()
    first = await cloud.deploy(nics(lan), customjobid=job_id)
    await cloud.job(first)
    assert (await cloud.deploy(nics(lan), customjobid=job_id, name=orphan)).code == (530, 9999)
    [left] = (await cloud.call("listVirtualMachines", name=orphan)).items("virtualmachine")
    assert left["state"] == "Stopped"
