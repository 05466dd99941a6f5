"""What the replication system keeps of VMs and jobs: here in memory, in ``sql_records`` in its database."""

from collections.abc import Iterable
from typing import Protocol

from simulators.replication.jobs import Job, Protected


class Records(Protocol):
    """Where VMs are found and jobs are recorded."""

    async def find(self, vm_id: str, vcenter_host: str) -> Protected | None:
        """Return the VM that is replicated under this uuid from this vCenter."""

    async def scheduled(self) -> list[Protected]:
        """Return the VMs whose scheduler is on."""

    async def current_job(self, context_id: str) -> str:
        """Return the job that the context names as running; empty for none."""

    async def begin(self, job: Job) -> None:
        """Record a job that was made."""

    async def move(self, job: Job) -> None:
        """Record how far a job is, and with its end what came of it."""

    async def close(self) -> None:
        """Let go of what is held."""


class MemoryRecords:
    """Keeps everything in memory.

    Args:
        vms: All that are replicated; their schedulers are off.
    """

    def __init__(self, vms: Iterable[Protected] = ()) -> None:
        self.vms = list(vms)
        self.schedulers_on: set[str] = set()
        self.current: dict[str, str] = {}
        self.completed: dict[str, str] = {}

    async def find(self, vm_id: str, vcenter_host: str) -> Protected | None:
        """Return the VM of this uuid, by its vCenter's host in any letter case."""
        wanted = (vm_id.lower(), vcenter_host.lower())
        return next((vm for vm in self.vms if (vm.vm_id.lower(), vm.vcenter_host.lower()) == wanted), None)

    async def scheduled(self) -> list[Protected]:
        """Return the VMs whose scheduler is on."""
        return [vm for vm in self.vms if vm.context_id in self.schedulers_on]

    async def current_job(self, context_id: str) -> str:
        """Return the running job's id."""
        return self.current.get(context_id, "")

    async def begin(self, job: Job) -> None:
        """Note the running job."""
        self.current[job.vm.context_id] = job.id

    async def move(self, job: Job) -> None:
        """Forget a job that ended, and note a success."""
        if job.ended:
            self.current.pop(job.vm.context_id, None)
        if job.status == "completed":
            self.completed[job.vm.context_id] = job.id

    async def close(self) -> None:
        """Nothing is held."""
