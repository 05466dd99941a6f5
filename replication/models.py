"""What replication is asked, and what it answers, read leniently (original-system.md, section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from replication.texts import safe_text


@dataclass(frozen=True)
class StartSync:
    """One more sync of a VM.

    Attributes:
        source_vm: The VM as the VMware agent discovered it, every field of it.
        ossea_config_id: The row of ``ossea_configs``.
        change_id: Where the sync goes on; empty where replication itself knows, which is the rule.
    """

    source_vm: Mapping[str, Any] = field(repr=False)
    ossea_config_id: int
    vcenter_host: str
    datacenter: str
    change_id: str = ""
    previous_change_id: str = ""

    def body(self) -> dict[str, object]:
        """Return the request's JSON."""
        body: dict[str, object] = {
            "source_vm": dict(self.source_vm),
            "ossea_config_id": self.ossea_config_id,
            "replication_type": "incremental",
            "vcenter_host": self.vcenter_host,
            "datacenter": self.datacenter,
            "start_replication": True,
        }
        if self.change_id:
            body["change_id"] = self.change_id
        if self.previous_change_id:
            body["previous_change_id"] = self.previous_change_id
        return body


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_Text = Annotated[str, BeforeValidator(safe_text)]
_Number = Annotated[float | None, BeforeValidator(_number)]
_Count = Annotated[int | None, BeforeValidator(_count)]
_Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AgentProgress(_Reply):
    """What the agent at the source reports; nobody may have asked it for long."""

    current_phase: _Text = ""
    throughput_mbps: _Number = None
    error_classification: _Text = ""
    error_details: _Text = ""


class JobStatus(_Reply):
    """A replication job. Only its id must be there; whatever else cannot be read is absent.

    Attributes:
        status: In replication's own words, lower case: pending, running, replicating, completed, failed,
            cancelled.
        bytes_transferred: In bytes.
        started_at: UTC.
    """

    job_id: Annotated[str, Field(min_length=1, max_length=191, pattern=r"^[\x21-\x7e]+$")]
    status: _Text = ""
    progress_percent: _Number = None
    current_operation: _Text = ""
    bytes_transferred: _Count = None
    total_bytes: _Count = None
    error_message: _Text = ""
    started_at: _Moment = None
    updated_at: _Moment = None
    completed_at: _Moment = None
    vma_progress: AgentProgress = AgentProgress()

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        kept = {name: one for name, one in value.items() if one is not None}
        if not isinstance(kept.get("vma_progress", {}), dict):
            del kept["vma_progress"]
        if isinstance(kept.get("status"), str):
            kept["status"] = kept["status"].lower()
        return kept

    @property
    def problem(self) -> str:
        """What replication says went wrong; empty when it says nothing."""
        return self.error_message or self.vma_progress.error_details or self.vma_progress.error_classification
