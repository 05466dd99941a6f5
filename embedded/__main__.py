"""The command line behind the Makefile: ``python -m embedded demo`` and ``python -m embedded up``."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final

import typer

from embedded.demo import run_demo
from embedded.environment import forget_foreign_settings
from embedded.errors import StackError
from embedded.ports import StackPorts
from embedded.screen import Screen
from embedded.temporal_cli import find_temporal_cli
from embedded.up import run_up

_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOPPED_EARLY: Final = 128 + signal.SIGINT

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def _main() -> None:
    """Run the whole product on this machine: a development tool that reaches no real system."""
    removed = forget_foreign_settings()
    if removed:
        typer.echo(f"These settings of the environment are not used here: {', '.join(removed)}", err=True)


@app.command()
def demo() -> None:
    """Run four sample failovers on a stack of their own, and show where every NIC went."""
    screen = Screen()

    def work() -> bool:
        screen.line("Starting the stack", style="bold")
        cli = find_temporal_cli(screen.note)
        return _run(run_demo(cli, screen))

    if not _said_clearly(work):
        screen.line("Stopped before the end; nothing is left running.")
        raise typer.Exit(_STOPPED_EARLY)


@app.command()
def up() -> None:
    """Leave the stack running on fixed ports until Ctrl-C."""
    screen = Screen()

    def work() -> bool:
        ports = StackPorts.from_environment()
        ports.refuse_taken()
        screen.line("Starting the stack", style="bold")
        cli = find_temporal_cli(screen.note)
        # A first build of the CLI takes minutes, in which a port may have been taken.
        ports.refuse_taken()
        return _run(run_up(ports, cli, screen))

    _said_clearly(work)
    screen.line("Stopped; nothing is left running.")


def _run(work: Coroutine[Any, Any, None]) -> bool:
    """Do the work; False when a signal ended it early, after everything was stopped."""

    async def until_told_to_stop() -> None:
        task = asyncio.ensure_future(work)
        for number in _STOPPING:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await task

    try:
        asyncio.run(until_told_to_stop())
    except asyncio.CancelledError:
        return False
    return True


def _said_clearly(work: Callable[[], bool]) -> bool:
    try:
        return work()
    except StackError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error


if __name__ == "__main__":
    app()
