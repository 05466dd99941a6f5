"""Ids, MACs and passwords from a seeded generator: the same calls give the same cloud."""

import random
import string
import uuid
from typing import TypeVar

T = TypeVar("T")

_PASSWORD_LENGTH = 12


class Ids:
    """Makes everything that a real server draws at random."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 (repeatable on purpose, no secret depends on it)
        self._number = 0

    def uuid(self) -> str:
        """Return a new lower-case uuid."""
        return str(uuid.UUID(bytes=self._random.randbytes(16), version=4))

    def number(self) -> int:
        """Return the next internal id."""
        self._number += 1
        return self._number

    def mac(self) -> str:
        """Return a locally administered unicast MAC address."""
        return ":".join(f"{octet:02x}" for octet in (0x1E, 0x00, *self._random.randbytes(4)))

    def password(self) -> str:
        """Return the password of a fresh guest."""
        return "".join(self._random.choices(string.ascii_letters + string.digits, k=_PASSWORD_LENGTH))

    def choice(self, items: list[T]) -> T:
        """Return any of ``items``."""
        return self._random.choice(items)
