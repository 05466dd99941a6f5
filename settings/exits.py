"""How a process of ours ends: with clear last words, and with the exit code that it means."""

import os
import sys
from typing import NoReturn


def give_up(headline: str, *lines: str, code: int = 2) -> int:
    """Say why the process ends, on standard error, and return its exit code."""
    print(headline, *lines, sep="\n  ", file=sys.stderr)  # noqa: T201 - the last words of a process
    return code


def exit_with(code: int) -> NoReturn:
    """End the process at once: threads of the SDK can abort an interpreter that shuts down (measured)."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
