"""Which replication jobs the database named: what is not among them began later."""

import pytest

from rules.disks import CompletedSync, ReplicatedDisk, ReplicationFacts, SyncJob


def disk(job_id: str = "") -> ReplicatedDisk:
    return ReplicatedDisk(disk_id="disk-2000", sync=CompletedSync(job_id=job_id) if job_id else None)


@pytest.mark.parametrize(
    ("facts", "job_ids"),
    (
        (ReplicationFacts(), ()),
        (ReplicationFacts(disks=(disk(), disk("a"), disk("a"), disk("b"))), ("a", "b")),
        (ReplicationFacts(running=SyncJob(job_id="c"), torn_by="d", disks=(disk("a"),)), ("a", "c", "d")),
        (ReplicationFacts(running=SyncJob(job_id="c"), torn_by="c"), ("c",)),
    ),
)
def test_each_job_that_is_named_is_there_once(facts: ReplicationFacts, job_ids: tuple[str, ...]) -> None:
    assert facts.job_ids == job_ids
