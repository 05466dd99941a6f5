"""The pages as tests read them: fenced blocks, commands, tables, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.glob("*.md")))
OWN_PAGES = tuple(page for page in PAGES if page.name != "settings.md")
"""Without the page that is made from the settings and has tests of its own."""

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_NOT_IN_AN_ANCHOR = re.compile(r"[^\w\- ]")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    language: str
    body: str


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[Block]:
    return [
        Block(
            page.name,
            language,
            "\n".join(line.removeprefix(match["indent"]) for line in match["body"].splitlines()),
        )
        for match in _FENCE.finditer(text(page))
        if match["language"] == language
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text(page))


def inline_code(page: Path) -> list[str]:
    return _CODE.findall(prose(page))


def commands(page: Path, program: str) -> list[list[str]]:
    """The lines of one program in the shell blocks, each split into words."""
    lines = (line for block in blocks(page, "sh") for line in block.body.splitlines())
    return [words for line in lines if (words := shlex.split(line)) and words[0] == program]


def links(page: Path) -> list[str]:
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = (line.lstrip("#").strip() for line in prose(page).splitlines() if line.startswith("#"))
    return {_NOT_IN_AN_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: Path, first_heading: str, second_heading: str) -> list[list[str]]:
    """The rows of every table that begins with these two headings."""
    return [
        row for rows in _tables(page) if rows[0][:2] == [first_heading, second_heading] for row in rows[2:]
    ]


def _tables(page: Path) -> Iterator[list[list[str]]]:
    rows: list[list[str]] = []
    for line in [*prose(page).splitlines(), ""]:
        if line.lstrip().startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            yield rows
            rows = []
