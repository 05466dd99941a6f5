"""The new VM: created once, started, and removed again, whatever CloudStack answers on the way."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.record import RunQuery
    from activities.messages.vm import (
        CreateVMRequest,
        JobReport,
        JobRequest,
        JobState,
        RemovedVMs,
        RemoveVMRequest,
        StartReply,
        StartVMRequest,
    )
    from rules.errors import FailoverErrorType
    from workflows import steps
    from workflows.failures import explain, may_be_under_way
    from workflows.orders import TakenOver, Undone
    from workflows.run_state import FailoverRun

_RUNNING = "Running"
_CREATE_TRIES = 5
_WORTH_ANOTHER_START = frozenset({0, 530, 533, 534})
"""Job codes after which a start may succeed later: no result (the server was restarted), an agent's failure,
no capacity, an unavailable host (observed, sections 5, 8 and 21)."""


_NOTHING_SENT = frozenset(
    {FailoverErrorType.VERIFICATION_FAILED, FailoverErrorType.PRODUCTION_NETWORK_REFUSED}
)
"""What the start step says before it sends a start: the NICs are wrong, or the guard says no."""


async def create_stopped(run: FailoverRun) -> None:
    """Create the VM, stopped; a job that fails is followed by a look, which adopts or clears away."""
    policy = run.loaded.policy
    generation, settled, tries = run.previous.generation, run.lease_fresh and not _was_reset(), 0
    while True:
        run.stop_if_cancelled()
        run.create_unanswered = True
        try:
            reply = await steps.create_vm(
                CreateVMRequest(
                    owner=run.owner,
                    compute=run.compute,
                    decisions=run.decisions,
                    policy=policy,
                    first_generation=generation,
                    settled=settled,
                    guard=run.guard,
                    after_reset=_was_reset(),
                    completed_vm_id=run.previous.completed_vm_id,
                    lease_days=run.lease_days,
                )
            )
        except ActivityError as error:
            run.create_unanswered = may_be_under_way(error)
            raise
        run.vm, run.create_unanswered = reply.vm, False
        run.notes.extend(f"cleared away: {one}" for one in reply.cleared)
        if not reply.job_id:
            return
        run.stop_if_cancelled()
        report = await _wait(run, reply.job_id, "the VM is created")
        if report.state is JobState.SUCCEEDED:
            return
        tries += 1
        if tries == _CREATE_TRIES:
            raise failure(
                FailoverErrorType.VM_CREATE_FAILED,
                f"{tries} create jobs failed; the last code was {report.code}",
            )
        generation, settled = reply.vm.generation, True


async def start_until_running(run: FailoverRun) -> None:
    """Start the VM; tried again while the reason may pass, since it stays Stopped (observed, section 5).

    ``touched.started`` says whether the VM may ever have run. It is taken back only by CloudStack's word that
    a start failed, and never once it may have run before.
    """
    policy = run.loaded.policy
    may_have_run = run.touched.started
    tries = 1 + int(policy.start_budget_seconds / policy.start_retry_seconds)
    for tried in range(1, tries + 1):
        started = await _start(run)
        report = JobReport(state=JobState.SUCCEEDED)
        if started.state != _RUNNING:
            if tried == 1:
                await steps.record_start(RunQuery(workflow_id=run.workflow_id))
            report = await _wait(run, started.job_id, "the VM starts")
        may_have_run = may_have_run or report.state is JobState.UNKNOWN
        if report.state is not JobState.SUCCEEDED and report.code not in _WORTH_ANOTHER_START:
            # 431 is also "already running": one more look decides, which starts nothing and fails otherwise.
            await _look_after_a_refusal(run, report.code, may_have_run=may_have_run)
            report = JobReport(state=JobState.SUCCEEDED)
        if report.state is JobState.SUCCEEDED:
            run.vm = run.vm.model_copy(update={"state": _RUNNING})
            return
        if report.state is JobState.FAILED:
            run.will(started=may_have_run)
        if tried < tries:
            await workflow.sleep(policy.start_retry_seconds, summary=f"Start again after code {report.code}")
    raise failure(
        FailoverErrorType.VM_START_FAILED,
        f"{tries} tries in {policy.start_budget_seconds:.0f} s did not start the VM",
    )


async def _look_after_a_refusal(run: FailoverRun, code: int, *, may_have_run: bool) -> None:
    try:
        await _start(run, refused_with=code)
    except ActivityError as error:
        if explain(error)[0] is FailoverErrorType.VM_START_FAILED:
            run.will(started=may_have_run)
        raise


async def remove(run: FailoverRun) -> RemovedVMs:
    """Undo ``create_stopped``: remove the VM that this run made, or name it."""
    run.show("undo: remove the VM")
    taken = run.taken
    try:
        # Read afresh: a reset replays what an earlier run knew before it completed. Nothing is removed while
        # nobody knows what must be kept.
        before = await steps.begin_undo(RunQuery(workflow_id=run.workflow_id))
    except ActivityError as error:
        return RemovedVMs(left_behind=(f"{named(taken)}: not removed: {explain(error)[1]}",))
    gone = await remove_taken(taken.model_copy(update={"keep_vm_id": before.completed_vm_id}))
    return RemovedVMs(removed=gone.removed, left_behind=gone.left_behind)


async def remove_taken(taken: TakenOver) -> Undone:
    """Remove the VM; refused by the step itself while a replica is attached to it."""
    policy, vm = taken.policy, taken.vm
    try:
        if taken.create_unanswered:
            # Until the call has expired, the VM's absence proves nothing.
            await workflow.sleep(policy.settle_seconds, summary="Let an unanswered create call expire")
        request = RemoveVMRequest(
            owner=taken.owner,
            generation=taken.generation,
            vm_id=vm.id if vm else "",
            vm_name=vm.name if vm else "",
            keep_vm_id=taken.keep_vm_id,
            replica_ids=taken.replica_ids,
        )
        gone = await steps.remove_vm(request, policy)
    except ActivityError as error:
        return Undone(left_behind=(f"{named(taken)}: not removed: {explain(error)[1]}",), vm_gone=False)
    return Undone(removed=gone.removed, left_behind=gone.left_behind, vm_gone=not gone.left_behind)


def named(taken: TakenOver) -> str:
    """Return the VM's name and id, or what it would be called."""
    if taken.vm is not None:
        return f"{taken.vm.name} ({taken.vm.id})"
    return f"a VM {taken.owner.vm_name(taken.generation)} that this run may have made"


async def _start(run: FailoverRun, refused_with: int | None = None) -> StartReply:
    run.stop_if_cancelled()
    request = StartVMRequest(
        owner=run.owner,
        vm=run.vm,
        decisions=run.decisions,
        guard=run.guard,
        refused_with=refused_with,
    )
    had_started = run.touched.started
    run.will(started=True)
    try:
        return await steps.start_vm(request, run.loaded.policy)
    except ActivityError as error:
        if explain(error)[0] in _NOTHING_SENT:
            run.will(started=had_started)
        raise


def _was_reset() -> bool:
    # Only ever an argument of an activity: a command that depended on it could not be replayed.
    info = workflow.info()
    return info.run_id != info.original_execution_run_id


async def _wait(run: FailoverRun, job_id: str, what: str) -> JobReport:
    policy = run.loaded.policy
    return await steps.wait_for_job(
        JobRequest(
            destination=run.loaded.destination,
            job_id=job_id,
            timeout_seconds=policy.job_timeout_seconds,
        ),
        what,
        policy,
    )
