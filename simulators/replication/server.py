"""The simulated replication system."""

import asyncio
import hmac
import itertools
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from simulators.listener import Listener
from simulators.replication.faults import Fault, Faults
from simulators.replication.jobs import Fate, Job, Protected
from simulators.replication.records import MemoryRecords, Records

_PATH = "/api/v1/replications"


@dataclass(frozen=True, slots=True)
class ReplicationCall:
    """A request that arrived, for assertions; no token in it.

    Attributes:
        job: The job that is asked for, or that the request started.
        body: Of a start.
    """

    at: datetime
    method: str
    job: str = ""
    body: Mapping[str, object] | None = None


class ReplicationSimulator:
    """Answers as the original's own API does (original-system.md, section 9). Never point production at it.

    Args:
        records: The VMs that are replicated, and where jobs are recorded.
        token: The bearer token that requests must carry; empty for none.
        steps: A job ends with its step of this number.
        step_seconds: A job moves by itself, one step in so many seconds; None leaves that to ``step`` and to
            whoever asks for the job.
        step_on_look: A question for a job moves it on by one step before it is answered.
    """

    def __init__(
        self,
        records: Records | None = None,
        *,
        token: str = "",
        steps: int = 3,
        step_seconds: float | None = None,
        step_on_look: bool = True,
    ) -> None:
        self.records = records or MemoryRecords()
        self.jobs: dict[str, Job] = {}
        self.calls: list[ReplicationCall] = []
        self.steps = steps
        self.step_seconds = step_seconds
        self.step_on_look = step_on_look
        self._token = token
        self._fates: deque[Fate] = deque()
        self._faults = Faults()
        self._hang = 0.0
        self._numbers = itertools.count(1)
        self._moving: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        self._listener = Listener(self._application)

    @property
    def url(self) -> str:
        """The base URL, without a path."""
        return f"http://{self._listener.host}:{self._listener.port}"

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 is any free one.

        Raises:
            PortTakenError: Somebody else listens there.
        """
        await self._listener.start(host, port)

    async def refuse(self) -> None:
        """Drop every connection and refuse new ones until ``start`` with the same port; jobs move on."""
        await self._listener.refuse()

    async def stop(self) -> None:
        """Stop listening, and every job where it is."""
        await self._listener.stop()
        for task in self._moving:
            task.cancel()
        await asyncio.gather(*self._moving, return_exceptions=True)
        await self.records.close()

    def next_job(self, *fates: Fate) -> None:
        """Decide what becomes of the next jobs; those after them complete."""
        self._fates.extend(fates)

    def lose(self, operation: str, *, effect: bool = True, times: int = 1) -> Fault:
        """Break the connection of the next requests, after or before their effect."""
        return self._faults.add(Fault(operation, effect=effect, times=times))

    def answer(self, operation: str, status: int, *, effect: bool = False, times: int = 1) -> Fault:
        """Answer the next requests with this HTTP status."""
        return self._faults.add(Fault(operation, effect=effect, status=status, times=times))

    def hold(self, operation: str, *, effect: bool = True) -> Fault:
        """Keep the answer to the next request back until the fault is released."""
        return self._faults.add(Fault(operation, effect=effect, hold=True))

    def hang(self, seconds: float) -> None:
        """Let every later answer take so long; 0 ends it."""
        self._hang = seconds

    def forget(self, job_id: str) -> None:
        """Answer 404 for a job from now on; it moves on all the same."""
        del self.jobs[job_id]

    async def step(self, job: Job) -> None:
        """Move a job on by one step, and record it."""
        job.step()
        await self.records.move(job)

    async def tick(self) -> list[Job]:
        """Do what the scheduler does when its time has come: a job for each VM whose scheduler is on.

        One that has a job running is left out.
        """
        vms = await self.records.scheduled()
        return [job for vm in vms if (job := await self._begin(vm, scheduled=True)) is not None]

    def _application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.post(_PATH, self._start),
                web.get(f"{_PATH}/{{id:.+}}", self._status),
                web.get("/health", self._health),
                web.get("/simulator/state", self._state),
                web.post("/simulator/faults", self._order),
                web.post("/simulator/tick", self._tick),
            ]
        )
        return app

    async def _start(self, request: web.Request) -> web.Response:
        await self._arrive()
        if not self._permitted(request):
            return web.json_response({"error": "unauthorized"}, status=401)
        try:
            body: object = json.loads(await request.text())
        except json.JSONDecodeError:
            body = None
        self.calls.append(
            ReplicationCall(datetime.now(UTC), "POST", body=body if isinstance(body, dict) else None)
        )
        if not isinstance(body, dict):
            return web.json_response({"error": "Invalid request body"}, status=400)
        return await self._through(request, "start", body)

    async def _through(
        self, request: web.Request, operation: str, asked: Mapping[str, object] | str
    ) -> web.Response:
        """Do what was asked, through the fault that was ordered, if there is one."""
        fault = self._faults.take(operation)
        reply = await self._act(asked) if fault is None or fault.effect else None
        struck = await fault.strike(request) if fault is not None else None
        if struck is not None:
            return struck
        return await self._act(asked) if reply is None else reply

    async def _act(self, asked: Mapping[str, object] | str) -> web.Response:
        return await (self._shown(asked) if isinstance(asked, str) else self._started(asked))

    async def _started(self, body: Mapping[str, object]) -> web.Response:
        source = body.get("source_vm")
        vcenter, config = body.get("vcenter_host"), body.get("ossea_config_id")
        if not isinstance(source, dict) or not source.get("id") or not vcenter or not isinstance(config, int):
            return web.json_response(
                {"error": "source_vm.id, vcenter_host and ossea_config_id are required"}, status=400
            )
        vm = await self.records.find(str(source["id"]), str(vcenter))
        if vm is None:
            return web.json_response({"error": "VM context not found"}, status=400)
        job = await self._begin(vm, source_vm=source, ossea_config_id=config)
        if job is None:
            return web.json_response({"error": "a replication job is already running"}, status=409)
        return web.json_response(
            {
                "job_id": job.id,
                "status": job.status,
                "progress_percent": 0,
                "source_vm": source,
                "created_volumes": [],
                "mounted_volumes": [],
                "started_at": job.started_at.isoformat(),
                "message": "Replication started",
            },
            status=201,
        )

    async def _begin(
        self,
        vm: Protected,
        *,
        scheduled: bool = False,
        source_vm: dict[str, object] | None = None,
        ossea_config_id: int = 0,
    ) -> Job | None:
        """Begin a job unless the VM has one; None then."""
        async with self._starting:
            if await self.records.current_job(vm.context_id):
                return None
            job = Job(
                id=f"job-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{next(self._numbers)}",
                vm=vm,
                steps=self.steps,
                fate=self._fates.popleft() if self._fates else Fate.COMPLETES,
                scheduled=scheduled,
                ossea_config_id=ossea_config_id,
                source_vm=source_vm or {},
            )
            self.jobs[job.id] = job
            await self.records.begin(job)
        if self.step_seconds is not None:
            task = asyncio.create_task(self._move(job, self.step_seconds))
            self._moving.add(task)
            task.add_done_callback(self._moving.discard)
        return job

    async def _move(self, job: Job, seconds: float) -> None:
        while not job.ended:
            await asyncio.sleep(seconds)
            await self.step(job)

    async def _status(self, request: web.Request) -> web.Response:
        await self._arrive()
        if not self._permitted(request):
            return web.json_response({"error": "unauthorized"}, status=401)
        job_id = request.match_info["id"]
        self.calls.append(ReplicationCall(datetime.now(UTC), "GET", job_id))
        return await self._through(request, "status", job_id)

    async def _shown(self, job_id: str) -> web.Response:
        job = self.jobs.get(job_id)
        if job is None:
            return web.json_response({"error": "replication job not found"}, status=404)
        if self.step_on_look:
            await self.step(job)
        return web.json_response(job.reply())

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy"})

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "hang_seconds": self._hang,
                "jobs": {
                    job.id: {"status": job.status, "context": job.vm.context_id, "scheduled": job.scheduled}
                    for job in self.jobs.values()
                },
            }
        )

    async def _order(self, request: web.Request) -> web.Response:
        """Take orders over HTTP: ``hang_seconds``, and ``next_job`` with a list of fates."""
        body: object = await request.json()
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="a fault is a JSON object\n")
        if isinstance(seconds := body.get("hang_seconds"), int | float):
            self.hang(float(seconds))
        try:
            self.next_job(*(Fate(fate) for fate in body.get("next_job", ())))
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        return await self._state(request)

    async def _tick(self, _request: web.Request) -> web.Response:
        return web.json_response({"started": [job.id for job in await self.tick()]})

    async def _arrive(self) -> None:
        if self._hang > 0:
            await asyncio.sleep(self._hang)

    def _permitted(self, request: web.Request) -> bool:
        given = request.headers.get("Authorization", "")
        return not self._token or hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())
