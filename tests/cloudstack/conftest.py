from collections.abc import AsyncIterator

import pytest

from cloudstack import Transport
from tests.cloudstack.cloudstack_server import FakeCloudStack

KEY = "made-up-api-key"
SECRET = "made-up-secret"


@pytest.fixture
async def server() -> AsyncIterator[FakeCloudStack]:
    fake = FakeCloudStack()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def transport(server: FakeCloudStack) -> AsyncIterator[Transport]:
    async with Transport(server.url, KEY, SECRET, retry_seconds=0.001) as made:
        yield made
