"""The key pair of a simulated user."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key with its secret; neither shows in a repr, as with real ones.

    Attributes:
        key: What a request carries as ``apiKey``.
        secret: What a request is signed with.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
