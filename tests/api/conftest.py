"""What the tests of the API ask for."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.api_server import ApiServer, serve_api
from tests.support.site import Site


@pytest_asyncio.fixture(loop_scope="session")
async def api(site: Site) -> AsyncIterator[ApiServer]:
    """An open API of a site with a worker."""
    async with serve_api(site) as server:
        yield server
