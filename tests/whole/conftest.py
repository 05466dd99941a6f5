"""Sites for whole failovers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from tests.support.whole import WholeSite, open_whole_site
from workflows.surface import SEARCH_ATTRIBUTES


@pytest_asyncio.fixture(loop_scope="session")
async def whole_site(temporal_client: Client, tmp_path: Path) -> AsyncIterator[WholeSite]:
    """A site with replicas and a worker, on SQLite."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    url = f"sqlite+aiosqlite:///{tmp_path / 'site.db'}"
    async with open_whole_site(temporal_client, url) as made:
        await made.site.start_worker()
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def whole_field_site(temporal_client: Client, field_url: str) -> AsyncIterator[WholeSite]:
    """The same on each database and schema generation that exists in the field."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with open_whole_site(temporal_client, field_url) as made:
        await made.site.start_worker()
        yield made
