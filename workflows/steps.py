"""Every step of the runbook as one call: its activity, its time limits, its line in the Web UI.

All activities are told of a cancel and waited for (``WAIT_CANCELLATION_COMPLETED``), so that no step overlaps
its undo. Database steps are retried until the database is back. The others have a budget from the policy,
counted in tries: the time in which no worker was there must not end a failover.
"""

from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities.messages.context import (
        LeaseReply,
        LeaseRequest,
        LoadContextRequest,
        LoadedContext,
        OwnerQuery,
        OwnerState,
        ReleaseLeaseRequest,
    )
    from activities.messages.networks import (
        CheckRequest,
        DestinationCheck,
        GoneVMs,
        GoneVMsRequest,
        GuardRequest,
        MappingsRequest,
        ResolvedNetworks,
        ResolveNetworkRequest,
        SourceRequest,
    )
    from activities.messages.record import (
        BeginRunRequest,
        FinishRunRequest,
        PreviousRun,
        Recorded,
        RecordPlanRequest,
        RecordVMRequest,
        RunQuery,
    )
    from activities.messages.vm import (
        CreateVMReply,
        CreateVMRequest,
        JobReport,
        JobRequest,
        RemovedVMs,
        RemoveVMRequest,
        StartReply,
        StartVMRequest,
        VerifyRequest,
    )
    from rules.explanation import MappingList
    from rules.models import Record
    from rules.nics import SourceVm
    from rules.outcomes import FailoverVm
    from rules.policy import FailoverPolicy

Reply = TypeVar("Reply", bound=Record)

_LONGEST_PAUSE = timedelta(seconds=15)
_PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=_LONGEST_PAUSE)
_TWICE = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=2)
_FEWEST_TRIES = 5
_DATABASE_CALL = timedelta(seconds=30)
_CLOUD_CALL = timedelta(seconds=180)


