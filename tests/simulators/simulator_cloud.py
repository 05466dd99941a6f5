"""A caller of the simulated CloudStack that signs by itself, so that nothing of the product is needed."""

import asyncio
import base64
import hmac
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from simulators.cloudstack import CloudStackSimulator, Credentials, VmState, sample

Json = dict[str, Any]
TWO_NETWORKS = (sample.PROD_LAN_ID, sample.PROD_DMZ_ID)


def new_uuid() -> str:
    return str(uuid.uuid4())


def sign(params: Mapping[str, str], secret: str) -> str:
    text = "&".join(f"{name}={quote(params[name], safe='*').replace('~', '%7E')}" for name in sorted(params))
    return base64.b64encode(hmac.digest(secret.encode(), text.lower().encode(), "sha1")).decode()


def signed(command: str, params: Mapping[str, str], who: Credentials, lifetime: float = 60) -> dict[str, str]:
    expires = datetime.now(UTC) + timedelta(seconds=lifetime)
    request = {
        "command": command,
        "apiKey": who.key,
        "response": "json",
        "signatureVersion": "3",
        "expires": expires.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **params,
    }
    return {**request, "signature": sign(request, who.secret)}


def ip_to_network(*networks: str | Mapping[str, str]) -> dict[str, str]:
    entries = [{"networkid": item} if isinstance(item, str) else item for item in networks]
    return {
        f"iptonetworklist[{place}].{key}": value
        for place, entry in enumerate(entries)
        for key, value in entry.items()
    }


@dataclass(frozen=True)
class Reply:
    status: int
    key: str
    body: Json

    @property
    def code(self) -> tuple[int, int | None]:
        """HTTP status and cserrorcode."""
        return self.status, self.body.get("cserrorcode")


class Cloud:
    def __init__(self, simulator: CloudStackSimulator, session: aiohttp.ClientSession) -> None:
        self.sim = simulator
        self.world = simulator.world
        self.session = session

    async def call(
        self,
        command: str,
        params: Mapping[str, str] | None = None,
        *,
        who: Credentials = sample.ADMIN,
        method: str = "POST",
        lifetime: float = 60,
        **more: str,
    ) -> Reply:
        request = signed(command, {**(params or {}), **more}, who, lifetime)
        return await self.send(request, method)

    async def send(self, request: Mapping[str, str], method: str = "POST") -> Reply:
        where = {"params" if method == "GET" else "data": dict(request)}
        async with self.session.request(method, self.sim.endpoint, **where) as answer:  # type: ignore[arg-type]  # params or data, both take a mapping
            [(key, body)] = (await answer.json()).items()
            return Reply(answer.status, key, body)

    async def raw(self, command: str, **params: str) -> tuple[int, str, str]:
        """Send a GET and return status, content type and text, whatever they are."""
        query = urlencode(signed(command, params, sample.ADMIN))
        async with self.session.get(f"{self.sim.endpoint}?{query}") as answer:
            return answer.status, answer.content_type, await answer.text()

    async def deploy(
        self,
        params: Mapping[str, str] | None = None,
        *,
        who: Credentials = sample.ADMIN,
        networks: tuple[str | Mapping[str, str], ...] = TWO_NETWORKS,
        start: bool = False,
        **more: str,
    ) -> Reply:
        """Deploy with the small offering and the sample template, unless params say something else."""
        base = {
            "zoneid": sample.ZONE_ID,
            "templateid": sample.TEMPLATE_ID,
            "serviceofferingid": sample.SMALL_OFFERING_ID,
            "startvm": str(start).lower(),
        }
        request = {**base, **ip_to_network(*networks), **(params or {}), **more}
        request = {name: value for name, value in request.items() if value != "-"}
        return await self.call("deployVirtualMachine", request, who=who)

    async def deployed(self, name: str, *, start: bool = False, **more: str) -> str:
        """Deploy, wait for the job, and return the VM's id."""
        reply = await self.deploy({"name": name, **more}, start=start)
        assert reply.status == 200, reply
        job = await self.job(reply)
        assert job["jobstatus"] == 1, job
        return str(reply.body["id"])

    def running_vm(self, name: str) -> str:
        """Put a Running VM there as if it had always been."""
        network = self.world.networks[sample.PROD_LAN_ID]
        return self.world.add_vm(name, [network], state=VmState.RUNNING).id

    async def job(self, submitted: Reply, *, who: Credentials = sample.ADMIN) -> Json:
        """Wait until the job of a submit has ended, and return its reply."""
        assert submitted.status == 200, submitted
        while True:
            reply = await self.call("queryAsyncJobResult", jobid=submitted.body["jobid"], who=who)
            assert reply.status == 200, reply
            if reply.body["jobstatus"] != 0:
                return reply.body
            await asyncio.sleep(0.005)

    async def run(
        self,
        command: str,
        params: Mapping[str, str] | None = None,
        *,
        who: Credentials = sample.ADMIN,
        **more: str,
    ) -> Json:
        """Submit an async command and wait for its job."""
        return await self.job(await self.call(command, {**(params or {}), **more}, who=who), who=who)

    async def vm(self, vm_id: str) -> Json:
        reply = await self.call("listVirtualMachines", id=vm_id)
        [found] = reply.body["virtualmachine"]
        return dict(found)

    async def settled(self, *states: str) -> None:
        """Wait until the VMs are in these states and no job is left."""
        await self.until(
            lambda: (
                self.states() == list(states)
                and all(job.completed is not None for job in self.world.jobs.values())
            )
        )

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so; a test that waits in vain fails."""
        async with asyncio.timeout(60):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.01)

    def states(self) -> list[str]:
        """The states of all VMs that exist."""
        return [vm.state.value for vm in self.world.vms_existing()]


@asynccontextmanager
async def running_cloud(simulator: CloudStackSimulator | None = None) -> AsyncIterator[Cloud]:
    simulator = simulator or CloudStackSimulator()
    await simulator.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Cloud(simulator, session)
    finally:
        await simulator.stop()
