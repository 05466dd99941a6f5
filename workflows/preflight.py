"""Everything that can be checked is checked before anything is touched, and every check is named."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.failures import failure
    from activities.messages.networks import CheckRequest, DestinationCheck
    from activities.messages.record import RecordPlanRequest
    from activities.messages.source_power import PowerQuery, SourcePower
    from activities.messages.storage import InspectRequest, JudgeRequest, StorageFacts
    from rules.destination import Finding
    from rules.disks import Firmware, GuestFamily
    from rules.errors import FailoverErrorType
    from rules.judge_destination import DESTINATION_CHECKS
    from rules.preflight import Check, Preflight
    from rules.request import FailoverType
    from workflows import disk_steps, replication, source_steps, steps
    from workflows.failures import explain
    from workflows.networks import Unmapped
    from workflows.run_state import FailoverRun
    from workflows.together import together

_TYPES = {
    "open_run": FailoverErrorType.FAILOVER_IN_PROGRESS,
    "live_vm": FailoverErrorType.LIVE_VM_EXISTS,
    "source_lost": FailoverErrorType.SOURCE_NOT_LOST,
    "conversion_worker": FailoverErrorType.CONVERSION_UNAVAILABLE,
    "recovery_point": FailoverErrorType.RECOVERY_POINT_REFUSED,
}
"""What a run ends with when the first failed check is one of these; else PreflightFailed."""


class _Found:
    """What the questions brought, each in its own time."""

    def __init__(self) -> None:
        self.destination: DestinationCheck
        self.power: SourcePower | None = None
        self.storage = StorageFacts()
        self.worker = ""


async def check_everything(
    run: FailoverRun, *, record: bool = True, held_by: str = "", unmapped: Unmapped | None = None
) -> None:
    """Ask database, CloudStack, VMA and conversion worker beside each other, then judge.

    Args:
        run: What is known so far.
        record: Whether the plan is recorded; a question records nothing.
        held_by: For a question, which holds no lease: the open workflow that does.
        unmapped: For a question: why it is not decided where each NIC goes. A run ended with that before.

    Raises:
        ApplicationError: PreflightFailed or the type of the first failed check; the run keeps all checks.
    """
    found = _Found()
    await together(
        _check_destination(run, found, record=record), _load_replication(run), _read_power(run, found)
    )
    await together(_inspect_storage(run, found), _probe_conversion(run, found))
    destination = found.destination
    judged = await disk_steps.judge_preflight(
        JudgeRequest(
            config=run.config,
            context=run.loaded.context,
            source=run.source,
            policy=run.loaded.policy,
            replication=run.replication,
            storage=found.storage,
            power=found.power,
            conversion_worker=found.worker,
            decisions=run.decisions,
            mappings_problem=unmapped.message if unmapped else "",
            destination_problems=tuple(
                Finding(message=one.message, about=one.about) for one in destination.problems
            ),
            destination_warnings=destination.findings,
            destination_checked=destination.networks_checked,
            lease_held=run.begun,
            held_by=held_by,
            now_seconds=workflow.now().timestamp(),
        )
    )
    _take(run, judged.preflight, destination, unmapped)
    _refuse_a_bad_destination(run, destination)


async def check_destination_only(run: FailoverRun, *, record: bool = True) -> None:
    """What a network rehearsal asks: CloudStack, about everything but disks.

    Args:
        run: What is known so far.
        record: Whether the plan is recorded.

    Raises:
        ApplicationError: Of the first problem's type.
    """
    found = _Found()
    await _check_destination(run, found, record=record)
    run.notes.extend(found.destination.warnings)
    _refuse_a_bad_destination(run, found.destination)


async def _check_destination(run: FailoverRun, found: _Found, *, record: bool = True) -> None:
    check = await steps.check_destination(
        CheckRequest(
            workflow_id=run.workflow_id,
            config=run.config,
            context=run.loaded.context,
            destination=run.loaded.destination,
            source=run.source,
            decisions=run.decisions,
            policy=run.loaded.policy,
        )
    )
    run.decisions = check.decisions
    if record:
        await steps.record_plan(
            RecordPlanRequest(
                workflow_id=run.workflow_id, decisions=run.decisions, source=run.source, check=check
            )
        )
    found.destination = check


def _refuse_a_bad_destination(run: FailoverRun, check: DestinationCheck) -> None:
    if check.problems or check.compute is None:
        text = "; ".join(problem.message for problem in check.problems)
        raise failure(FailoverErrorType(check.problems[0].type), text)
    uefi = Firmware.UEFI in {run.preflight.firmware, run.config.firmware}
    run.compute = check.compute.model_copy(update={"uefi": uefi})


def _take(
    run: FailoverRun, preflight: Preflight, destination: DestinationCheck, unmapped: Unmapped | None
) -> None:
    run.preflight = preflight
    run.recovery_point = preflight.recovery_point
    # The decisions carry what this one check says.
    run.notes.extend(one for one in preflight.warnings if not one.startswith("mappings: "))
    failures = preflight.failures
    if not failures:
        return
    error_type = _TYPES.get(failures[0].name, FailoverErrorType.PREFLIGHT_FAILED)
    if failures[0].name in DESTINATION_CHECKS:
        first = [unmapped.error_type] if unmapped else [one.type for one in destination.problems]
        error_type = FailoverErrorType(first[0])
    raise failure(error_type, "; ".join(_sentence(check) for check in failures))


def _sentence(check: Check) -> str:
    return f"{check.name}: {check.message} ({check.fix})" if check.fix else f"{check.name}: {check.message}"


async def _load_replication(run: FailoverRun) -> None:
    run.replication = await replication.facts(run.taken, "preflight")
    done = [disk.sync for disk in run.replication.disks if disk.sync is not None]
    run.last_job_id = done[0].job_id if done else ""


async def _read_power(run: FailoverRun, found: _Found) -> None:
    if run.config.failover_type is FailoverType.LIVE:
        query = PowerQuery(context=run.loaded.context)
        found.power = await source_steps.read_power(query, "preflight", run.loaded.policy)


async def _inspect_storage(run: FailoverRun, found: _Found) -> None:
    request = InspectRequest(
        owner=run.owner,
        compute=found.destination.compute,
        replication=run.replication,
        zone_id=found.destination.zone_id,
    )
    found.storage = await disk_steps.inspect_storage(request, run.loaded.policy)


async def _probe_conversion(run: FailoverRun, found: _Found) -> None:
    facts = run.replication
    if facts.guest is GuestFamily.LINUX or run.config.skip_virtio or not facts.appliance_vm_id:
        return
    try:
        worker = await disk_steps.probe_conversion(facts.appliance_vm_id, run.loaded.policy)
    except ActivityError as error:
        workflow.logger.warning("no conversion worker: %s", explain(error)[1])
        return
    if not worker.problem:
        found.worker = worker.host
