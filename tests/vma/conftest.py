from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import ClientSession

from simulators.vma import VmaSimulator, sample_vcenters
from tests.vma.odd_agent import OddAgent
from vma import VmaClient


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def simulator() -> AsyncIterator[VmaSimulator]:
    made = VmaSimulator(sample_vcenters())
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def client(simulator: VmaSimulator, session: ClientSession) -> VmaClient:
    return VmaClient(simulator.url, session)


@pytest.fixture
async def odd_agent() -> AsyncIterator[OddAgent]:
    made = OddAgent()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def odd_client(odd_agent: OddAgent, session: ClientSession) -> VmaClient:
    return VmaClient(odd_agent.url, session)
