"""An appliance with a machine's replicas, our new VM beside it, and activities on a simulated CloudStack."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import aiohttp
import pytest_asyncio
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.clouds import Clouds, CloudStackOptions
from activities.jobs import JobActivities
from activities.messages.disks import MoveRequest, Place
from activities.messages.vm import JobReport, JobRequest, VmOwner
from activities.move_disk import MoveDiskActivities
from database import CloudStackKeys
from rules.context import DestinationConfig
from rules.disks import DiskPlan, VolumeFacts
from rules.outcomes import FailoverVm
from rules.request import FailoverType
from simulators.cloudstack import CloudStackSimulator, Credentials, VmState, sample
from simulators.cloudstack.entities import Vm
from simulators.cloudstack.storage import Volume
from simulators.volume_daemon import VolumeDaemonSimulator
from volume_daemon import VolumeDaemonClient

_Q = TypeVar("_Q")
_R = TypeVar("_R")
JOB_POLL = 0.02
QUICK = {"expiry_seconds": 2.0, "settle_seconds": 0.05}
"""How long a signed call acts: no test waits for the clock."""


def destination(endpoint: str) -> DestinationConfig:
    return DestinationConfig(
        config_id=1,
        name="site",
        api_url=endpoint,
        zone=sample.ZONE_ID,
        template_id=sample.TEMPLATE_ID,
        service_offering_id=sample.SMALL_OFFERING_ID,
    )


def clouds_of(endpoint: str, who: Credentials = sample.ADMIN, *, timeout: float = 2.0) -> Clouds:
    keys = CloudStackKeys(endpoint, who.key, who.secret)

    async def stored(_config_id: int) -> CloudStackKeys:
        return keys

    return Clouds(stored, None, CloudStackOptions(timeout=timeout, job_poll=JOB_POLL))


@dataclass
class DiskSite:
    sim: CloudStackSimulator
    clouds: Clouds
    owner: VmOwner
    appliance: Vm
    vm: Vm
    replicas: list[Volume]

    @property
    def replica_ids(self) -> tuple[str, ...]:
        return tuple(volume.id for volume in self.replicas)

    @property
    def allowed(self) -> tuple[str, ...]:
        return self.appliance.id, self.vm.id

    def our_vm(self) -> FailoverVm:
        return FailoverVm(id=self.vm.id, name=self.vm.name)

    def plan(self, index: int, device_id: int) -> DiskPlan:
        volume = self.replicas[index]
        return DiskPlan(
            disk_id=f"disk-{2000 + index}",
            volume_id=volume.id,
            device_id=device_id,
            size_gb=volume.size // 1024**3,
            is_boot=device_id == 0,
            storage_id=volume.pool.id if volume.pool else "",
            appliance_device_id=volume.device_id,
        )

    def move(self, volume: Volume, to: Place, **more: Any) -> MoveRequest:  # noqa: ANN401 - fields
        return MoveRequest(
            owner=self.owner,
            volume_id=volume.id,
            to=to,
            allowed_vm_ids=self.allowed,
            **{"storage_id": volume.pool.id if volume.pool else "", **QUICK, **more},
        )

    async def wait(self, job_id: str, jobs: JobActivities | None = None) -> JobReport:
        waiting = jobs or JobActivities(self.clouds)
        request = JobRequest(destination=self.owner.destination, job_id=job_id, timeout_seconds=30)
        return await run(waiting.wait_for_job, request)

    async def bring(
        self,
        request: MoveRequest,
        moving: MoveDiskActivities | None = None,
        jobs: JobActivities | None = None,
    ) -> VolumeFacts:
        """Move as the workflow does: one step, its job, and again."""
        moving = moving or MoveDiskActivities(self.clouds)
        for _ in range(10):
            reply = await run(moving.move_disk, request)
            if reply.placed:
                return reply.volume
            await self.wait(reply.job_id, jobs)
        raise AssertionError("it never gets there")

    def detach_template_root(self) -> None:
        for volume in self.sim.world.volumes_of(self.vm):
            if volume.is_root:
                self.sim.world.remove_volume(volume)

    def shown(self, volume: Volume) -> tuple[str, int | None]:
        return (volume.vm.id if volume.vm else "", volume.device_id)

    def unfinished_jobs(self) -> list[str]:
        return [job.id for job in self.sim.world.jobs.values() if job.completed is None]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it is so; a test that waits in vain fails."""
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.005)

    def commands(self, *names: str) -> list[str]:
        return [call.command for call in self.sim.calls if call.command in names]


async def run(step: Callable[[_Q], Awaitable[_R]], request: _Q, *, attempt: int = 1) -> _R:
    """Run an activity as a worker does."""
    environment = ActivityEnvironment()
    environment.info = replace(ActivityEnvironment.default_info(), attempt=attempt)
    return await environment.run(step, request)


async def fails(
    step: Callable[[_Q], Awaitable[object]], request: _Q, *, attempt: int = 1
) -> ApplicationError:
    """Run an activity that fails, and return its typed failure."""
    try:
        result = await run(step, request, attempt=attempt)
    except ApplicationError as error:
        return error
    raise AssertionError(f"no failure: {result}")


@pytest_asyncio.fixture(loop_scope="session")
async def disk_site() -> AsyncIterator[DiskSite]:
    sim = CloudStackSimulator()
    await sim.start()
    world = sim.world
    network = world.networks[sample.DEFAULT_NET_ID]
    appliance = world.add_vm("appliance", [network], state=VmState.RUNNING)
    pool = world.any_pool(world.cluster_of(appliance))
    replicas = [
        world.add_disk(f"pgtest1-disk-{2000 + index}", vm=appliance, pool=pool, content=f"replica {index}")
        for index in range(3)
    ]
    owner = VmOwner(
        workflow_id="failover-live-pgtest1",
        context_id="ctx-pgtest1",
        failover_type=FailoverType.LIVE,
        source_vm_name="pgtest1",
        destination=destination(sim.endpoint),
    )
    vm = world.add_vm(
        "pgtest1",
        [network],
        details={"failoverworkflow": owner.workflow_id, "failovercontext": owner.context_id},
    )
    clouds = clouds_of(sim.endpoint)
    try:
        yield DiskSite(sim, clouds, owner, appliance, vm, replicas)
    finally:
        await clouds.close()
        await sim.stop()


@dataclass
class DaemonSite:
    site: DiskSite
    daemon: VolumeDaemonSimulator
    moving: MoveDiskActivities
    jobs: JobActivities


@pytest_asyncio.fixture(loop_scope="session")
async def daemon_site(disk_site: DiskSite) -> AsyncIterator[DaemonSite]:

    daemon = VolumeDaemonSimulator(disk_site.sim.endpoint, appliance_vm_id=disk_site.appliance.id)
    await daemon.start()
    try:
        async with aiohttp.ClientSession() as session:
            client = VolumeDaemonClient(daemon.url, session, timeout_seconds=2)
            jobs = JobActivities(disk_site.clouds, client, daemon_poll=0.02, daemon_grace=0.2)
            yield DaemonSite(disk_site, daemon, MoveDiskActivities(disk_site.clouds, client), jobs)
    finally:
        await daemon.stop()
