"""A fixture's worth of a whole site, for tests that look at it from outside."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from tests.support.whole import WholeSite, open_whole_site
from workflows.surface import SEARCH_ATTRIBUTES


@contextlib.asynccontextmanager
async def whole_site_with_worker(
    client: Client,
    folder: Path,
    *,
    settings: dict[str, Any] | None = None,
) -> AsyncIterator[WholeSite]:
    """Open a whole site on SQLite, with a worker."""
    await register_search_attributes(client, SEARCH_ATTRIBUTES)
    url = f"sqlite+aiosqlite:///{folder / 'whole.db'}"
    async with open_whole_site(client, url, settings=settings) as whole:
        await whole.site.start_worker()
        yield whole
