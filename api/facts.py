"""What a run's report says beyond its decisions: disks, point in time, objectives, source, what goes on."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rules.disks import RecoveryPoint, SnapshotFact, VolumeFacts
from rules.models import Record
from rules.outcomes import DISKS_NONE, EndReport, Objectives, ProofLevel, SourceEnd
from rules.preflight import Check


class _Facts(Record):
    """The fields of a result and of a failure's report that a job shows under the same names."""

    disks: str = DISKS_NONE
    proven: ProofLevel | None = None
    attached: tuple[VolumeFacts, ...] = ()
    recovery_point: RecoveryPoint | None = None
    objectives: Objectives | None = None
    source_end: SourceEnd | None = None
    snapshots: tuple[SnapshotFact, ...] = ()
    checks: tuple[Check, ...] = ()
    restored: tuple[str, ...] = ()
    rolled_back_by: str | None = None
    continues_as: str | None = None


def facts_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a job that a report fills, without those that cannot be read."""
    known = {name: report[name] for name in _Facts.model_fields if name in report}
    try:
        facts = _Facts.model_validate(known)
    except ValidationError as error:
        # One field that another version wrote must not hide all others.
        for detail in error.errors():
            known.pop(str(detail["loc"][0]), None)
        facts = _Facts.model_validate(known)
    said = {name: getattr(facts, name) for name in known}
    return {name: None if one == "" else one for name, one in said.items()}


def read_end(report: Mapping[str, Any] | None) -> EndReport | None:
    """Read how a VM's time ended; None where nothing says so in a way that is understood.

    Args:
        report: ``failover_runs.end_report``: the workflow's own report is a part of it.
    """
    if report is None:
        return None
    try:
        return EndReport.model_validate(report.get("report"))
    except ValidationError:
        return None
