"""Put the parts of the API together."""

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


async def _own_name(_request: web.Request, response: web.StreamResponse) -> None:
    # The versions of Python and aiohttp are nobody's business.
    response.headers[hdrs.SERVER] = _SERVER_NAME
