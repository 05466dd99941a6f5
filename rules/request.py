"""The request: the job sheet's JSON, every field of the original known, and checked before anything else.

A field of the original that is not honoured yet is refused by name unless it has its neutral value. Problems
name the field and never quote its value: a request may hold what must not stand in a history twice.
"""

from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import Field, Strict, StringConstraints, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from rules.context import VMContext
from rules.contradictions import live_contradictions, missing_reasons, test_contradictions, without_disks
from rules.disks import DisksMode, Firmware
from rules.durations import DURATION_PATTERN, duration_seconds
from rules.errors import FailoverErrorType, FailoverRefused
from rules.models import Request
from rules.policy import FailoverPolicy


class FailoverType(StrEnum):
    """Live when the site is lost, test for a drill."""

    LIVE = "live"
    TEST = "test"


class NetworkStrategy(StrEnum):
    """The job sheet's strategies, and ``live``, which the original's API takes for ``production``."""

    LIVE = "live"
    PRODUCTION = "production"
    TEST = "test"
    ISOLATED = "isolated"
    CUSTOM = "custom"


class VmNaming(StrEnum):
    """The original's naming: live is always exact, test always suffixed."""

    EXACT = "exact"
    SUFFIXED = "suffixed"


RequestT = TypeVar("RequestT", bound=Request)
_Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
_NOT_YET = "is not honoured yet; leave it out"
_MOST_NAMED = 100
"""So many problems are written out: an error that is larger than Temporal's limit could not end the run."""

_ALLOWED_STRATEGIES = {
    FailoverType.LIVE: {NetworkStrategy.LIVE, NetworkStrategy.PRODUCTION, NetworkStrategy.CUSTOM},
    FailoverType.TEST: {NetworkStrategy.TEST, NetworkStrategy.CUSTOM},
}
_ALLOWED_NAMING = {FailoverType.LIVE: VmNaming.EXACT, FailoverType.TEST: VmNaming.SUFFIXED}


class UnifiedFailoverConfig(Request):
    """One failover of one VM, as asked for (job sheet; original-system.md 1.1).

    Attributes:
        context_id: The VM's replication context.
        vm_name: If given, it must be the context's; the same holds for ``vmware_vm_id`` and ``vm_id``.
        network_mappings: For the strategy ``custom``: source network name to CloudStack network id.
        allow_production_network: Lets a test resolve to a production network; needs ``reason``.
        reason: Why, for the record.
        user_id: Who asked, for the record.
        disks: Whether the machine runs from its replicated disks; None leaves it to the site.
        power_off_source: Live: always so, unless ``source_lost``; false is refused then.
        perform_final_sync: Live: true unless said otherwise; false needs ``reason``.
        skip_virtio: The guest boots on KVM as it is: it is not converted.
        auto_cleanup: Test: always so; false is refused.
        test_duration: How long a test's VM lives, "4h" say; None leaves it to the site.
        source_lost: The operator declares that the source never comes back by itself; needs ``reason``.
        accept_recovery_point: Go on with a replica that an interrupted sync tore; needs ``reason``.
        waive_snapshots: No rollback snapshots: there is no way back then; needs ``reason``.
        boot_disk: The ``disk_id`` that the VM boots from, where that is not plain.
        firmware: How the VM boots, where replication does not know.
    """

    context_id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"\S")]
    failover_type: Annotated[FailoverType, Strict(strict=False)]
    vm_name: _Name | None = None
    vmware_vm_id: _Name | None = None
    vm_id: _Name | None = None
    network_strategy: Annotated[NetworkStrategy | None, Strict(strict=False)] = None
    network_mappings: dict[_Name, _Name] = Field(default_factory=dict)
    vm_naming: Annotated[VmNaming | None, Strict(strict=False)] = None
    allow_production_network: bool = False
    reason: Annotated[str | None, StringConstraints(max_length=1000)] = None
    user_id: Annotated[str | None, StringConstraints(max_length=255)] = None
    disks: Annotated[DisksMode | None, Strict(strict=False)] = None
    power_off_source: bool | None = None
    perform_final_sync: bool | None = None
    skip_validation: bool | None = None
    skip_virtio: bool | None = None
    auto_cleanup: bool | None = None
    test_duration: Annotated[str, StringConstraints(pattern=DURATION_PATTERN)] | None = None
    source_lost: bool = False
    accept_recovery_point: bool = False
    waive_snapshots: bool = False
    boot_disk: _Name | None = None
    firmware: Annotated[Firmware | None, Strict(strict=False)] = None
    custom_config: dict[str, Any] | None = None
    notification_config: dict[str, Any] | None = None

    @field_validator("skip_validation", "custom_config", "notification_config")
    @classmethod
    def _neutral_only(cls, value: object) -> object:
        if value:
            raise PydanticCustomError("not_honoured_yet", _NOT_YET)
        return value

    @field_validator("network_strategy")
    @classmethod
    def _no_bubble_yet(cls, value: NetworkStrategy | None) -> NetworkStrategy | None:
        if value is NetworkStrategy.ISOLATED:
            raise PydanticCustomError("not_honoured_yet", "'isolated' is not honoured yet")
        return value

    @field_validator("test_duration")
    @classmethod
    def _lasts(cls, value: str | None) -> str | None:
        if value is not None and not duration_seconds(value):
            raise PydanticCustomError("no_duration", "must be longer than 0")
        return value

    @field_validator("firmware")
    @classmethod
    def _known_firmware(cls, value: Firmware | None) -> Firmware | None:
        if value is Firmware.UNKNOWN:
            raise PydanticCustomError("no_firmware", "must be 'bios' or 'uefi'")
        return value

    @field_validator("network_mappings", mode="before")
    @classmethod
    def _absent_is_empty(cls, value: object) -> object:
        return {} if value is None else value

    @field_validator(
        "allow_production_network",
        "source_lost",
        "accept_recovery_point",
        "waive_snapshots",
        mode="before",
    )
    @classmethod
    def _absent_is_false(cls, value: object) -> object:
        return False if value is None else value

    @property
    def strategy(self) -> NetworkStrategy:
        """The strategy in force: ``custom`` when mappings are given, else the failover type's own."""
        if self.network_mappings:
            return NetworkStrategy.CUSTOM
        return NetworkStrategy.PRODUCTION if self.failover_type is FailoverType.LIVE else NetworkStrategy.TEST

    @property
    def final_sync(self) -> bool:
        """Whether one more sync is wanted, once the source is off."""
        is_live = self.failover_type is FailoverType.LIVE
        return is_live and not self.source_lost and self.perform_final_sync is not False

    @property
    def test_duration_seconds(self) -> float | None:
        """How long a test's VM is to live, in seconds; None leaves it to the site."""
        return None if self.test_duration is None else duration_seconds(self.test_duration)

    def disks_mode(self, policy: FailoverPolicy) -> DisksMode:
        """Return what is done about the disks: as asked for, else as the site says."""
        return policy.disks if self.disks is None else self.disks


