"""What a failover would decide, for live and for test side by side."""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from rules.mappings import MappingRow
from rules.models import Record, Request
from rules.nics import NicSource
from rules.request import read_object
from rules.resolution import NetworkDecision


class ContextRequest(Request):
    """A question about one protected VM."""

    context_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"\S")]


def parse_context_request(raw: object) -> ContextRequest:
    """Check what came in, whatever it is.

    Raises:
        InvalidRequest: Names every field that is wrong, never its value.
    """
    return read_object(ContextRequest, raw)


class Verdict(Record):
    """What one kind of failover would decide.

    Attributes:
        decisions: One per NIC; empty when it would be refused.
        error_type: One of FailoverErrorType; empty when it would go on.
    """

    decisions: tuple[NetworkDecision, ...] = ()
    error_type: str = ""
    message: str = ""


class Explanation(Record):
    """The resolution of a VM's networks for live and for test. Nothing was changed to get it."""

    context_id: str
    vm_name: str
    nic_source: NicSource
    nic_source_observed_at: datetime | None = None
    nic_source_reason: str = ""
    nics_inferred: bool = False
    live: Verdict
    test: Verdict


class MappingList(Record):
    """The mapping rows of a VM, of both kinds, by id."""

    context_id: str
    rows: tuple[MappingRow, ...]
