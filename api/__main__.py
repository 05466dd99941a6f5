"""The API as a process: ``python -m api`` serves, ``python -m api token NAME SCOPE...`` makes a token.

Exit codes: 0 after SIGTERM or SIGINT, 2 for settings that cannot work, 1 when the server itself failed.
"""

import argparse
import asyncio
import signal
from collections.abc import Sequence

import structlog
from aiohttp import web

from api.server import make_app, make_runner
from api.settings import ApiSettings, load_api_settings, load_tokens
from api.temporal import connect_lazily
from api.tokens import Scope, Token, new_token
from database import Database, DatabaseError, migrate
from settings import SettingsError
from settings.exits import exit_with, give_up
from settings.logs import configure_logs

_log = structlog.get_logger("api")


class _CannotStart(Exception):
    """The settings are readable, and do not work."""


async def serve(settings: ApiSettings, tokens: Sequence[Token]) -> None:
    """Serve until SIGTERM or SIGINT, then let requests end that are under way.

    Raises:
        DatabaseError: The database cannot be used.
        _CannotStart: Neither can the address or Temporal's configuration.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        client = await connect_lazily()
    except (RuntimeError, ValueError, OSError):
        # The text may hold the whole configuration, API key included.
        raise _CannotStart(
            "Temporal: the configuration (TEMPORAL_*, its file and profile) cannot be used"
        ) from None
    url = settings.database_url.get_secret_value()
    await migrate(url)
    database = await Database.open(url, pool_size=settings.database_pool_size)
    try:
        runner = make_runner(
            make_app(settings, tokens, database, client), shutdown_seconds=settings.shutdown_seconds
        )
        await runner.setup()
        try:
            await _listen(runner, settings)
            await stop.wait()
            _log.info("api_draining", seconds=settings.shutdown_seconds)
        finally:
            await runner.cleanup()
    finally:
        await database.close()
    _log.info("api_stopped")


async def _listen(runner: web.AppRunner, settings: ApiSettings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        raise _CannotStart(
            f"FAILOVER_API_HOST, FAILOVER_API_PORT: cannot listen on {settings.host} port {settings.port}:"
            f" {error.strerror}"
        ) from None
    # With port 0 the system chose one.
    _log.info("api_started", host=settings.host, port=runner.addresses[0][1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m api", description="The HTTP API of the failover.")
    commands = parser.add_subparsers(dest="command", metavar="[token NAME SCOPE...]")
    token = commands.add_parser("token", help="make a bearer token, and print it once")
    token.add_argument("name", metavar="NAME", help="who holds it; it becomes the user_id of failovers")
    token.add_argument("scopes", metavar="SCOPE", nargs="+", help=f"one or more of {', '.join(Scope)}")
    asked = parser.parse_args(arguments)
    if asked.command == "token":
        return _print_token(asked.name, asked.scopes)
    return _serve()


def _serve() -> int:
    try:
        settings = load_api_settings()
        tokens = load_tokens(settings)
    except SettingsError as error:
        return give_up("The API cannot start. Wrong settings:", *error.problems)
    configure_logs(settings.log_format)
    try:
        asyncio.run(serve(settings, tokens))
    except (DatabaseError, _CannotStart) as error:
        return give_up("The API cannot start.", str(error))
    return 0


def _print_token(name: str, scopes: Sequence[str]) -> int:
    try:
        secret, token = new_token(name, scopes)
    except ValueError as error:
        return give_up("No token was made.", str(error))
    print(f"The token, shown this once:\n  {secret}\nThe line for FAILOVER_API_TOKENS_FILE:\n  {token.line}")  # noqa: T201 - the command's result
    return 0


if __name__ == "__main__":
    exit_with(main())
