"""queryAsyncJobResult and listAsyncJobs (observed, sections 8 and 22)."""

from datetime import UTC, datetime

from simulators.cloudstack.commands.invocation import Command, Invocation, Json
from simulators.cloudstack.commands.listing import paged, shown_owner
from simulators.cloudstack.errors import bad_argument, unknown_entity
from simulators.cloudstack.shapes import job as job_shape


async def query_async_job_result(inv: Invocation) -> Json:
    """Return one job, finished or not."""
    job_id = inv.params.required("jobid")
    job = inv.server.jobs.find(job_id.lower())
    if job is None:
        raise unknown_entity(inv.params.command, "jobid", job_id)
    inv.require_access(job.account)
    return job_shape(inv.world, job)


async def list_async_jobs(inv: Invocation) -> Json:
    """Return the unfinished jobs by rising creation time; ``keyword`` is ignored, as observed."""
    shown = shown_owner(inv, by_id=False)
    since = _start_date(inv)
    jobs = [job for job in inv.server.jobs.unfinished() if shown(job.account) and job.created >= since]
    return paged(inv, "asyncjobs", jobs, lambda job: job_shape(inv.world, job))


def _start_date(inv: Invocation) -> datetime:
    text = inv.params.get("startdate")
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_argument(
            inv.params.command, f"Unable to parse date {text} for parameter startdate"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


COMMANDS = (
    Command("queryAsyncJobResult", query_async_job_result, required=("jobid",)),
    Command("listAsyncJobs", list_async_jobs),
)
