"""The final sync: one more replication job of a VM that is off, started once."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from temporalio import activity

from activities.failures import failure
from activities.heartbeats import heartbeats, to_the_end
from activities.messages.replication import StartSyncRequest
from activities.translate import typed_failures
from activities.vcenter import VCenterSignIn
from database import CredentialRepository
from replication import (
    JobRunning,
    ReplicationClient,
    ReplicationNotPermitted,
    ReplicationRefused,
    ReplicationUnavailable,
    StartSync,
)
from rules.context import VMContext
from rules.disks import ReplicationFacts, SyncJob
from rules.errors import FailoverErrorType
from vma import DiscoveredVm, VmaClient

_log = structlog.get_logger(__name__)

FactsReader = Callable[[str], Awaitable[ReplicationFacts]]
"""Reads what the database knows of a context's replication, by context id."""


class FinalSyncActivities:
    """Starts a sync.

    The request to replication has no key that would make a second one the same. So the database is read
    before each request and after each lost reply. A job that was there before the first try began while
    the source may still have run: it is waited for, never taken for the final sync.

    Args:
        client: The replication API; None where ``REPLICATION_URL`` is not set.
        read_facts: The database.
        vma: The agent: replication wants the VM as discovered, all of it.
        credentials: The vCenter sign-ins of the appliance; read and decrypted in here only.
        own_credential: The worker's ``VMA_VCENTER_*`` settings as user name and password; they win.
    """

    def __init__(
        self,
        client: ReplicationClient | None,
        read_facts: FactsReader,
        vma: VmaClient,
        credentials: CredentialRepository,
        own_credential: tuple[str, str] | None = None,
    ) -> None:
        self._client = client
        self._read_facts = read_facts
        self._vma = vma
        self._sign_in = VCenterSignIn(credentials, own_credential)

    @activity.defn(name="StartSyncActivity")
    async def start_sync(self, request: StartSyncRequest) -> SyncJob:
        """Start the sync, or find the one that an earlier try of this step started.

        Raises:
            ApplicationError: ConfigurationError without ``REPLICATION_URL``, or when its token is refused;
                SyncFailed when replication refuses the sync; SourceVmNotFound, SourceRefused;
                ReplicationUnavailable, SourceUnreachable and DatabaseUnavailable are retried.
        """
        if self._client is None:
            raise failure(
                FailoverErrorType.CONFIGURATION_ERROR,
                "REPLICATION_URL is not set: nobody can be asked to sync",
            )
        with typed_failures():
            facts = await self._read_facts(request.context.context_id)
            before = _before_the_first_try(request, facts)
            # At once: only so does the next try know which jobs are none of ours.
            activity.heartbeat(*before)
            async with heartbeats(lambda: before):
                adopted = _later_job(facts, before)
                if adopted is not None:
                    return _told(adopted, request, "adopted")
                _refuse_beside(facts)
                document = await self._discovered(request.context)
                return await self._start(self._client, request, document, before)

    async def _start(
        self,
        client: ReplicationClient,
        request: StartSyncRequest,
        document: Mapping[str, Any],
        before: Iterable[str],
    ) -> SyncJob:
        sync = StartSync(
            source_vm=document,
            ossea_config_id=request.destination.config_id,
            vcenter_host=request.context.vcenter_host,
            datacenter=request.context.datacenter,
        )
        try:
            job = await to_the_end(client.start(sync))
        except (ReplicationUnavailable, JobRunning) as error:
            facts = await self._read_facts(request.context.context_id)
            found = _later_job(facts, before)
            if found is None:
                raise failure(FailoverErrorType.REPLICATION_UNAVAILABLE, str(error)) from error
            return _told(found, request, "found after an answer that proves nothing")
        except ReplicationNotPermitted as error:
            raise failure(FailoverErrorType.CONFIGURATION_ERROR, str(error)) from error
        except ReplicationRefused as error:
            raise failure(FailoverErrorType.SYNC_FAILED, str(error)) from error
        started = SyncJob(
            job_id=job.job_id,
            status=job.status,
            progress_percent=job.progress_percent,
            started_at=job.started_at,
        )
        return _told(started, request, "started")

    async def _discovered(self, context: VMContext) -> dict[str, Any]:
        credential = await self._sign_in.of(context)
        found = await self._vma.discover(
            vcenter=context.vcenter_host,
            username=credential.username,
            password=credential.password,
            datacenter=context.datacenter,
            vm_name=context.vm_name,
            vm_id=context.vmware_vm_id,
        )
        if found is None:
            raise failure(
                FailoverErrorType.SOURCE_VM_NOT_FOUND,
                f"vCenter {context.vcenter_host} answers without a VM of the context's uuid",
            )
        return _source_vm(found, context)


def _before_the_first_try(request: StartSyncRequest, facts: ReplicationFacts) -> tuple[str, ...]:
    """Return the jobs that cannot be ours, or began too early.

    Three sources, the surest first: what the run read after the source was off; what the first try of this
    step read, which its heartbeat handed on; what is there now, when this is the first try.
    """
    known = (request.known_job_id,) if request.known_job_id else ()
    if request.known_job_ids:
        return (*known, *request.known_job_ids)
    handed_on = tuple(str(one) for one in activity.info().heartbeat_details)
    return handed_on or (*known, *facts.job_ids, _NO_JOB)


_NO_JOB = "-"
"""Stands for none, so that a list without a job is not taken for one that was lost."""


def _later_job(facts: ReplicationFacts, before: Iterable[str]) -> SyncJob | None:
    """Return the job that runs, or that brought every disk to one point, if it is not one from before.

    One that failed is over: the next one goes on from where it was.
    """
    known = set(before)
    if facts.running is not None:
        return None if facts.running.job_id in known else facts.running
    ends = {disk.sync.job_id if disk.sync is not None else "" for disk in facts.disks}
    if len(ends) != 1 or not (job_id := ends.pop()) or job_id in known:
        return None
    return SyncJob(job_id=job_id, status="completed", progress_percent=100)


def _refuse_beside(facts: ReplicationFacts) -> None:
    if facts.running is not None:
        raise failure(
            FailoverErrorType.REPLICATION_UNAVAILABLE,
            f"Replication job {facts.running.job_id} was there before the final sync, and must end first",
        )


def _source_vm(found: DiscoveredVm, context: VMContext) -> dict[str, Any]:
    """Return the VM as replication wants it: all that the agent says, and the second name of some fields.

    (original-system.md, section 4.1: ``vm_id``, ``vm_name``, ``vm_path`` beside ``id``, ``name``, ``path``;
    ``cpus`` and ``os_type``, which a discovery leaves empty, as observed.)
    """
    document = dict(found.document)
    second_names = {
        "vm_id": document.get("id"),
        "vm_name": document.get("name"),
        "vm_path": document.get("path"),
        "vcenter_host": context.vcenter_host,
        "cpus": document.get("num_cpu"),
        "os_type": document.get("guest_os"),
    }
    document.update({name: value for name, value in second_names.items() if not document.get(name) and value})
    return document


def _told(job: SyncJob, request: StartSyncRequest, how: str) -> SyncJob:
    _log.info("final_sync", context_id=request.context.context_id, job_id=job.job_id, how=how)
    return job
