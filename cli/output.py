"""What is printed, and where: answers on standard output, everything else on standard error.

With ``--json`` an answer is JSON and nothing else is on standard output. Without it, people read: colours,
the step under way and hints come on a terminal only. Names and messages come from other systems: what in
them is not printable is shown as its escape sequence, so that none of them steers a terminal or fakes a row.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from pydantic import BaseModel
from rich.console import Console
from rich.status import Status
from rich.text import Text

_GAP: Final = "  "

Answer = BaseModel | Mapping[str, Any] | Sequence[BaseModel]


class Output:
    """Prints for one command.

    Args:
        as_json: Whether the answer is JSON.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
        self._err = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, stderr=True)

    @property
    def interactive(self) -> bool:
        """Whether somebody looks on: then more than the answer is worth printing."""
        return self._out.is_terminal and not self.as_json

    def answer(self, value: Answer, *, lines: bool = False) -> None:
        """Print an answer as JSON: indented on a terminal, on one line in a pipe.

        Args:
            value: The answer.
            lines: Whether it is one of several, which are on one line each everywhere.
        """
        indent = 2 if sys.stdout.isatty() and not lines else None
        print(json.dumps(_plain(value), indent=indent), flush=True)  # noqa: T201 - the answer itself

    def line(self, text: str = "", *, style: str = "") -> None:
        """Print a line of an answer for people."""
        self._out.print(printable(text), style=style)

    def rows(self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "") -> None:
        """Print a table: aligned, never cut, one line for each row."""
        clean = [[printable(cell) for cell in row] for row in (heads, *rows)]
        widths = [max(len(row[column]) for row in clean) for column in range(len(heads))]
        for number, row in enumerate(clean):
            self.line(_aligned(row, widths, indent), style="" if number else "dim")

    def warning(self, text: str) -> None:
        """Print a warning that belongs to an answer."""
        self.line(f"warning: {text}", style="yellow")

    def hint(self, text: str) -> None:
        """Say what could be done next; only somebody at a terminal wants to know."""
        if self._err.is_terminal and not self.as_json:
            self._err.print(printable(text), style="dim")

    def problem(self, text: str) -> None:
        """Say what went wrong."""
        self._err.print(printable(text), style="red")

    @contextmanager
    def under_way(self, text: str) -> Iterator["UnderWay"]:
        """Show what is waited for, on a terminal only."""
        if not self._err.is_terminal or self.as_json:
            yield UnderWay(None)
            return
        with self._err.status(Text(printable(text))) as status:
            yield UnderWay(status)


class UnderWay:
    """The line that shows what is waited for.

    Args:
        status: None where nothing is shown.
    """

    def __init__(self, status: Status | None) -> None:
        self._status = status

    def show(self, text: str) -> None:
        """Show something else."""
        if self._status is not None:
            self._status.update(Text(printable(text)))


def printable(text: str) -> str:
    """Return a text on one line, with what cannot be printed as its escape sequence."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _aligned(cells: Sequence[str], widths: Sequence[int], indent: str) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"{indent}{_GAP.join(padded)}".rstrip()


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value
