"""The steps about the VM and its networks, each as one call."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.messages.context import (
        HolderQuery,
        Holders,
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
    from rules.nics import SourceVm
    from rules.outcomes import FailoverVm
    from rules.policy import FailoverPolicy
    from workflows.stepping import CLOUD_CALL, DATABASE_CALL, TWICE, step, within


def _nics(number: int) -> str:
    return f"{number} NIC{'' if number == 1 else 's'}"


async def load_context(request: LoadContextRequest) -> LoadedContext:
    """Read the VM's context, its CloudStack configuration and the policy."""
    return await step(
        "LoadContextActivity", request, LoadedContext, "Load the VM's context", start_to_close=DATABASE_CALL
    )


async def acquire_lease(request: LeaseRequest) -> LeaseReply:
    """Ask for the lease on the VM's context, once."""
    return await step(
        "AcquireLeaseActivity", request, LeaseReply, "Lease the VM's context", start_to_close=DATABASE_CALL
    )


async def release_lease(request: ReleaseLeaseRequest) -> Recorded:
    """Give the lease back without a run to record."""
    return await step(
        "ReleaseLeaseActivity", request, Recorded, "Give the lease back", start_to_close=DATABASE_CALL
    )


async def find_holder(request: HolderQuery) -> Holders:
    """Read who holds what a run of this kind would ask for; nothing is taken."""
    return await step("FindHolderActivity", request, Holders, "Who holds the VM's context?")


async def describe_owner(request: OwnerQuery) -> OwnerState:
    """Ask Temporal whether the holder of a lease still runs."""
    return await step(
        "DescribeOwnerActivity",
        request,
        OwnerState,
        "Ask whether the lease's holder still runs",
        start_to_close=DATABASE_CALL,
    )


async def begin_run(request: BeginRunRequest) -> PreviousRun:
    """Record that the run has begun; learn what an earlier run of this workflow id recorded."""
    return await step(
        "BeginRunActivity", request, PreviousRun, "Record the run", start_to_close=DATABASE_CALL
    )


async def begin_undo(request: RunQuery) -> PreviousRun:
    """Record that the undo begins, and read which VM a run of this workflow id completed."""
    return await step(
        "BeginUndoActivity", request, PreviousRun, "Undo: what must be kept?", start_to_close=DATABASE_CALL
    )


