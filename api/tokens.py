"""Bearer tokens: a name, scopes, and only the hash of a secret that has 256 random bits.

A plain SHA-256 is enough for such a secret: nobody can try them all, so there is nothing to slow down.
The file holds one token a line, ``name:scope,scope:sha256``; empty lines and lines with # in front are free.
"""

import hashlib
import hmac
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

_PREFIX: Final = "fo_"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PARTS: Final = 3


class Scope(StrEnum):
    """What a token allows. A token has the scopes that its line lists, and no other."""

    READ = "read"
    """Status and list."""
    TEST = "test"
    """Start a test failover."""
    LIVE = "live"
    """Start a live failover; besides ``test``, let a test reach a production network."""


@dataclass(frozen=True)
class Token:
    """A token as it is stored.

    Attributes:
        name: Who holds it; it becomes the ``user_id`` of what is started with it.
    """

    name: str
    scopes: frozenset[Scope]
    sha256: str = field(repr=False)

    @property
    def line(self) -> str:
        """The line of the file."""
        return f"{self.name}:{','.join(sorted(self.scopes))}:{self.sha256}"


class TokenFileError(Exception):
    """The file of tokens cannot be used.

    Attributes:
        problems: One line each, with the number of the line, never with what stands there.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def new_token(name: str, scopes: Iterable[str]) -> tuple[str, Token]:
    """Make a token.

    Returns:
        The secret, which is kept nowhere, and what is stored of it.

    Raises:
        ValueError: The name or a scope is not usable, or there is no scope.
    """
    checked = _scopes(scopes)
    if not _NAME.fullmatch(name):
        raise ValueError("a name is made of at most 64 letters, digits and . _ @ -")
    secret = _PREFIX + secrets.token_urlsafe(32)
    return secret, Token(name, checked, _hash(secret))


def find_token(tokens: Sequence[Token], presented: str) -> Token | None:
    """Return the token with this secret. How long it takes says nothing about any stored hash."""
    digest = _hash(presented)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.sha256, digest):
            found = token
    return found


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read a file of tokens.

    Raises:
        TokenFileError: It cannot be read, everybody may change it, or lines are wrong or repeated.
    """
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            raise TokenFileError(["everybody may write to the file; take that right away (chmod o-w)"])
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise TokenFileError(["the file cannot be read"]) from None
    tokens: list[Token] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            tokens.append(_token(line.strip(), tokens))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise TokenFileError(problems)
    return tuple(tokens)


def _token(line: str, known: Sequence[Token]) -> Token:
    parts = line.split(":")
    if len(parts) != _PARTS or not _NAME.fullmatch(parts[0]) or not _HASH.fullmatch(parts[2]):
        raise ValueError("is not name:scope,scope:sha256 as `python -m api token` prints it")
    name, scopes, digest = parts
    if any(token.name == name for token in known):
        raise ValueError("repeats a name")
    if any(token.sha256 == digest for token in known):
        raise ValueError("repeats the secret of another name")
    return Token(name, _scopes(scopes.split(",")), digest)


def _scopes(words: Iterable[str]) -> frozenset[Scope]:
    try:
        scopes = frozenset(Scope(word) for word in words)
    except ValueError:
        scopes = frozenset()
    if not scopes:
        raise ValueError(f"a scope is one of {', '.join(Scope)}")
    return scopes


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
