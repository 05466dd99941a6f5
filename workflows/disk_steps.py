"""The steps about disks, each as one call."""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages.conversion import (
        ConversionReport,
        ConversionWorker,
        ConvertRequest,
        ProbeRequest,
    )
    from activities.messages.disks import (
        CheckGuestRequest,
        CloneReply,
        CloneRequest,
        GuestCheck,
        JobStarted,
        MoveReply,
        MoveRequest,
        RemoveClonesRequest,
        Removed,
        RemoveSnapshotsRequest,
        RemoveVolumeRequest,
        RenewedLease,
        RenewLeaseRequest,
        RevertRequest,
        SignedCall,
        SnapshotReply,
        SnapshotRequest,
        StopReply,
        StopVMRequest,
        TemplateRoot,
        TemplateRootRequest,
        VerifiedDisks,
        VerifyDisksRequest,
    )
    from activities.messages.storage import InspectRequest, Judged, JudgeRequest, StorageFacts
    from rules.policy import FailoverPolicy
    from rules.temporal_names import conversion_queue
    from workflows.stepping import CLOUD_CALL, ONCE, step, within

Signed = TypeVar("Signed", bound=SignedCall)


def _signed(request: Signed, policy: FailoverPolicy) -> Signed:
    """Say how long a call whose answer is lost may still act."""
    return request.model_copy(
        update={"expiry_seconds": policy.create_expiry_seconds, "settle_seconds": policy.settle_seconds}
    )


async def inspect_storage(request: InspectRequest, policy: FailoverPolicy) -> StorageFacts:
    """Ask CloudStack for disks, pools, quota and appliance."""
    return await step(
        "InspectStorageActivity",
        request,
        StorageFacts,
        "Look at disks, pools, quota and appliance in CloudStack",
        start_to_close=CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.create_budget_seconds),
    )


async def judge_preflight(request: JudgeRequest) -> Judged:
    """Judge everything that was found."""
    return await step("JudgePreflightActivity", request, Judged, "Preflight: judge every check")


async def probe_conversion(appliance_vm_id: str, policy: FailoverPolicy) -> ConversionWorker:
    """Ask whether a worker lives on the appliance's queue; dead pollers stay listed, so it must answer.

    Raises:
        ActivityError: A timeout, when nobody answered.
    """
    limit = timedelta(seconds=policy.conversion_queue_seconds)
    return await step(
        "ProbeConversionActivity",
        ProbeRequest(appliance_vm_id=appliance_vm_id),
        ConversionWorker,
        "Is a worker there that can convert the guest?",
        start_to_close=limit,
        schedule_to_start=limit,
        retry=ONCE,
        task_queue=conversion_queue(appliance_vm_id),
    )


