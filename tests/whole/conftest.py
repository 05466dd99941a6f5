"""Sites for whole failovers."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest_asyncio
from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from tests.support.whole import WholeSite, open_whole_site
from workflows.surface import SEARCH_ATTRIBUTES


class OpenWhole(Protocol):
    """Opens a site of a test's own."""

    async def __call__(
        self,
        *,
        worker: bool = True,
        settings: dict[str, Any] | None = None,
        **replicas: Any,  # noqa: ANN401 - whatever ``seed_replicas`` takes
    ) -> WholeSite:
        """Open it, with a worker unless told otherwise."""


@pytest_asyncio.fixture(loop_scope="session")
async def open_whole(temporal_client: Client, tmp_path: Path) -> AsyncIterator[OpenWhole]:
    """Opens a site on SQLite, made as the test wants it; closed after the test."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with contextlib.AsyncExitStack() as sites:

        async def opened(
            *,
            worker: bool = True,
            settings: dict[str, Any] | None = None,
            **replicas: Any,  # noqa: ANN401 - whatever ``seed_replicas`` takes
        ) -> WholeSite:
            url = f"sqlite+aiosqlite:///{tmp_path / 'site.db'}"
            site = await sites.enter_async_context(
                open_whole_site(temporal_client, url, settings=settings, **replicas)
            )
            if worker:
                await site.site.start_worker()
            return site

        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def whole_site(open_whole: OpenWhole) -> WholeSite:
    """A site with replicas and a worker, on SQLite."""
    return await open_whole()


@pytest_asyncio.fixture(loop_scope="session")
async def whole_field_site(temporal_client: Client, field_url: str) -> AsyncIterator[WholeSite]:
    """The same on each database and schema generation that exists in the field."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    async with open_whole_site(temporal_client, field_url, disks=5) as made:
        await made.site.start_worker()
        yield made
