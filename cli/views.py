"""How runs, decisions, explanations and mappings look to people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cli.codes import was_ended
from cli.facts import show_aftermath, show_checks, show_facts, show_held
from cli.output import Output
from client import (
    Acceptance,
    Explanation,
    FailoverStatus,
    FailoverSummary,
    MappingList,
    RunOutcome,
    Step,
    StepState,
)
from rules.explanation import Verdict
from rules.preflight import CheckStatus
from rules.resolution import NetworkDecision

_STYLES: Final = {
    RunOutcome.COMPLETED: "green",
    RunOutcome.RUNNING: "cyan",
    RunOutcome.HELD: "yellow",
    RunOutcome.CANCELLED: "yellow",
}
_MARKS: Final = {StepState.DONE: "ok", StepState.FAILED: "failed", StepState.CANCELLED: "cancelled"}
_STEP_STYLES: Final = {StepState.FAILED: "red", StepState.CANCELLED: "yellow"}


class StepLines:
    """Prints the steps of a run as they end.

    Args:
        output: Where to.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._began: dict[int, datetime] = {}

    def show(self, step: Step) -> None:
        """Take note of a step that begins, or print one that ended."""
        if step.state is StepState.STARTED:
            self._began[step.number] = step.at
            return
        seconds = (step.at - self._began.pop(step.number)).total_seconds()
        text = f"{_MARKS[step.state]:<9} {seconds:7.2f} s  {step.summary}"
        self._output.line(text, style=_STEP_STYLES.get(step.state, ""))


def show_acceptance(output: Output, answer: Acceptance) -> None:
    """Show what a start was answered with."""
    what = f"{answer.failover_type} failover of {answer.vm_name or answer.context_id}".strip()
    if not answer.accepted:
        how = "not completed" if was_ended(answer) else "refused"
        output.problem(f"{how}: {answer.error_type}: {answer.message}")
        show_checks(output, tuple(one for one in answer.checks if one.status is not CheckStatus.PASS))
        if answer.held_by:
            output.hint(f"follow the one that runs: failover watch {answer.held_by}")
        return
    output.line(f"accepted: {what}, {answer.workflow_id}", style="green")
    if answer.checks:
        passed = sum(one.status is CheckStatus.PASS for one in answer.checks)
        output.line(f"preflight: {passed} of {len(answer.checks)} checks pass, none fails")
    show_decisions(output, answer.decisions)
    for warning in answer.warnings:
        output.warning(warning)
    output.hint(f"follow it with: failover watch {answer.workflow_id}")


def show_status(output: Output, run: FailoverStatus) -> None:
    """Show everything that is known of a run."""
    output.line(
        f"{run.outcome.value}: {_what(run)}, {run.workflow_id}", style=_STYLES.get(run.outcome, "red")
    )
    _show_way(output, run)
    if run.vm:
        output.line(f"VM {run.vm.name} {run.vm.state or 'made'} in CloudStack, id {run.vm.id}")
    show_facts(output, run)
    if run.nic_source:
        output.line(f"source NICs from: {run.nic_source}{' (inferred)' if run.nics_inferred else ''}")
    show_decisions(output, run.decisions)
    if run.outcome is not RunOutcome.COMPLETED:
        show_checks(output, tuple(one for one in run.checks if one.status is not CheckStatus.PASS))
    if run.rolled_back_by:
        output.line(f"rolled back by {run.rolled_back_by}")
    for text in run.restored:
        output.line(f"restored: {text}")
    for text in run.removed:
        output.line(f"removed: {text}")
    for text in run.left_behind:
        output.line(f"left behind: {text}", style="red")
    for warning in run.warnings:
        output.warning(warning)
    if run.outcome is RunOutcome.HELD:
        show_held(output, run)
    show_aftermath(output, run)


def _show_way(output: Output, run: FailoverStatus) -> None:
    if run.open and not run.picked_up:
        output.line("no worker has picked it up yet: is one running on this task queue?", style="yellow")
    ended = f", ended {_time(run.closed_at)}" if run.closed_at else ""
    output.line(f"started {_time(run.started_at)}{ended}")
    if run.step:
        output.line(f"{'step' if run.open else 'failed at'}: {run.step}")
    if run.trouble:
        output.line(
            f"trying again ({run.trouble.attempt}): {run.trouble.error_type}: {run.trouble.message}",
            style="yellow",
        )
    if run.error_type:
        output.line(f"{run.error_type}: {run.reason}", style="red")


