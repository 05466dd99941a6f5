"""Waiting for a job of the contract suite."""

import asyncio

from tests.contract.raw_api import Json, RawApi
from tests.contract.target import KeyPair

PENDING, SUCCEEDED, FAILED = 0, 1, 2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 2.0  # seconds
_OK = 200


async def finished_job(api: RawApi, job_id: str, *, who: KeyPair | None = None) -> Json:
    """Ask until the job has ended, and return its reply. The time limit is the test's own.

    Raises:
        ValueError: The server refuses to tell.
    """
    pause = _FIRST_PAUSE
    while True:
        reply = await api.call("queryAsyncJobResult", jobid=job_id, who=who)
        if reply.status != _OK:
            raise ValueError(f"queryAsyncJobResult answers {reply.status}: {reply.body.get('errortext', '')}")
        if reply.body["jobstatus"] != PENDING:
            return reply.body
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def failure_of(job: Json) -> str:
    """Return what went wrong, empty after success."""
    if job["jobstatus"] == SUCCEEDED:
        return ""
    text = job.get("jobresult", {}).get("errortext", "no result")
    return f"job {job['jobresultcode']} {text}"
