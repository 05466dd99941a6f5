"""The verification: each step states what it proved, and nothing beyond it."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.messages.disks import CheckGuestRequest, VerifyDisksRequest
    from activities.messages.vm import VerifyRequest
    from rules.disks import DiskPlan
    from rules.outcomes import ProofLevel
    from workflows import disk_steps, steps
    from workflows.failures import explain
    from workflows.run_state import FailoverRun


async def verify_vm(run: FailoverRun) -> None:
    """Running, with its NICs on the decided networks, in order, with the decided MAC addresses."""
    run.vm = await steps.verify_vm(
        VerifyRequest(owner=run.owner, vm=run.vm, decisions=run.decisions), run.loaded.policy
    )
    run.proven = ProofLevel.NETWORKS


async def verify_disks(run: FailoverRun) -> None:
    """Every disk attached at its place, on its pool."""
    volumes = tuple(_attached(run, disk) for disk in run.preflight.disks)
    request = VerifyDisksRequest(owner=run.owner, vm=run.vm, volumes=volumes)
    run.attached = (await disk_steps.verify_disks(request, run.loaded.policy)).volumes
    run.proven = ProofLevel.DISKS


async def check_guest(run: FailoverRun) -> None:
    """Ask the site's command; a guest that does not respond is a warning, since the VM itself is proven."""
    policy = run.loaded.policy
    request = CheckGuestRequest(
        vm=run.vm,
        context_id=run.config.context_id,
        failover_type=run.config.failover_type.value,
        timeout_seconds=policy.guest_check_seconds,
    )
    try:
        check = await disk_steps.check_guest(request, policy)
    except ActivityError as error:
        run.stop_if_cancelled()
        run.notes.append(f"the guest could not be asked whether it responds: {explain(error)[1]}")
        return
    if check.responds:
        run.proven = ProofLevel.RESPONDS
    elif check.configured:
        run.notes.append(f"the guest does not respond: {check.detail}")


def _attached(run: FailoverRun, disk: DiskPlan) -> DiskPlan:
    clone = run.clones.get(disk.volume_id)
    if clone is None:
        return disk
    return disk.model_copy(update={"volume_id": clone.volume_id, "storage_id": clone.storage_id})