def show_list(output: Output, runs: Sequence[FailoverSummary]) -> None:
    """Show runs, one line each."""
    if not runs:
        output.hint("none found")
        return
    heads = ("STARTED", "OUTCOME", "TYPE", "VM", "CONTEXT", "WORKFLOW ID")
    output.rows(
        heads,
        [
            (
                _time(run.started_at),
                run.outcome.value,
                run.failover_type or "?",
                run.vm_name or "?",
                run.context_id or "?",
                run.workflow_id,
            )
            for run in runs
        ],
    )


def show_decisions(output: Output, decisions: Sequence[NetworkDecision]) -> None:
    """Show where each NIC goes, and why."""
    if not decisions:
        return
    output.rows(
        ("NIC", "SOURCE NETWORK", "DESTINATION", "NETWORK ID", "RULE"),
        [
            (
                str(one.nic_index),
                one.source_network_name,
                _name(one),
                one.destination_network_id if one.connected else "-",
                one.rule.value,
            )
            for one in decisions
        ],
        indent="  ",
    )


def show_explanation(output: Output, found: Explanation) -> None:
    """Show live and test side by side: per NIC source, destination, rule; then every warning."""
    inferred = ", inferred" if found.nics_inferred else ""
    output.line(f"{found.vm_name} ({found.context_id})")
    output.line(f"source NICs from: {found.nic_source.value}{inferred}")
    if found.nic_source_reason:
        output.warning(found.nic_source_reason)
    kinds = (("live", found.live), ("test", found.test))
    rows = _side_by_side(found.live, found.test)
    if rows:
        heads = ("NIC", "SOURCE NETWORK", "LIVE", "RULE", "TEST", "RULE", "WARNING")
        output.rows(heads, rows, indent="  ")
    for kind, verdict in kinds:
        if verdict.error_type:
            output.line(f"{kind} would be refused: {verdict.error_type}: {verdict.message}", style="red")
        for one in verdict.decisions:
            for warning in one.warnings:
                output.warning(f"{kind}, {one}: {warning}")


def show_mappings(output: Output, found: MappingList) -> None:
    """Show the mapping rows of a VM."""
    if not found.rows:
        output.hint(f"{found.context_id} has no mappings: its NICs fall back to the default network")
        return
    output.rows(
        ("ROW", "FOR", "SOURCE NETWORK", "DESTINATION", "NETWORK ID", "PRODUCTION", "VALIDATION"),
        [
            (
                str(row.id),
                "test" if row.is_test_network else "live",
                row.source_network_name,
                row.destination_network_name or "-",
                row.destination_network_id or "-",
                "yes" if row.is_production else "no",
                row.validation_status,
            )
            for row in found.rows
        ],
    )


def _side_by_side(live: Verdict, test: Verdict) -> list[tuple[str, ...]]:
    by_nic = [{one.nic_index: one for one in verdict.decisions} for verdict in (live, test)]
    rows = []
    for index in sorted({*by_nic[0], *by_nic[1]}):
        pair = [decisions.get(index) for decisions in by_nic]
        known = next(one for one in pair if one is not None)
        kinds = [kind for kind, one in zip(("live", "test"), pair, strict=True) if one and one.warnings]
        cells = [cell for one in pair for cell in (_place(one), one.rule.value if one else "-")]
        warned = f"{' and '.join(kinds)}, below" if kinds else "none"
        rows.append((str(index), known.source_network_name, *cells, warned))
    return rows


def _place(decision: NetworkDecision | None) -> str:
    if decision is None:
        return "refused"
    if not decision.connected:
        return "not connected"
    return decision.destination_network_name or decision.destination_network_id


def _name(decision: NetworkDecision) -> str:
    return (decision.destination_network_name or "-") if decision.connected else "not connected"


def _what(run: FailoverSummary) -> str:
    who = run.vm_name or run.context_id
    return f"{run.failover_type} failover of {who}" if who else "failover"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
