"""Tables of stories are played together, a few at a time, each on a site of its own."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.search_attributes import register_search_attributes
from tests.faults.stories import Ended, Story, tell
from workflows.surface import SEARCH_ATTRIBUTES

_AT_A_TIME = 8


class Endings:
    """How the stories of a module ended; a story that could not be told raises where it is asked for."""

    def __init__(self, told: Mapping[int, Ended | BaseException]) -> None:
        self._told = told

    def of(self, story: Story) -> Ended:
        """Return how a story ended."""
        ended = self._told[id(story)]
        if isinstance(ended, BaseException):
            raise ended
        return ended

    def every(self) -> list[Ended]:
        """Return how those ended that could be told."""
        return [ended for ended in self._told.values() if isinstance(ended, Ended)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def endings(
    request: pytest.FixtureRequest, temporal_client: Client, tmp_path_factory: pytest.TempPathFactory
) -> Endings:
    """Play every story of this module that a selected test asks for.

    Most of a story is waiting for a retry, which many can do at once. They share nothing: each has its
    simulators, its database, its worker and its task queue.
    """
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    stories = _selected(request)
    turns = asyncio.Semaphore(_AT_A_TIME)

    async def play(story: Story) -> Ended:
        folder: Path = tmp_path_factory.mktemp("story")
        async with turns:
            return await tell(story, temporal_client, folder)

    told = await asyncio.gather(*(play(story) for story in stories), return_exceptions=True)
    return Endings({id(story): ended for story, ended in zip(stories, told, strict=True)})


def _selected(request: pytest.FixtureRequest) -> list[Story]:
    found: dict[int, Story] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.node.obj:
            story = getattr(item, "callspec", None) and item.callspec.params.get("story")
            if isinstance(story, Story):
                found[id(story)] = story
    return list(found.values())
