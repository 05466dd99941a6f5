"""What CloudStack says of a plan, sorted by what it is about: each has a check of its own."""

from enum import StrEnum

from rules.models import Record


class About(StrEnum):
    """What of the plan something is said of."""

    NETWORKS = "networks"
    TEMPLATE = "template"
    OFFERING = "offering"
    ZONE = "zone"
    NAME = "name"


class Finding(Record):
    """One sentence about the plan.

    Attributes:
        about: One of About; empty for anything else.
    """

    message: str
    about: str = ""