async def convert_guest(request: ConvertRequest, policy: FailoverPolicy) -> ConversionReport:
    """Convert the guest, once: before any other try the disk is restored."""
    return await step(
        "ConvertGuestActivity",
        request,
        ConversionReport,
        "Convert the guest for KVM",
        start_to_close=timedelta(seconds=request.timeout_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        schedule_to_start=timedelta(seconds=policy.conversion_queue_seconds) + CLOUD_CALL,
        retry=ONCE,
        task_queue=conversion_queue(request.appliance_vm_id),
    )


async def create_snapshot(request: SnapshotRequest, policy: FailoverPolicy) -> SnapshotReply:
    """Take a snapshot of one disk, or find the one that was taken."""
    return await step(
        "CreateSnapshotActivity",
        _signed(request, policy),
        SnapshotReply,
        f"Snapshot of {request.disk_id} ({request.purpose.value})",
        start_to_close=CLOUD_CALL + timedelta(seconds=2 * policy.settle_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.create_budget_seconds),
    )


async def remove_snapshots(request: RemoveSnapshotsRequest, policy: FailoverPolicy) -> Removed:
    """Remove snapshots of this failover."""
    return await step(
        "RemoveSnapshotsActivity",
        request,
        Removed,
        f"Remove the snapshots ({request.purpose.value})",
        start_to_close=timedelta(seconds=policy.job_timeout_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.undo_budget_seconds),
    )


async def create_clone(request: CloneRequest, policy: FailoverPolicy) -> CloneReply:
    """Make a volume from a snapshot, or find the one that was made."""
    return await step(
        "CreateCloneActivity",
        _signed(request, policy),
        CloneReply,
        f"Clone {request.disk.disk_id}",
        start_to_close=CLOUD_CALL + timedelta(seconds=2 * policy.settle_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.create_budget_seconds),
    )


async def remove_clones(request: RemoveClonesRequest, policy: FailoverPolicy) -> Removed:
    """Remove the clones of this failover."""
    return await step(
        "RemoveClonesActivity",
        request,
        Removed,
        "Remove the clones",
        start_to_close=timedelta(seconds=policy.job_timeout_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.undo_budget_seconds),
    )


async def move_disk(request: MoveRequest, policy: FailoverPolicy, *, undo: bool = False) -> MoveReply:
    """Bring a volume one step nearer to its place."""
    budget = policy.undo_budget_seconds if undo else policy.start_budget_seconds
    where = "to the VM" if request.to.device_id is not None else "to the appliance"
    return await step(
        "MoveDiskActivity",
        _signed(request, policy),
        MoveReply,
        f"Move the disk {request.volume_id} {where if request.to.vm_id else 'off its VM'}",
        start_to_close=CLOUD_CALL + timedelta(seconds=2 * policy.settle_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(budget),
    )


async def revert_disk(request: RevertRequest, policy: FailoverPolicy) -> JobStarted:
    """Revert an unattached volume to its snapshot."""
    return await step(
        "RevertDiskActivity",
        _signed(request, policy),
        JobStarted,
        f"Revert the disk {request.volume_id}",
        start_to_close=CLOUD_CALL + timedelta(seconds=2 * policy.settle_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.undo_budget_seconds),
    )


async def find_template_root(request: TemplateRootRequest, policy: FailoverPolicy) -> TemplateRoot:
    """Find the volume that the template made."""
    return await step(
        "FindTemplateRootActivity",
        request,
        TemplateRoot,
        "Find the template's disk",
        start_to_close=CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.create_budget_seconds),
    )


async def remove_volume(request: RemoveVolumeRequest, policy: FailoverPolicy) -> Removed:
    """Delete the template's volume."""
    return await step(
        "RemoveVolumeActivity",
        request,
        Removed,
        "Delete the template's disk",
        start_to_close=CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.create_budget_seconds),
    )


async def stop_vm(request: StopVMRequest, policy: FailoverPolicy) -> StopReply:
    """Stop our VM unless it is stopped."""
    return await step(
        "StopVMActivity",
        request,
        StopReply,
        f"Stop the VM {request.vm.name}{' by force' if request.force else ''}",
        start_to_close=CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.undo_budget_seconds),
    )


async def verify_disks(request: VerifyDisksRequest, policy: FailoverPolicy) -> VerifiedDisks:
    """Read the attached disks back."""
    return await step(
        "VerifyDisksActivity",
        request,
        VerifiedDisks,
        "Verify that every disk is attached at its place",
        start_to_close=CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.start_budget_seconds),
    )


async def check_guest(request: CheckGuestRequest, policy: FailoverPolicy) -> GuestCheck:
    """Ask the check command whether the guest responds."""
    return await step(
        "CheckGuestActivity",
        request,
        GuestCheck,
        "Does the guest respond?",
        start_to_close=timedelta(seconds=request.timeout_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def renew_lease(request: RenewLeaseRequest, policy: FailoverPolicy) -> RenewedLease:
    """Renew the instance lease of a drill's VM."""
    return await step(
        "RenewLeaseActivity",
        request,
        RenewedLease,
        f"Renew the instance lease: {request.days} days",
        start_to_close=CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
        retry=within(policy.start_budget_seconds),
    )
