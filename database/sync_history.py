"""What a VM's replication jobs add up to: which sync each disk holds, what tore it, what still runs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from rules.disks import CompletedSync, SyncJob

_COMPLETED = "completed"
_FAILED = frozenset({"failed", "cancelled"})


@dataclass(frozen=True)
class Job:
    """A row of ``replication_jobs``.

    Attributes:
        status: In lower case.
        began_at: When it started, else when it was made (UTC); None when the row does not say.
        is_full: It reads the whole disks, and not only what changed.
    """

    id: str
    status: str
    progress_percent: float | None = None
    began_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    is_full: bool = False


class DiskSync(NamedTuple):
    """A row of ``cbt_history``: what a job did to one disk.

    Attributes:
        is_full: None when the row does not say; then the job's kind counts.
    """

    job_id: str
    disk_id: str
    success: bool
    is_full: bool | None = None


class SyncHistory:
    """The jobs of one VM context, in the order in which they began; what has no time comes first.

    Args:
        jobs: All that are kept.
        done: What each job did to each disk.
        current_job_id: What the context says runs; the API refuses another job for as long as it does.
        last_successful_job_id: What the context says; for databases that keep no jobs.
        stale_at: What began before it brought no disk anywhere: a failover wrote to the replicas since.
    """

    def __init__(
        self,
        jobs: Iterable[Job],
        *,
        done: Iterable[DiskSync] = (),
        current_job_id: str = "",
        last_successful_job_id: str = "",
        stale_at: datetime | None = None,
    ) -> None:
        self._jobs = sorted(jobs, key=_began)
        self._known = {job.id: job for job in self._jobs}
        done = list(done)
        self._with_disks = {one.job_id for one in done}
        self._succeeded = {(one.job_id, one.disk_id) for one in done if one.success}
        self._kinds = {(one.job_id, one.disk_id): one.is_full for one in done}
        self._current = current_job_id
        self._last = last_successful_job_id
        self._stale_at = stale_at

    def last_completed(self, disk_id: str) -> CompletedSync | None:
        """Return the newest sync that completed for a disk.

        Where a job's success per disk is kept, that counts: a job may have brought one disk forward and
        failed on another. Where it is not, the whole job's status counts.
        """
        for job in reversed(self._jobs):
            if self._is_stale(job):
                return None
            if self._brought(job.id, disk_id, whole=job.status == _COMPLETED):
                return CompletedSync(job_id=job.id, completed_at=job.completed_at)
        if self._stale_at is not None:
            return None
        if self._last and self._last not in self._known and self._brought(self._last, disk_id, whole=True):
            return CompletedSync(job_id=self._last)
        return None

    def is_mended(self, disk_ids: Collection[str], *, written_at: datetime | None) -> bool:
        """Return whether every disk was synced in full since a failover wrote to it.

        Args:
            disk_ids: All disks of the VM; nothing is known of a VM without any.
            written_at: When it wrote (UTC); None, where nobody knows, is mended by nothing.
        """
        if written_at is None or not disk_ids:
            return False
        return all(any(self._mends(job, disk_id, written_at) for job in self._jobs) for disk_id in disk_ids)

    @property
    def running(self) -> SyncJob | None:
        """The job that has not ended.

        A job without an end that a later one has overtaken is a leftover: nothing of it runs, unless the
        context names it.
        """
        named = self._known.get(self._current)
        if named is not None:
            return None if _ended(named) else _running(named)
        if self._current:
            return SyncJob(job_id=self._current)
        open_jobs = [job for job in self._since_completed() if not _ended(job)]
        return _running(open_jobs[-1]) if open_jobs else None

    @property
    def torn_by(self) -> str:
        """The last job that failed or was cancelled after the last one that completed, empty for none."""
        torn = [job.id for job in self._since_completed() if job.status in _FAILED]
        return torn[-1] if torn else ""

    @property
    def torn_at(self) -> datetime | None:
        """When the first job that tore the replica began, None when there is none or it does not say."""
        torn = [job for job in self._since_completed() if job.status in _FAILED]
        return torn[0].began_at if torn else None

    def _since_completed(self) -> Sequence[Job]:
        completed = [place for place, job in enumerate(self._jobs) if job.status == _COMPLETED]
        return self._jobs[completed[-1] + 1 :] if completed else self._jobs

    def _is_stale(self, job: Job) -> bool:
        return self._stale_at is not None and (job.began_at is None or job.began_at <= self._stale_at)

    def _mends(self, job: Job, disk_id: str, written_at: datetime) -> bool:
        if job.began_at is None or job.began_at <= written_at or self._is_stale(job):
            return False
        # Where the change ids were forgotten after the write, whatever began since had to be a full sync.
        forgotten = self._stale_at is not None and self._stale_at >= written_at
        said = self._kinds.get((job.id, disk_id))
        full = forgotten or (job.is_full if said is None else said)
        return full and self._brought(job.id, disk_id, whole=job.status == _COMPLETED)

    def _brought(self, job_id: str, disk_id: str, *, whole: bool) -> bool:
        if job_id in self._with_disks:
            return (job_id, disk_id) in self._succeeded
        return whole


def _began(job: Job) -> tuple[float, str]:
    return (job.began_at.timestamp() if job.began_at else 0.0, job.id)


def _ended(job: Job) -> bool:
    return job.status == _COMPLETED or job.status in _FAILED


def _running(job: Job) -> SyncJob:
    return SyncJob(
        job_id=job.id,
        status=job.status,
        progress_percent=job.progress_percent,
        started_at=job.started_at,
    )
