"""The commands put together."""

import os
import sys
from contextlib import suppress

import typer
from temporalio.runtime import Runtime, TelemetryConfig

from cli.asking import explain, list_mappings, preflight
from cli.codes import EPILOG
from cli.following import cancel, list_runs, status, watch
from cli.ordering import cleanup, commit, extend, resume, rollback
from cli.starting import start

app = typer.Typer(
    name="failover",
    help="Fail protected VMware VMs over to Apache CloudStack, and follow what becomes of it.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
mappings = typer.Typer(help="Network mappings.", no_args_is_help=True, rich_markup_mode=None)

app.command(epilog=EPILOG)(start)
app.command(epilog=EPILOG)(status)
app.command("list", epilog=EPILOG)(list_runs)
app.command(epilog=EPILOG)(watch)
app.command(epilog=EPILOG)(cancel)
for order in (commit, rollback, resume, cleanup, extend):
    app.command(epilog=EPILOG)(order)
app.command(epilog=EPILOG)(preflight)
app.command(epilog=EPILOG)(explain)
mappings.command("list", epilog=EPILOG)(list_mappings)
app.add_typer(mappings, name="mappings")


def run() -> None:
    """Run the command that the arguments name, and exit with its code."""
    # The SDK writes its own log lines to standard output, where answers belong.
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)), error_if_already_set=False)
    code = 0
    try:
        app(prog_name="failover")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            # Whoever read it may be gone already.
            stream.flush()
    # Not the ordinary way out: one exit in five right after a call ended in "Fatal Python error:
    # PyGILState_Release" (measured): a thread of the SDK is still in Python by then. Exit codes count here.
    os._exit(code)
