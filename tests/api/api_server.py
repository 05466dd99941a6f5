"""The API of a site, in this process, on a port of its own, asked over real HTTP."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from temporalio.client import Client

from api.server import make_app
from api.settings import ApiSettings
from api.tokens import Token
from database import Database
from tests.support.site import Site

START = "/api/v1/failover/unified"
JOBS = "/api/v1/failover/jobs"


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

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

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
        return await self.call("GET", f"/api/v1/failover/{job_id}/status")

    async def jobs(self, query: str = "") -> Answer:
        """Ask for all jobs."""
        return await self.call("GET", JOBS + query)


@contextlib.asynccontextmanager
async def serve_api(
    site: Site, *, client: Client | None = None, tokens: Sequence[Token] = (), **settings: object
) -> AsyncIterator[ApiServer]:
    """Serve the API of a site, with another Temporal where given."""
    names = ("FAILOVER_DATABASE_URL", "FAILOVER_TASK_QUEUE")
    given = {name: site.settings[name] for name in names} | settings
    made = ApiSettings(_env_file=None, **given)
    database = await Database.open(made.database_url.get_secret_value(), pool_size=3)
    runner = web.AppRunner(make_app(made, tokens, database, client or site.client), access_log=None)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield ApiServer(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
    finally:
        await runner.cleanup()
        await database.close()
