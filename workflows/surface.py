"""What the Temporal UI and CLI show of a run without opening a payload."""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from rules.context import VMContext
    from rules.disks import RecoveryPoint
    from rules.nics import SourceVm
    from rules.outcomes import FailoverOutcome, FailoverVm
    from rules.preflight import Check, CheckStatus
    from rules.request import FailoverType
    from rules.resolution import NetworkDecision
    from rules.temporal_names import CONTEXT_ATTRIBUTE, OUTCOME_ATTRIBUTE, TYPE_ATTRIBUTE, VM_NAME_ATTRIBUTE

CONTEXT = SearchAttributeKey.for_keyword(CONTEXT_ATTRIBUTE)
VM_NAME = SearchAttributeKey.for_keyword(VM_NAME_ATTRIBUTE)
TYPE = SearchAttributeKey.for_keyword(TYPE_ATTRIBUTE)
OUTCOME = SearchAttributeKey.for_keyword(OUTCOME_ATTRIBUTE)

SEARCH_ATTRIBUTES = (CONTEXT, VM_NAME, TYPE, OUTCOME)
"""What the namespace must know: an upsert of an unknown attribute loops the workflow task (measured)."""


def show_asked(context_id: str, failover_type: FailoverType) -> None:
    """Make the run findable by what was asked for."""
    workflow.upsert_search_attributes(
        [
            CONTEXT.value_set(context_id),
            TYPE.value_set(failover_type.value),
            OUTCOME.value_set(FailoverOutcome.RUNNING.value),
        ]
    )


def show_vm_name(vm_name: str) -> None:
    """Make the run findable by the VM's name."""
    workflow.upsert_search_attributes([VM_NAME.value_set(vm_name)])


def show_outcome(outcome: FailoverOutcome) -> None:
    """Make the run findable by how it ended."""
    workflow.upsert_search_attributes([OUTCOME.value_set(outcome.value)])


def describe(  # noqa: PLR0913 - the parts of one page
    *,
    step: str,
    failover_type: FailoverType,
    context: VMContext | None,
    source: SourceVm | None,
    decisions: Sequence[NetworkDecision],
    vm: FailoverVm | None,
    warnings: Sequence[str],
    disks: str,
    recovery_point: RecoveryPoint | None = None,
    checks: Sequence[Check] = (),
) -> str:
    """Return the run's current details in Markdown: step, VM, disks, one line per NIC, warnings."""
    name = context.vm_name if context else "?"
    lines = [f"**{failover_type.value} failover of {name}**: {step}", "", f"disks: {disks}"]
    if recovery_point is not None:
        lines.append(f"recovery point: {_point(recovery_point)}")
    if vm is not None:
        lines.append(f"VM: {vm.name} `{vm.id}`{f' ({vm.state})' if vm.state else ''}")
    if source is not None:
        seen = f", as of {source.observed_at.isoformat()}" if source.observed_at else ""
        lines.append(f"source NICs: {source.source.value}{seen}{' (inferred)' if source.inferred else ''}")
    if decisions:
        lines += ["", "| NIC | source network | destination | rule |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {one.nic_index} | {_cell(one.source_network_name)} | {_destination(one)} | {one.rule.value} |"
            for one in decisions
        ]
    failed = [check for check in checks if check.status is CheckStatus.FAILURE]
    if failed:
        lines += ["", *(f"- preflight failure: {one.name}: {one.message}. {one.fix}" for one in failed)]
    if warnings:
        lines += ["", *(f"- warning: {warning}" for warning in warnings)]
    return "\n".join(lines)


def _destination(decision: NetworkDecision) -> str:
    if not decision.connected:
        return "not connected"
    return _cell(f"{decision.destination_network_name} {decision.destination_network_id}".strip())


def _point(point: RecoveryPoint) -> str:
    at = point.completed_at.isoformat(timespec="seconds") if point.completed_at else "unknown time"
    torn = "" if point.consistent else f", INCONSISTENT: {point.detail}"
    return f"sync {point.job_id or '?'} of {at}{torn}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
