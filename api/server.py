"""Put the parts of the API together."""

import logging
from collections.abc import Sequence
from typing import Final

import structlog
from aiohttp import hdrs, web
from temporalio.client import Client

from api.callers import Doorkeeper
from api.job_book import JobBook
from api.limits import RateLimit
from api.middleware import make_middlewares
from api.openapi import document
from api.requests import BODY_BYTES
from api.routes import FailoverRoutes, ProbeRoutes
from api.settings import ApiSettings
from api.starts import Starter
from api.temporal import TemporalGateway
from api.tokens import Token
from database import ContextRepository, Database, RunRepository

_SERVER_NAME: Final = "cloudstack-failover"

_log = structlog.get_logger(__name__)


def make_app(
    settings: ApiSettings, tokens: Sequence[Token], database: Database, client: Client
) -> web.Application:
    """Build the application.

    Args:
        settings: Limits, times and the task queue.
        tokens: Who may ask; none means everybody on this machine.
        database: Open, and closed by whoever opened it.
        client: With ``pydantic_data_converter``; it may be lazy.
    """
    temporal = TemporalGateway(client, task_queue=settings.task_queue)
    runs, contexts = RunRepository(database), ContextRepository(database)
    jobs = JobBook(runs, contexts, temporal)
    starter = Starter(runs, contexts, temporal, jobs, accept_seconds=settings.accept_seconds)
    doorkeeper = Doorkeeper(tokens, RateLimit(settings.rate_per_minute, settings.burst))
    if doorkeeper.open:
        _log.warning(
            "api_open", reason="no tokens are configured: every program on this machine may start failovers"
        )
    app = web.Application(middlewares=make_middlewares(doorkeeper), client_max_size=BODY_BYTES)
    app.add_routes(FailoverRoutes(starter, jobs).table())
    app.add_routes(ProbeRoutes(database, temporal, document(secured=not doorkeeper.open)).table())
    app.on_response_prepare.append(_own_name)
    return app


def make_runner(app: web.Application, *, shutdown_seconds: float = 1) -> web.AppRunner:
    """Build the runner of the application.

    Args:
        app: The application.
        shutdown_seconds: How long requests that are under way may take to end.
    """
    return web.AppRunner(app, access_log=None, shutdown_timeout=shutdown_seconds, logger=_protocol_log())


class _WithoutTheRequest(logging.Filter):
    """Keeps what is no HTTP out of the log: aiohttp quotes it, and it may be an Authorization header."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave the kind of the error, and drop its words."""
        kind = record.exc_info[0] if record.exc_info else None
        record.msg = f"{record.getMessage()}{f' ({kind.__name__})' if kind else ''}"
        record.args, record.exc_info, record.exc_text = (), None, None
        return True


def _protocol_log() -> logging.Logger:
    logger = logging.getLogger("api.protocol")
    if not logger.filters:
        logger.addFilter(_WithoutTheRequest())
    return logger


async def _own_name(_request: web.Request, response: web.StreamResponse) -> None:
    # The versions of Python and aiohttp are nobody's business.
    response.headers[hdrs.SERVER] = _SERVER_NAME
