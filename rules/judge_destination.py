"""What the preflight says of the plan: mappings, networks, template, offering, name, and what is left."""

from collections.abc import Mapping
from types import MappingProxyType

from rules.checks import failed, judged, warned
from rules.destination import About
from rules.preflight import Check
from rules.situation import Situation

DESTINATION_CHECKS = frozenset({"mappings", "networks", "template", "offering", "name", "destination"})
"""The run's error type is then that of the first problem, not of the check."""

_GOOD: Mapping[About, str] = MappingProxyType(
    {
        About.NETWORKS: "CloudStack takes the decided networks, and their MAC addresses",
        About.TEMPLATE: "the template can be used",
        About.OFFERING: "the offering can be used",
        About.NAME: "the name is free on the decided networks",
    }
)
_FIX: Mapping[About, str] = MappingProxyType(
    {
        About.NETWORKS: "Map the NIC to a network that can be used, or free what is taken there",
        About.TEMPLATE: "Correct ossea_configs.template_id, or make that template usable in the zone",
        About.OFFERING: "Correct ossea_configs.service_offering_id, or name another offering there",
        About.NAME: "Rename or expunge the VM that has the name; a destroyed one keeps it until then",
    }
)
_BY_NETWORKS = frozenset({About.NETWORKS, About.NAME})
"""Both are looked at on the decided networks only."""


def unmapped_check(problem: str) -> Check:
    """Return what is said where it is not decided where each NIC goes."""
    return failed(
        "mappings",
        problem,
        "Correct the rows of network_mappings, or network_mappings of the request; docs/errors.md has more",
    )


def mappings(known: Situation) -> Check:
    """Judge whether every NIC has its network."""
    if known.mappings_problem:
        return unmapped_check(known.mappings_problem)
    said = [f"{one}: {warning}" for one in known.decisions for warning in one.warnings]
    return judged(
        "mappings",
        (),
        said,
        "every NIC has its network",
        "Add a mapping row for that NIC, where one is missing",
    )


def of_the_plan(known: Situation, about: About) -> Check:
    """Judge what CloudStack says of one part of the plan."""
    failures = [one.message for one in known.destination_problems if one.about == about]
    warnings = [one.message for one in known.destination_warnings if one.about == about]
    if about is About.OFFERING:
        # The only one is that of its size, which has a check of its own.
        warnings = []
    unasked = _unasked(known, about)
    if unasked and not failures:
        return warned(about.value, "; ".join((unasked, *warnings)), "Mend that first, then ask again")
    return judged(about.value, failures, warnings, _GOOD[about], _FIX[about])


def destination(known: Situation) -> Check:
    """Judge whatever else CloudStack says of the plan, the zone above all."""
    named = {about.value for about in _GOOD}
    return judged(
        "destination",
        [one.message for one in known.destination_problems if one.about not in named],
        [one.message for one in known.destination_warnings if one.about not in named],
        "the zone is there and takes VMs",
        "Correct ossea_configs.zone, or ask the CloudStack administrator about that zone",
    )


def _unasked(known: Situation, about: About) -> str:
    if not known.destination_checked:
        return "nobody could ask: there is no such zone"
    if known.mappings_problem and about in _BY_NETWORKS:
        return "nobody could ask: it is not decided which networks"
    return ""
