"""How the preflight, the facts of a whole failover and what goes on after it look to people."""

from datetime import datetime
from typing import Final

from cli.output import Output
from client import Aftermath, EndReport, FailoverStatus, PreflightReport, RunOutcome
from rules.disks import RecoveryPoint, VolumeFacts
from rules.outcomes import Objectives, ProofLevel, SourceEnd
from rules.preflight import Check, CheckStatus

_SHOWN: Final = {
    CheckStatus.PASS: ("pass", ""),
    CheckStatus.WARNING: ("WARNING", "yellow"),
    CheckStatus.FAILURE: ("FAILURE", "red"),
}
_PROVEN: Final = {
    ProofLevel.RUNNING: "CloudStack says Running; whether the guest booted is not known",
    ProofLevel.NETWORKS: "Running, NICs as decided; whether the guest booted is not known",
    ProofLevel.DISKS: "Running, NICs and disks as decided; whether the guest booted is not known",
    ProofLevel.RESPONDS: "Running, NICs and disks as decided, and the guest answers the site's check",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def show_preflight(output: Output, found: PreflightReport) -> None:
    """Show whether a failover would be accepted, every check, and what is to be done."""
    what = f"{found.failover_type} failover of {found.vm_name or found.context_id}"
    if found.ready:
        output.line(f"ready: {what}", style="green")
    else:
        output.line(f"not ready: {what}: {found.error_type}: {found.message}", style="red")
    show_checks(output, found.checks)
    if found.recovery_point is not None:
        output.line(f"recovery point: {_point(found.recovery_point)}")
    if found.disks:
        output.rows(
            ("PLACE", "DISK", "SIZE", "REPLICA"),
            [
                (
                    f"{one.device_id}{' (boot)' if one.is_boot else ''}",
                    one.disk_id,
                    f"{one.size_gb} GiB",
                    one.volume_id,
                )
                for one in found.disks
            ],
            indent="  ",
        )


def show_checks(output: Output, checks: tuple[Check, ...]) -> None:
    """Show each check on a line of its own, what is to be done about it below."""
    width = max((len(one.name) for one in checks), default=0)
    for one in checks:
        word, style = _SHOWN[one.status]
        output.line(f"  {word:<7}  {one.name:<{width}}  {one.message}", style=style)
        if one.fix:
            output.line(f"           {'':<{width}}  fix: {one.fix}", style=style)


def show_facts(output: Output, run: FailoverStatus) -> None:
    """Show what a whole failover proved and reached: disks, point in time, objectives, source, snapshots."""
    if run.proven is not None:
        output.line(f"proven: {run.proven.value} ({_PROVEN[run.proven]})")
    output.line(f"disks: {run.disks}")
    _show_disks(output, run.attached)
    if run.recovery_point is not None:
        style = "" if run.recovery_point.consistent else "yellow"
        output.line(f"recovery point: {_point(run.recovery_point)}", style=style)
    if run.objectives is not None:
        output.line(_objectives(run.objectives))
    if run.source_end is not None:
        output.line(f"source: {_source(run.source_end)}")
    for snapshot in run.snapshots:
        output.line(
            f"rollback snapshot: {snapshot.name} {snapshot.snapshot_id} of volume {snapshot.volume_id}"
        )


def show_held(output: Output, run: FailoverStatus) -> None:
    """Show why a run holds, and the two orders that it waits for."""
    output.line(f"HELD, since the new VM has started: {run.held or 'see the warnings'}", style="yellow")
    output.line(f"  go on:     failover resume {run.workflow_id} --wait")
    output.line(f"  give back: {_roll_back(run.workflow_id)}")
    output.line("             (what the new VM wrote since it started is lost by that)")


def show_aftermath(output: Output, run: FailoverStatus) -> None:
    """Show what goes on after a completed run, and the exact commands that end it."""
    after = run.aftermath
    if after is None:
        if run.continues_as:
            output.line(f"continues as: {run.continues_as}, which Temporal does not know", style="yellow")
        return
    if not after.open:
        ended = after.report.end if after.report else after.ended_as
        output.line(f"then: {ended}, {after.workflow_id}", style="" if after.report else "red")
        if after.report is not None:
            _show_report(output, after.report)
        else:
            output.line("nobody watches over this VM any more: docs/operate.md, terminate", style="red")
        return
    output.line(f"continues as: {after.workflow_id}")
    if after.source_returned:
        output.line("SourceReturned: the source that was declared lost is on again", style="red")
    if after.trouble is not None:
        output.line(f"trying again ({after.trouble.attempt}): {after.trouble.message}", style="yellow")
    if after.report is not None:
        output.line("the last try left something behind:", style="red")
        _show_report(output, after.report)
    _show_next(output, run, after)


def show_end(output: Output, report: EndReport) -> None:
    """Show what an order led to."""
    left = bool(report.left_behind)
    output.line(f"{report.end}: {report.workflow_id}", style="red" if left else "green")
    _show_report(output, report)


def _show_next(output: Output, run: FailoverStatus, after: Aftermath) -> None:
    if run.outcome is not RunOutcome.COMPLETED:
        again = "cleanup" if run.failover_type == "test" else "rollback"
        options = "" if again == "cleanup" else " --acknowledge-data-loss --reason 'WHY'"
        output.line(f"  give back what is left: failover {again} {run.workflow_id}{options} --wait")
        return
    if run.failover_type == "test":
        until = f" until {_time(after.until)}" if after.until else ""
        output.line(f"the drill's VM lives{until}; then it is removed")
        output.line(f"  remove now: failover cleanup {run.workflow_id} --wait")
        output.line(f"  longer:     failover extend {run.workflow_id} 4h")
        return
    output.line("nothing is decided yet: the source stays off, replication stays fenced")
    output.line(f"  keep it:   failover commit {run.workflow_id} --wait")
    output.line(f"  give back: {_roll_back(run.workflow_id)}")


def _roll_back(workflow_id: str) -> str:
    return f"failover rollback {workflow_id} --acknowledge-data-loss --reason 'WHY' --wait"


def _show_report(output: Output, report: EndReport) -> None:
    if report.reason or report.user_id:
        output.line(f"ordered by {report.user_id or 'nobody named'}: {report.reason or 'no reason given'}")
    for text in report.restored:
        output.line(f"restored: {text}")
    for text in report.removed:
        output.line(f"removed: {text}")
    for text in report.left_behind:
        output.line(f"left behind: {text}", style="red")
    for text in report.warnings:
        output.warning(text)


def _show_disks(output: Output, attached: tuple[VolumeFacts, ...]) -> None:
    if attached:
        output.rows(
            ("PLACE", "VOLUME", "POOL", "ID"),
            [
                (
                    "-" if one.device_id is None else str(one.device_id),
                    one.name or "-",
                    one.storage_name or one.storage_id or "-",
                    one.volume_id,
                )
                for one in attached
            ],
            indent="  ",
        )


def _point(point: RecoveryPoint) -> str:
    at = _time(point.completed_at) if point.completed_at else "unknown time"
    age = f", {_span(point.age_seconds)} old when read" if point.age_seconds is not None else ""
    torn = "" if point.consistent else f", NOT ONE POINT IN TIME: {point.detail}"
    return f"sync {point.job_id or '?'} of {at}{age}{torn}"


def _objectives(reached: Objectives) -> str:
    rpo = "unknown" if reached.rpo_seconds is None else _span(reached.rpo_seconds)
    outage = "" if reached.outage_seconds is None else f", outage {_span(reached.outage_seconds)}"
    return f"reached: RPO {rpo}, RTO {_span(reached.rto_seconds)}{outage}"


def _source(end: SourceEnd) -> str:
    if end.lost:
        return f"declared lost: {end.reason}"
    at = f" at {_time(end.off_at)}" if end.off_at else ""
    by = "powered off by this failover" if end.powered_off else "off already"
    return f"{by}{at}{f' ({end.shutdown_method})' if end.shutdown_method else ''}"


def _span(seconds: float) -> str:
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%SZ")