async def _step(  # noqa: PLR0913 - one line per limit of a step
    name: str,
    request: Record,
    reply: type[Reply],
    summary: str,
    *,
    start_to_close: timedelta,
    heartbeat: timedelta | None = None,
    retry: RetryPolicy = _PATIENT,
) -> Reply:
    answer: Reply = await workflow.execute_activity(
        name,
        request,
        result_type=reply,
        summary=summary,
        start_to_close_timeout=start_to_close,
        heartbeat_timeout=heartbeat,
        retry_policy=retry,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
    return answer


def _nics(number: int) -> str:
    return f"{number} NIC{'' if number == 1 else 's'}"


def _within(budget_seconds: float) -> RetryPolicy:
    tries = _FEWEST_TRIES + int(budget_seconds / _LONGEST_PAUSE.total_seconds())
    return RetryPolicy(
        initial_interval=timedelta(seconds=1), maximum_interval=_LONGEST_PAUSE, maximum_attempts=tries
    )


async def load_context(request: LoadContextRequest) -> LoadedContext:
    """Read the VM's context, its CloudStack configuration and the policy."""
    return await _step(
        "LoadContextActivity", request, LoadedContext, "Load the VM's context", start_to_close=_DATABASE_CALL
    )


async def acquire_lease(request: LeaseRequest) -> LeaseReply:
    """Ask for the lease on the VM's context, once."""
    return await _step(
        "AcquireLeaseActivity", request, LeaseReply, "Lease the VM's context", start_to_close=_DATABASE_CALL
    )


async def release_lease(request: ReleaseLeaseRequest) -> Recorded:
    """Give the lease back without a run to record."""
    return await _step(
        "ReleaseLeaseActivity", request, Recorded, "Give the lease back", start_to_close=_DATABASE_CALL
    )


async def describe_owner(request: OwnerQuery) -> OwnerState:
    """Ask Temporal whether the holder of a lease still runs."""
    return await _step(
        "DescribeOwnerActivity",
        request,
        OwnerState,
        "Ask whether the lease's holder still runs",
        start_to_close=_DATABASE_CALL,
    )


async def begin_run(request: BeginRunRequest) -> PreviousRun:
    """Record that the run has begun; learn what an earlier run of this workflow id recorded."""
    return await _step(
        "BeginRunActivity", request, PreviousRun, "Record the run", start_to_close=_DATABASE_CALL
    )


async def begin_undo(request: RunQuery) -> PreviousRun:
    """Record that the undo begins, and read which VM a run of this workflow id completed."""
    return await _step(
        "BeginUndoActivity", request, PreviousRun, "Undo: what must be kept?", start_to_close=_DATABASE_CALL
    )


async def discover_source(request: SourceRequest, policy: FailoverPolicy) -> SourceVm:
    """Ask the VMA for the source VM, twice where it does not answer."""
    return await _step(
        "DiscoverSourceActivity",
        request,
        SourceVm,
        "Discover the source NICs (VMA)",
        start_to_close=timedelta(seconds=policy.source_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def load_stored_source(request: SourceRequest) -> SourceVm:
    """Take the source NICs from what the database last stored."""
    return await _step(
        "LoadStoredSourceActivity",
        request,
        SourceVm,
        "Source NICs from the database: the source side cannot be asked",
        start_to_close=_DATABASE_CALL,
    )


async def resolve_networks(request: ResolveNetworkRequest) -> ResolvedNetworks:
    """Decide each NIC's network."""
    kind = request.config.failover_type.value
    return await _step(
        "ResolveNetworkActivity",
        request,
        ResolvedNetworks,
        f"Resolve {_nics(len(request.source.nics))} for {kind}",
        start_to_close=_DATABASE_CALL,
    )


async def find_gone_vms(request: GoneVMsRequest) -> GoneVMs:
    """Ask CloudStack which VMs that were failed over live are gone."""
    return await _step(
        "FindGoneVMsActivity",
        request,
        GoneVMs,
        "Are the VMs on this network still there?",
        start_to_close=_CLOUD_CALL,
        retry=_TWICE,
    )


async def list_mappings(request: MappingsRequest) -> MappingList:
    """Read a VM's mapping rows."""
    return await _step(
        "ListMappingsActivity", request, MappingList, "List the mappings", start_to_close=_DATABASE_CALL
    )


async def guard_networks(request: GuardRequest, before: str) -> ResolvedNetworks:
    """Look again, on fresh rows, that a test stays off production."""
    return await _step(
        "GuardNetworksActivity",
        request,
        ResolvedNetworks,
        f"Production guard before {before}",
        start_to_close=_DATABASE_CALL,
    )


async def check_destination(request: CheckRequest) -> DestinationCheck:
    """Ask CloudStack whether the plan can be carried out; nothing is created."""
    return await _step(
        "CheckDestinationActivity",
        request,
        DestinationCheck,
        "Check networks, template, offering and name in CloudStack",
        start_to_close=_CLOUD_CALL,
        retry=_within(request.policy.create_budget_seconds),
        heartbeat=timedelta(seconds=request.policy.heartbeat_seconds),
    )


async def record_plan(request: RecordPlanRequest) -> Recorded:
    """Record the decisions and the networks' validation."""
    return await _step(
        "RecordPlanActivity", request, Recorded, "Record the decisions", start_to_close=_DATABASE_CALL
    )


async def create_vm(request: CreateVMRequest) -> CreateVMReply:
    """Make the VM, stopped, or adopt the one that is ours already."""
    policy = request.policy
    return await _step(
        "CreateVMActivity",
        request,
        CreateVMReply,
        f"Create the VM stopped, {_nics(sum(one.connected for one in request.decisions))}",
        start_to_close=_CLOUD_CALL + timedelta(seconds=2 * policy.settle_seconds),
        retry=_within(policy.create_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def wait_for_job(request: JobRequest, what: str, policy: FailoverPolicy) -> JobReport:
    """Wait for a CloudStack job, as long as the policy says: then its end is unknown."""
    return await _step(
        "WaitForJobActivity",
        request,
        JobReport,
        f"Wait for CloudStack: {what}",
        start_to_close=timedelta(seconds=request.timeout_seconds) + _CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def record_vm(request: RecordVMRequest) -> Recorded:
    """Record that the VM exists."""
    return await _step(
        "RecordVMActivity",
        request,
        Recorded,
        f"Record the VM {request.vm.name}",
        start_to_close=_DATABASE_CALL,
    )


async def start_vm(request: StartVMRequest, policy: FailoverPolicy) -> StartReply:
    """Start the VM unless it runs."""
    return await _step(
        "StartVMActivity",
        request,
        StartReply,
        f"Start the VM {request.vm.name}",
        start_to_close=_CLOUD_CALL,
        retry=_within(policy.start_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def record_start(request: RunQuery) -> Recorded:
    """Record that the VM is starting."""
    return await _step(
        "RecordStartActivity", request, Recorded, "Record that the VM starts", start_to_close=_DATABASE_CALL
    )


async def verify_vm(request: VerifyRequest, policy: FailoverPolicy) -> FailoverVm:
    """Read the VM back and compare it with the decisions."""
    return await _step(
        "VerifyVMActivity",
        request,
        FailoverVm,
        "Verify state, NIC order, networks and MAC addresses",
        start_to_close=_CLOUD_CALL,
        retry=_within(policy.start_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def remove_vm(request: RemoveVMRequest, policy: FailoverPolicy) -> RemovedVMs:
    """Undo: remove the VM that this failover made."""
    return await _step(
        "RemoveVMActivity",
        request,
        RemovedVMs,
        "Undo: remove the VM",
        start_to_close=timedelta(seconds=policy.job_timeout_seconds) + _CLOUD_CALL,
        retry=_within(policy.undo_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def finish_run(request: FinishRunRequest) -> Recorded:
    """Record how the run ended, and give the lease back."""
    return await _step(
        "FinishRunActivity",
        request,
        Recorded,
        f"Record: {request.outcome.value}",
        start_to_close=_DATABASE_CALL,
    )
