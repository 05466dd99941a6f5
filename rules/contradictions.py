"""What a request says of source and disks, and does not fit together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rules.disks import DisksMode
from rules.errors import FailoverErrorType, FailoverRefused

if TYPE_CHECKING:  # the request's own module asks this one
    from rules.policy import FailoverPolicy
    from rules.request import UnifiedFailoverConfig

Found = tuple[str, str]
"""The field's name, and what is wrong; never a value."""

_FOR_LIVE = "is for a live failover only"
_FOR_TEST = "is for a test failover only"
_NO_DISKS = "contradicts a run without disks"
_ALWAYS_CLEANED = "a test is always cleaned up after its test_duration: leave it out"


def live_contradictions(config: "UnifiedFailoverConfig") -> Iterator[Found]:
    """Yield what contradicts itself in a request for a live failover."""
    if config.test_duration is not None:
        yield "test_duration", _FOR_TEST
    if config.auto_cleanup:
        yield "auto_cleanup", _FOR_TEST
    if config.disks is DisksMode.NONE:
        return
    if config.power_off_source is False and not config.source_lost:
        yield (
            "power_off_source",
            "the new VM starts only when the source is off, or declared lost with source_lost",
        )
    if config.power_off_source and config.source_lost:
        yield "power_off_source", "contradicts source_lost"
    if config.perform_final_sync and config.source_lost:
        yield "perform_final_sync", "contradicts source_lost"
    if config.perform_final_sync is False and not config.source_lost and not has_reason(config):
        yield "reason", "perform_final_sync false needs a reason"


def test_contradictions(config: "UnifiedFailoverConfig") -> Iterator[Found]:
    """Yield what contradicts itself in a request for a test failover."""
    only_live = (
        ("power_off_source", config.power_off_source),
        ("perform_final_sync", config.perform_final_sync),
        ("source_lost", config.source_lost),
        ("accept_recovery_point", config.accept_recovery_point),
        ("waive_snapshots", config.waive_snapshots),
    )
    yield from ((field, _FOR_LIVE) for field, given in only_live if given)
    if config.auto_cleanup is False and config.disks is not DisksMode.NONE:
        yield "auto_cleanup", _ALWAYS_CLEANED


test_contradictions.__test__ = False  # type: ignore[attr-defined]  # pytest would take the name for a test


def missing_reasons(config: "UnifiedFailoverConfig") -> Iterator[Found]:
    """Yield each order that is only taken with a reason, when there is none."""
    if has_reason(config):
        return
    orders = (
        ("allow_production_network", config.allow_production_network),
        ("source_lost", config.source_lost),
        ("accept_recovery_point", config.accept_recovery_point),
        ("waive_snapshots", config.waive_snapshots),
    )
    yield from (("reason", f"{field} needs a reason") for field, given in orders if given)


def without_disks(config: "UnifiedFailoverConfig") -> Iterator[Found]:
    """Yield what a run without disks cannot honour.

    The firmware is no such thing: the template may be one for UEFI.
    """
    of_disks = (
        ("source_lost", config.source_lost),
        ("accept_recovery_point", config.accept_recovery_point),
        ("waive_snapshots", config.waive_snapshots),
        ("power_off_source", config.power_off_source),
        ("perform_final_sync", config.perform_final_sync),
        ("boot_disk", config.boot_disk),
        # A rehearsal's VM has no workflow that would clean it up.
        ("test_duration", config.test_duration),
        ("auto_cleanup", config.auto_cleanup),
    )
    yield from ((field, _NO_DISKS) for field, given in of_disks if given)


def has_reason(config: "UnifiedFailoverConfig") -> bool:
    """Whether the request says why."""
    return bool((config.reason or "").strip())


def check_against_policy(config: "UnifiedFailoverConfig", policy: "FailoverPolicy") -> None:
    """Check a request that leaves ``disks`` to the site, once the site's policy is known.

    Raises:
        FailoverRefused: InvalidRequest; the site does not move disks, and the request asks for what needs it.
    """
    if config.disks_mode(policy) is DisksMode.REPLICATED:
        return
    found = list(without_disks(config))
    if found:
        text = "; ".join(f"{field}: {what}" for field, what in found)
        raise FailoverRefused(
            FailoverErrorType.INVALID_REQUEST, f"The request is refused (FAILOVER_DISKS is none). {text}"
        )