class Problem(NamedTuple):
    """One thing wrong with a request: the field's name and what is wrong, never the value."""

    field: str
    what: str


class InvalidRequest(FailoverRefused):
    """The request cannot be carried out as it stands."""

    def __init__(self, problems: list[Problem]) -> None:
        # A field with many bad entries says the same many times.
        self.problems = tuple(dict.fromkeys(problems))
        text = "; ".join(f"{problem.field}: {problem.what}" for problem in self.problems[:_MOST_NAMED])
        if len(self.problems) > _MOST_NAMED:
            text += f"; and {len(self.problems) - _MOST_NAMED} more"
        super().__init__(FailoverErrorType.INVALID_REQUEST, f"The request is refused. {text}")


def read_object(model: type[RequestT], raw: object) -> RequestT:
    """Check one JSON object against a model.

    Args:
        model: What it is to be.
        raw: Decoded JSON: an object, or anything else that a command line can send.

    Raises:
        InvalidRequest: Names every field that is wrong or unknown.
    """
    if not isinstance(raw, dict):
        raise InvalidRequest([Problem("request", "must be one JSON object")])
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(detail["loc"], detail["msg"]) for detail in error.errors()]
    # Outside of the handler: a ValidationError in the context would carry the values along.
    raise InvalidRequest(problems)


def parse_request(raw: object) -> UnifiedFailoverConfig:
    """Check the request of a failover, whatever came in.

    Raises:
        InvalidRequest: Names every field that is wrong, unknown, contradictory or not honoured yet.
    """
    config = read_object(UnifiedFailoverConfig, raw)
    problems = _contradictions(config)
    if problems:
        raise InvalidRequest(problems)
    return config


def _problem(location: tuple[int | str, ...], message: str) -> Problem:
    # Only the top field is named: below it the keys are the caller's values.
    return Problem(str(location[0])[:64] if location else "request", message)


def _contradictions(config: UnifiedFailoverConfig) -> list[Problem]:
    problems = []
    kind = config.failover_type
    given = config.network_strategy
    if given is not None and given not in _ALLOWED_STRATEGIES[kind]:
        problems.append(Problem("network_strategy", f"contradicts failover_type {kind.value}"))
    elif given is NetworkStrategy.CUSTOM and not config.network_mappings:
        problems.append(Problem("network_mappings", "network_strategy 'custom' needs at least one mapping"))
    elif given is not None and given is not NetworkStrategy.CUSTOM and config.network_mappings:
        problems.append(Problem("network_mappings", "only network_strategy 'custom' takes mappings"))
    if config.vm_naming is not None and config.vm_naming is not _ALLOWED_NAMING[kind]:
        problems.append(Problem("vm_naming", f"contradicts failover_type {kind.value}"))
    if config.allow_production_network and kind is FailoverType.LIVE:
        problems.append(Problem("allow_production_network", "is for a test failover only"))
    of_kind = live_contradictions if kind is FailoverType.LIVE else test_contradictions
    problems.extend(Problem(*found) for found in of_kind(config))
    if config.disks is DisksMode.NONE:
        problems.extend(Problem(*found) for found in without_disks(config))
    problems.extend(Problem(*found) for found in missing_reasons(config))
    return problems


def check_against_context(config: UnifiedFailoverConfig, context: VMContext) -> None:
    """Check that what the request says of the VM is what its context says.

    Raises:
        InvalidRequest: Names every field that is not the context's.
    """
    said = (
        # Names that differ in case only are two VMs in VMware; a uuid has no case.
        ("vm_name", config.vm_name, context.vm_name),
        ("vmware_vm_id", (config.vmware_vm_id or "").lower() or None, context.vmware_vm_id.lower()),
        ("vm_id", (config.vm_id or "").lower() or None, context.vmware_vm_id.lower()),
    )
    problems = [
        Problem(field, "is not the one of this context")
        for field, given, known in said
        if given is not None and given != known
    ]
    if problems:
        raise InvalidRequest(problems)
