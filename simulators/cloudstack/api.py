"""From a request's parameters to the body of its answer."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.cloudstack.commands import COMMANDS
from simulators.cloudstack.commands.invocation import Command, Invocation, Json, Server
from simulators.cloudstack.entities import Account, JobStatus
from simulators.cloudstack.envelope import error_body
from simulators.cloudstack.errors import (
    MASK,
    MASKED_CODES,
    ApiError,
    Code,
    Detail,
    entity_exists,
    unauthorized,
    uuid_taken,
)
from simulators.cloudstack.faults import Fault, FaultStage
from simulators.cloudstack.jobs import Jobs, JobSpec
from simulators.cloudstack.latency import Latency
from simulators.cloudstack.params import Params
from simulators.cloudstack.signature import verify
from simulators.cloudstack.world import World


@dataclass(frozen=True, slots=True)
class Throttle:
    """So many calls in so many seconds for each account; a root admin has no limit (section 8)."""

    calls: int = 25
    seconds: float = 1.0


class Api:
    """Authenticates a request, finds its command, runs it."""

    def __init__(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        world: World,
        latency: Latency,
        *,
        job_expiry_seconds: float,
        throttle: Throttle | None,
        enforce_post: bool,
        page_size: int,
    ) -> None:
        self._world = world
        self._jobs = Jobs(world, job_expiry_seconds)
        self._server = Server(world, self._jobs, latency, page_size)
        self._throttle = throttle
        self._enforce_post = enforce_post
        self._recent: dict[str, deque[datetime]] = {}

    async def fail_jobs(self) -> None:
        """End all jobs without a result."""
        await self._jobs.fail_all()

    async def call(
        self, method: str, raw: Mapping[str, str], command: str, faults: Mapping[FaultStage, Fault]
    ) -> Json:
        """Return the body of the answer.

        Raises:
            ApiError: The call is refused.
        """
        caller = self._authenticated(raw)
        self._throttled(caller)
        found = self._command(command, caller)
        if self._enforce_post and method == "GET" and not found.is_read:
            raise ApiError(
                Code.BAD_REQUEST, f"State changing command {command} needs to be sent using POST request"
            )
        if self._world.maintenance and found.is_async:
            raise ApiError(
                Code.MAINTENANCE,
                "Maintenance or Shutdown has been initiated on this management server."
                " Can not accept new jobs",
            )
        params = Params(command, raw)
        for name in found.required:
            params.required(name)
        await asyncio.sleep(self._reply_seconds(found))
        inv = Invocation(self._server, params, caller, faults)
        answer = await found.handler(inv)
        return self._submitted(inv, answer) if isinstance(answer, JobSpec) else answer

    def error_body(self, error: ApiError, raw: Mapping[str, str]) -> Json:
        """Return what the caller may see of an error: an ordinary user gets a general text (section 1)."""
        body = error_body(error)
        caller = self._world.account_by_key(_value(raw, "apikey"))
        if error.code in MASKED_CODES and caller is not None and not caller.is_root_admin:
            body["errortext"] = MASK
        return body

    def _authenticated(self, raw: Mapping[str, str]) -> Account:
        account = self._world.account_by_key(_value(raw, "apikey"))
        if account is None or account.credentials is None:
            raise unauthorized()
        verify(raw, account.credentials.secret, self._world.now(), enforced=self._enforce_post)
        return account

    def _throttled(self, caller: Account) -> None:
        if self._throttle is None or caller.is_root_admin:
            return
        now = self._world.now()
        recent = self._recent.setdefault(caller.name, deque())
        window = timedelta(seconds=self._throttle.seconds)
        while recent and now - recent[0] >= window:
            recent.popleft()
        if len(recent) >= self._throttle.calls:
            left = round((recent[0] + window - now).total_seconds() * 1000)
            raise ApiError(
                Code.THROTTLED,
                f"The given user has reached his/her account api limit, please retry after [{left}] ms.",
            )
        recent.append(now)

    def _command(self, name: str, caller: Account) -> Command:
        found = COMMANDS.get(name)
        if found is None and caller.is_root_admin:
            raise unauthorized()
        if found is None or (found.admin_only and not caller.is_root_admin):
            raise ApiError(
                Code.UNSUPPORTED,
                f"The API [{name}] does not exist or is not available for the account for user id"
                f" [{self._world.ids.uuid()}].",
            )
        return found

    def _reply_seconds(self, command: Command) -> float:
        latency = self._server.latency
        if command.name == "queryAsyncJobResult":
            return latency.query
        return latency.read if command.is_read else latency.write

    def _submitted(self, inv: Invocation, spec: JobSpec) -> Json:
        """Save the job. Only now is customjobid looked at, when a deploy has made its VM (section 4)."""
        job_id = inv.custom_id("customjobid")
        earlier = self._jobs.find(job_id)
        if earlier is not None and earlier.status is JobStatus.PENDING:
            raise uuid_taken(job_id)
        if earlier is not None:
            raise entity_exists(Detail.UNSPECIFIED)
        job = self._jobs.submit(inv.caller, spec, inv.faults.get(FaultStage.JOB), job_id)
        return {"id": spec.created_id, "jobid": job.id} if spec.created_id else {"jobid": job.id}


def _value(raw: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in raw.items() if name.lower() == wanted), "")
