"""The fault table as a reader of a test session's log sees it."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.activity_faults import Fault
from tests.whole.fault_rows import Row

_FAILED = "NOT AS SAID"
_WORDS = {" and names what is left": ", named", "cleanup_required": "again"}


class Table:
    """What became of each row; a row that could not be played raises where it is asked for.

    Args:
        playing: Every row that is played.
    """

    def __init__(self, playing: Mapping[Row, asyncio.Task[str]]) -> None:
        self._playing = playing

    async def end_of(self, row: Row) -> str:
        """Wait for the end of a row."""
        return await self._playing[row]

    async def stop(self) -> None:
        """Play no more."""
        for task in self._playing.values():
            task.cancel()
        await asyncio.gather(*self._playing.values(), return_exceptions=True)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print it."""
        terminalreporter.section("what every activity survived")
        terminalreporter.write_line(
            "A cell says how it ended; at every end what is said was compared with what is there."
        )
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> list[str]:
        """One table per runbook: a line for each activity, a column for each fault."""
        lines: list[str] = []
        for title in dict.fromkeys(row.scenario.title for row in self._playing):
            rows = [row for row in self._playing if row.scenario.title == title]
            faults = [fault for fault in Fault if any(row.fault is fault for row in rows)]
            steps = list(dict.fromkeys(row.step for row in rows))
            cells = {(row.step, row.fault): self._cell(row) for row in rows}
            grid = [
                [title, *(fault.value for fault in faults)],
                *([step, *(cells.get((step, fault), "") for fault in faults)] for step in steps),
            ]
            widths = [max(len(line[column]) for line in grid) for column in range(len(faults) + 1)]
            lines.append("")
            lines += [
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                for line in grid
            ]
        return lines

    def _cell(self, row: Row) -> str:
        task = self._playing[row]
        if not task.done() or task.cancelled() or task.exception() is not None:
            return _FAILED
        end = task.result()
        for long, short in _WORDS.items():
            end = end.replace(long, short)
        return end if task.result() == row.expected else f"{_FAILED}: {end}"
