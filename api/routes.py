"""The routes: what each path reads, and what it answers with."""

import asyncio
import time
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from api.callers import CALLER
from api.envelopes import ErrorData, HealthReply, JobDetails, JobListReply, JobReply
from api.errors import JOB_NOT_FOUND, NOT_READY, ApiError, TemporalAway
from api.job_book import JobBook
from api.jobs import sentence
from api.middleware import STARTED_JOB
from api.replies import json_reply, reply
from api.requests import idempotency_key, job_filter, read_object
from api.starts import Starter
from api.temporal import TemporalGateway
from api.tokens import Scope
from database import Database, DatabaseError

START_PATH: Final = "/api/v1/failover/unified"
JOBS_PATH: Final = "/api/v1/failover/jobs"
STATUS_PATH: Final = "/api/v1/failover/{job_id}/status"

_READY_SECONDS: Final = 1.0


class FailoverRoutes:
    """Start, list, status.

    Args:
        starter: Starts failovers.
        jobs: Reads them.
    """

    def __init__(self, starter: Starter, jobs: JobBook) -> None:
        self._starter = starter
        self._jobs = jobs

    def table(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post(START_PATH, self.start),
            web.get(JOBS_PATH, self.all, allow_head=False),
            web.get(STATUS_PATH, self.status, allow_head=False),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """Start a failover, and say whether it is accepted."""
        caller = request[CALLER]
        caller.require(Scope.TEST, Scope.LIVE)
        key = idempotency_key(request)
        start = await self._starter.prepare(await read_object(request), caller, key)
        request[STARTED_JOB] = start.job_id
        status, body = await self._starter.start(start)
        return reply(body, status=status)

    async def all(self, request: web.Request) -> web.Response:
        """List jobs."""
        request[CALLER].require(Scope.READ)
        wanted = job_filter(request.query)
        found = await self._jobs.all(wanted)
        filters = {name: value for name, value in request.query.items() if value}
        return reply(
            JobListReply(
                message=f"{len(found.jobs)} failover jobs",
                total=len(found.jobs),
                filters=filters,
                jobs=found.jobs,
                truncated=found.truncated,
                temporal="ok" if found.temporal else "unavailable",
            )
        )

    async def status(self, request: web.Request) -> web.Response:
        """Show one job."""
        request[CALLER].require(Scope.READ)
        job_id = request.match_info["job_id"]
        found = await self._jobs.find(job_id)
        if found is None:
            raise ApiError(
                HTTPStatus.NOT_FOUND, JOB_NOT_FOUND, "There is no failover job with this id", job_id=job_id
            )
        job = found.job
        return reply(
            JobReply(
                message=sentence(job),
                job_id=job.job_id,
                status=job.status,
                progress=job.progress,
                start_time=job.start_time,
                duration=job.duration,
                job_details=JobDetails(
                    job_type=job.job_type,
                    context_id=job.context_id,
                    external_job_id=job.job_id,
                    error_message=job.error_message or "",
                    tracking_source="failover_runs" if found.recorded else "temporal",
                ),
                data=job,
            )
        )


class ProbeRoutes:
    """For whoever watches the process, and for whoever writes a client. None needs a token.

    Args:
        database: Whether it answers.
        temporal: Whether it answers.
        document: The OpenAPI document, as JSON.
    """

    def __init__(self, database: Database, temporal: TemporalGateway, document: str) -> None:
        self._database = database
        self._temporal = temporal
        self._document = document
        self._asking = asyncio.Lock()
        self._checks: dict[str, str] = {}
        self._checked_at = -_READY_SECONDS

    def table(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/healthz", self.health, allow_head=False),
            web.get("/readyz", self.ready, allow_head=False),
            web.get("/openapi.json", self.openapi, allow_head=False),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        """Say that the process answers."""
        return reply(HealthReply(message="alive"))

    async def ready(self, _request: web.Request) -> web.Response:
        """Say whether a failover could be started now. Many who ask at once make one question of it."""
        async with self._asking:
            if time.monotonic() - self._checked_at >= _READY_SECONDS:
                database, temporal = await asyncio.gather(
                    _answers(self._ask_database()), _answers(self._temporal.check())
                )
                self._checks = {"database": database, "temporal": temporal}
                self._checked_at = time.monotonic()
        if set(self._checks.values()) != {"ok"}:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                NOT_READY,
                "A part that a failover needs does not answer",
                data=ErrorData(checks=self._checks),
            )
        return reply(HealthReply(message="ready"))

    async def openapi(self, _request: web.Request) -> web.Response:
        """Give the OpenAPI document."""
        return json_reply(self._document)

    async def _ask_database(self) -> None:
        async with self._database.read() as connection:
            await connection.exec_driver_sql("SELECT 1")


async def _answers(question: Awaitable[None]) -> str:
    try:
        await question
    except (DatabaseError, TemporalAway):
        return "unavailable"
    return "ok"
