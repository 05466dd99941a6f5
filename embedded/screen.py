"""What the demo prints: quiet, readable at 80 columns, without control codes when it is piped."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from client import Step, StepState
from rules.outcomes import EndReport, FailoverResult, PreflightReport
from rules.preflight import CheckStatus
from rules.resolution import NetworkDecision

_MARKS: Final = {
    StepState.DONE: "[green]ok[/]    ",
    StepState.FAILED: "[red]failed[/]",
    StepState.CANCELLED: "[yellow]cancel[/]",
}

_RESULTS: Final = {
    CheckStatus.PASS: "[green]pass[/]",
    CheckStatus.WARNING: "[yellow]WARNING[/]",
    CheckStatus.FAILURE: "[red]FAILURE[/]",
}

_ROOMY: Final = 90


class Screen:
    """Prints for people.

    Args:
        console: Where to; standard output by default.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def line(self, text: str = "", *, style: str = "") -> None:
        """Print one line as it is; a long one, such as an address, is never broken."""
        self._console.print(escape(text), style=style, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print one line below a heading."""
        self.line(f"  {text}")

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.line()
        self.line(text, style="bold")

    def request(self, request: Mapping[str, str], address: str) -> None:
        """Show what was asked for, and where the run can be looked at."""
        self.line(f"  request  {json.dumps(dict(request), separators=(',', ':'))}", style="dim")
        self.line(f"  Web UI   {address}", style="dim")

    @contextmanager
    def progress(self) -> Iterator["Progress"]:
        """Show the steps of one run as they happen."""
        if not self._console.is_terminal:
            yield Progress(self._console, lambda _text: None)
            return
        with self._console.status("starting") as status:
            yield Progress(self._console, lambda text: status.update(escape(text)))

    def result(self, result: FailoverResult) -> None:
        """Show what a failover made, and for every NIC where it went and why."""
        vm = result.vm
        self.line(f"  {result.outcome.value}: VM {vm.name} is {vm.state} in CloudStack, id {vm.id}")
        self.line(f"  source NICs from: {result.nic_source.value}; disks: {result.disks}")
        for fact in _facts(result):
            self.line(f"  {fact}")
        # No lines and, where it is narrow, single gaps: a network's id fits into 80 columns unbroken.
        table = _decision_table(result.decisions, gap=1 if self._console.width < _ROOMY else 3)
        self._console.print(Padding(table, (1, 0, 1, 2), expand=False))
        for warning in result.warnings:
            self.line(f"  warning: {warning}", style="yellow")

    def preflight(self, report: PreflightReport) -> None:
        """Show every check, and what came of it."""
        passed = sum(check.status is CheckStatus.PASS for check in report.checks)
        self.line(f"  preflight: {passed} of {len(report.checks)} checks pass")
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
        for column in ("check", "result", "found"):
            table.add_column(column, overflow="fold")
        for check in report.checks:
            fix = f" Fix: {check.fix}" if check.fix else ""
            table.add_row(check.name, _RESULTS[check.status], escape(f"{check.message}{fix}"))
        self._console.print(Padding(table, (0, 0, 1, 2), expand=False))

    def end(self, order: str, report: EndReport) -> None:
        """Show what an order led to."""
        self.line(f"  ordered: {order}; {report.end}")
        for word, texts in (("restored", report.restored), ("removed", report.removed)):
            for text in texts:
                self.line(f"  {word}: {text}", style="dim")
        for text in report.left_behind:
            self.line(f"  left behind: {text}", style="red")


class Progress:
    """The steps of one run, printed as they end.

    Args:
        console: Where they are printed.
        show_current: Shows the step that is under way, on a terminal only.
    """

    def __init__(self, console: Console, show_current: Callable[[str], None]) -> None:
        self._console = console
        self._show_current = show_current
        self._began: dict[int, datetime] = {}

    def step(self, step: Step) -> None:
        """Take note of a step that begins, or print one that ended."""
        if step.state is StepState.STARTED:
            self._began[step.number] = step.at
            self._show_current(step.summary)
            return
        elapsed = (step.at - self._began.pop(step.number)).total_seconds()
        self._console.print(
            f"  {_MARKS[step.state]} [dim]{elapsed:6.2f} s[/]  {escape(step.summary)}", soft_wrap=True
        )


def _facts(result: FailoverResult) -> Iterator[str]:
    if result.proven is not None:
        yield f"proven: {result.proven.value}"
    if result.recovery_point is not None:
        yield f"recovery point: sync {result.recovery_point.job_id}"
    reached = result.objectives
    if reached is not None:
        rpo = "unknown" if reached.rpo_seconds is None else f"{reached.rpo_seconds:.0f} s"
        outage = "" if reached.outage_seconds is None else f", outage {reached.outage_seconds:.1f} s"
        yield f"reached: RPO {rpo}, RTO {reached.rto_seconds:.1f} s{outage}"
    if result.source_end is not None:
        yield f"source: powered off ({result.source_end.shutdown_method})"
    if result.snapshots:
        kind = "rollback snapshots" if result.failover_type == "live" else "snapshots"
        yield f"{kind}: {len(result.snapshots)}"


def _decision_table(decisions: tuple[NetworkDecision, ...], gap: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim")
    table.add_column("NIC", justify="right")
    table.add_column("source network", overflow="fold")
    table.add_column("destination network", overflow="fold")
    table.add_column("rule", no_wrap=True)
    table.add_column("warning", no_wrap=True)
    for decision in decisions:
        table.add_row(
            str(decision.nic_index),
            escape(decision.source_network_name),
            _destination(decision),
            decision.rule.value,
            "[yellow]below[/]" if decision.warnings else "none",
        )
    return table


def _destination(decision: NetworkDecision) -> str:
    if not decision.connected:
        return "not connected"
    name, network_id = decision.destination_network_name, decision.destination_network_id
    return f"{escape(name)}\n[dim]{escape(network_id)}[/]" if name else escape(network_id)
