"""The base of every model that crosses a boundary, strict for requests and lenient for results."""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """What somebody asks of us: an unknown or wrongly typed field is an error, nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Record(BaseModel):
    """What a step found or did: frozen, and a field that a newer worker added is ignored.

    Models built in a workflow have no default that reads a clock, a random source or a uuid.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
