"""The API of a site, in this process, on a port of its own, asked over real HTTP."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from temporalio.client import Client

from api.server import make_app, make_runner
from api.settings import ApiSettings
from api.tokens import Token
from database import Database
from tests.support.site import Site

START = "/api/v1/failover/unified"
JOBS = "/api/v1/failover/jobs"

_POOL = 3
_POOL_SECONDS = 0.2


@dataclass(frozen=True)
class Answer:
    """What came back; the body is always JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def error(self) -> str:
        """The type of an error's envelope, which must be whole."""
        assert self.body["success"] is False, self.body
        assert self.body["message"]
        assert "job_id" in self.body
        return str(self.body["error"])


class ApiServer:
    """One API.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession, database: Database) -> None:
        self.url = url
        self._session = session
        self._database = database

    @contextlib.asynccontextmanager
    async def without_database(self) -> AsyncIterator[None]:
        """Take every connection of the pool, as a database that hangs does."""
        async with contextlib.AsyncExitStack() as taken:
            for _ in range(_POOL):
                await taken.enter_async_context(self._database.read())
            yield

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; text is sent as it is, everything else as JSON."""
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        data = body if isinstance(body, (str, bytes)) or body is None else json.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self._session.request(method, self.url + path, data=data, headers=sent) as response:
            assert response.content_type == "application/json", await response.text()
            return Answer(response.status, response.headers.copy(), json.loads(await response.text()))

    async def start(self, body: object, *, key: str = "", token: str = "") -> Answer:
        """Ask for a failover."""
        return await self.call(
            "POST", START, body, token=token, headers={"Idempotency-Key": key} if key else None
        )

    async def status(self, job_id: str) -> Answer:
        """Ask for one job."""
        return await self.call("GET", f"/api/v1/failover/{quote(job_id, safe='')}/status")

    async def job(self, job_id: str) -> dict[str, Any]:
        """One job that is there."""
        answer = await self.status(job_id)
        assert answer.status == 200, answer.body
        return dict(answer.body["data"])

    async def jobs(self, query: str = "") -> Answer:
        """Ask for all jobs."""
        return await self.call("GET", JOBS + query)


@contextlib.asynccontextmanager
async def serve_api(
    site: Site,
    *,
    client: Client | None = None,
    tokens: Sequence[Token] = (),
    settings: Mapping[str, object] = MappingProxyType({}),
) -> AsyncIterator[ApiServer]:
    """Serve the API of a site, with another Temporal where given."""
    names = ("FAILOVER_DATABASE_URL", "FAILOVER_TASK_QUEUE")
    given = {**{name: site.settings[name] for name in names}, **settings}
    made = ApiSettings(_env_file=None, **given)
    url = made.database_url.get_secret_value()
    database = await Database.open(url, pool_size=_POOL, pool_timeout=_POOL_SECONDS)
    runner = make_runner(make_app(made, tokens, database, client or site.client))
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield ApiServer(f"http://127.0.0.1:{runner.addresses[0][1]}", session, database)
    finally:
        await runner.cleanup()
        await database.close()
