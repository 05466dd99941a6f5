"""The steps on the source's side: replication and power, each as one call."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages.aftermath import (
        DrillHolder,
        DrillQuery,
        RecordEndRequest,
        SourceReturned,
    )
    from activities.messages.record import HeldRequest, Recorded
    from activities.messages.replication import (
        ChangeIdRequest,
        Fence,
        FenceRequest,
        RecordSnapshotsRequest,
        ReplicaMark,
        ReplicationQuery,
        StartSyncRequest,
        SyncEnd,
        WatchSyncRequest,
    )
    from activities.messages.source_power import PowerOffReply, PowerOffRequest, PowerQuery, SourcePower
    from rules.disks import ReplicationFacts, SyncJob
    from rules.policy import FailoverPolicy
    from workflows.stepping import CLOUD_CALL, step, within


async def load_replication(request: ReplicationQuery, why: str) -> ReplicationFacts:
    """Read what the database knows of the VM's replication."""
    return await step("LoadReplicationActivity", request, ReplicationFacts, f"Read the replication: {why}")


async def fence_replication(request: FenceRequest) -> Fence:
    """Switch this VM's scheduler off; the old value is kept."""
    return await step("FenceReplicationActivity", request, Fence, "Fence replication")


async def check_fence(request: FenceRequest, before: str) -> Recorded:
    """Look that the fence still stands."""
    return await step("CheckFenceActivity", request, Recorded, f"Does the fence stand? Before {before}")


async def release_fence(request: FenceRequest) -> Recorded:
    """Let replication back."""
    return await step("ReleaseFenceActivity", request, Recorded, "Release the fence")


async def mark_replica(request: ReplicaMark) -> Recorded:
    """Record that the replica is about to be written to, or that it is as it was."""
    word = "will be written to" if request.dirty else "is as it was"
    return await step("MarkReplicaActivity", request, Recorded, f"Record: the replica {word}")


async def clear_change_ids(request: ChangeIdRequest) -> Recorded:
    """Make the next sync of these disks a full one."""
    return await step("ClearChangeIdsActivity", request, Recorded, "The next sync is a full one")


async def record_snapshots(request: RecordSnapshotsRequest) -> Recorded:
    """Record the rollback snapshots, or that they are gone."""
    return await step("RecordSnapshotsActivity", request, Recorded, "Record the snapshots")


async def start_sync(request: StartSyncRequest, policy: FailoverPolicy) -> SyncJob:
    """Begin the final sync, or find the one that was begun."""
    return await step(
        "StartSyncActivity",
        request,
        SyncJob,
        "Begin the final sync",
        start_to_close=timedelta(seconds=policy.source_budget_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.start_budget_seconds),
    )


async def watch_sync(request: WatchSyncRequest, what: str, policy: FailoverPolicy) -> SyncEnd:
    """Wait for the end of a replication job; it has no limit but that something must move."""
    return await step(
        "WatchSyncActivity",
        request,
        SyncEnd,
        f"Wait for replication: {what}",
        start_to_close=timedelta(days=7),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def read_power(request: PowerQuery, why: str, policy: FailoverPolicy) -> SourcePower:
    """Read the source's power state."""
    return await step(
        "ReadSourcePowerActivity",
        request,
        SourcePower,
        f"Source power: {why}",
        start_to_close=timedelta(seconds=policy.source_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.start_budget_seconds),
    )


async def power_off(request: PowerOffRequest, policy: FailoverPolicy) -> PowerOffReply:
    """Power the source off."""
    return await step(
        "PowerOffSourceActivity",
        request,
        PowerOffReply,
        f"Power off the source{' by force' if request.force else ''}",
        start_to_close=timedelta(seconds=request.timeout_seconds + policy.source_budget_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.start_budget_seconds),
    )


async def power_on(request: PowerQuery, policy: FailoverPolicy) -> SourcePower:
    """Undo: power the source on."""
    return await step(
        "PowerOnSourceActivity",
        request,
        SourcePower,
        "Undo: power on the source",
        start_to_close=timedelta(seconds=policy.source_budget_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.undo_budget_seconds),
    )


async def describe_drill(request: DrillQuery) -> DrillHolder:
    """Ask whether a drill holds the replica."""
    return await step("DescribeDrillActivity", request, DrillHolder, "Does a drill hold the replica?")


async def record_end(request: RecordEndRequest) -> Recorded:
    """Record how the VM's time ended."""
    return await step("RecordEndActivity", request, Recorded, f"Record: {request.end.value}")


async def record_source_returned(request: SourceReturned) -> Recorded:
    """Record that a lost source is there again."""
    return await step("SourceReturnedActivity", request, Recorded, "SourceReturned: the lost source is there")


async def record_held(request: HeldRequest) -> Recorded:
    """Record that the run holds for an operator, or goes on."""
    word = "holds" if request.held else "goes on"
    return await step("RecordHeldActivity", request, Recorded, f"Record: the run {word}")