async def discover_source(request: SourceRequest, policy: FailoverPolicy) -> SourceVm:
    """Ask the VMA for the source VM, twice where it does not answer."""
    return await step(
        "DiscoverSourceActivity",
        request,
        SourceVm,
        "Discover the source NICs (VMA)",
        start_to_close=timedelta(seconds=policy.source_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def load_stored_source(request: SourceRequest) -> SourceVm:
    """Take the source NICs from what the database last stored."""
    return await step(
        "LoadStoredSourceActivity",
        request,
        SourceVm,
        "Source NICs from the database: the source side cannot be asked",
        start_to_close=DATABASE_CALL,
    )


async def resolve_networks(request: ResolveNetworkRequest) -> ResolvedNetworks:
    """Decide each NIC's network."""
    kind = request.config.failover_type.value
    return await step(
        "ResolveNetworkActivity",
        request,
        ResolvedNetworks,
        f"Resolve {_nics(len(request.source.nics))} for {kind}",
        start_to_close=DATABASE_CALL,
    )


async def find_gone_vms(request: GoneVMsRequest) -> GoneVMs:
    """Ask CloudStack which VMs that were failed over live are gone."""
    return await step(
        "FindGoneVMsActivity",
        request,
        GoneVMs,
        "Are the VMs on this network still there?",
        start_to_close=CLOUD_CALL,
        retry=TWICE,
    )


async def list_mappings(request: MappingsRequest) -> MappingList:
    """Read a VM's mapping rows."""
    return await step(
        "ListMappingsActivity", request, MappingList, "List the mappings", start_to_close=DATABASE_CALL
    )


async def guard_networks(request: GuardRequest, before: str) -> ResolvedNetworks:
    """Look again, on fresh rows, that a test stays off production."""
    return await step(
        "GuardNetworksActivity",
        request,
        ResolvedNetworks,
        f"Production guard before {before}",
        start_to_close=DATABASE_CALL,
    )


async def check_destination(request: CheckRequest) -> DestinationCheck:
    """Ask CloudStack whether the plan can be carried out; nothing is created."""
    return await step(
        "CheckDestinationActivity",
        request,
        DestinationCheck,
        "Check networks, template, offering and name in CloudStack",
        start_to_close=CLOUD_CALL,
        retry=within(request.policy.create_budget_seconds),
        heartbeat=timedelta(seconds=request.policy.heartbeat_seconds),
    )


async def record_plan(request: RecordPlanRequest) -> Recorded:
    """Record the decisions and the networks' validation."""
    return await step(
        "RecordPlanActivity", request, Recorded, "Record the decisions", start_to_close=DATABASE_CALL
    )


async def create_vm(request: CreateVMRequest) -> CreateVMReply:
    """Make the VM, stopped, or adopt the one that is ours already."""
    policy = request.policy
    return await step(
        "CreateVMActivity",
        request,
        CreateVMReply,
        f"Create the VM stopped, {_nics(sum(one.connected for one in request.decisions))}",
        start_to_close=CLOUD_CALL + timedelta(seconds=2 * policy.settle_seconds),
        retry=within(policy.create_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def wait_for_job(request: JobRequest, what: str, policy: FailoverPolicy) -> JobReport:
    """Wait for a CloudStack job, as long as the policy says: then its end is unknown."""
    return await step(
        "WaitForJobActivity",
        request,
        JobReport,
        f"Wait for CloudStack: {what}",
        start_to_close=timedelta(seconds=request.timeout_seconds) + CLOUD_CALL,
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def record_vm(request: RecordVMRequest) -> Recorded:
    """Record that the VM exists."""
    return await step(
        "RecordVMActivity",
        request,
        Recorded,
        f"Record the VM {request.vm.name}",
        start_to_close=DATABASE_CALL,
    )


async def start_vm(request: StartVMRequest, policy: FailoverPolicy) -> StartReply:
    """Start the VM unless it runs."""
    return await step(
        "StartVMActivity",
        request,
        StartReply,
        f"Start the VM {request.vm.name}",
        start_to_close=CLOUD_CALL,
        retry=within(policy.start_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def record_start(request: RunQuery) -> Recorded:
    """Record that the VM is starting."""
    return await step(
        "RecordStartActivity", request, Recorded, "Record that the VM starts", start_to_close=DATABASE_CALL
    )


async def verify_vm(request: VerifyRequest, policy: FailoverPolicy) -> FailoverVm:
    """Read the VM back and compare it with the decisions."""
    return await step(
        "VerifyVMActivity",
        request,
        FailoverVm,
        "Verify state, NIC order, networks and MAC addresses",
        start_to_close=CLOUD_CALL,
        retry=within(policy.start_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def remove_vm(request: RemoveVMRequest, policy: FailoverPolicy) -> RemovedVMs:
    """Undo: remove the VM that this failover made."""
    return await step(
        "RemoveVMActivity",
        request,
        RemovedVMs,
        "Undo: remove the VM",
        start_to_close=timedelta(seconds=policy.job_timeout_seconds) + CLOUD_CALL,
        retry=within(policy.undo_budget_seconds),
        heartbeat=timedelta(seconds=policy.heartbeat_seconds),
    )


async def finish_run(request: FinishRunRequest) -> Recorded:
    """Record how the run ended, and give the lease back."""
    return await step(
        "FinishRunActivity",
        request,
        Recorded,
        f"Record: {request.outcome.value}",
        start_to_close=DATABASE_CALL,
    )
