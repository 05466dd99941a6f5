"""Every activity of every runbook, and every fault that may befall it: what is said in the end is what is.

``FAULT_TABLE=full`` plays every fault everywhere. The table is printed at the end of the session.
"""

import asyncio
import importlib
import inspect
import logging
import pkgutil
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from temporalio import activity
from temporalio.client import Client

import activities
from activities.search_attributes import register_search_attributes
from tests.support.activity_faults import Fault
from tests.whole.fault_rows import Row, rows_of
from tests.whole.fault_scenarios import SCENARIOS
from tests.whole.fault_stage import stage_for
from tests.whole.fault_table import Table
from workflows.surface import SEARCH_ATTRIBUTES

_AT_A_TIME, _KILLS_AT_A_TIME = 8, 6
_QUESTIONS = ("FindHolderActivity", "ListMappingsActivity")
"""Asked by PreflightWorkflow and ListMappingsWorkflow only, which change nothing."""
ROWS = tuple(row for scenario in SCENARIOS for row in rows_of(scenario))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def table(
    request: pytest.FixtureRequest, temporal_client: Client, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Table]:
    """Play the rows that selected tests ask for, some at a time, while the tests wait for theirs in order."""
    await register_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    turns, kills = asyncio.Semaphore(_AT_A_TIME), asyncio.Semaphore(_KILLS_AT_A_TIME)

    async def play(row: Row) -> str:
        async with kills if row.fault.kills else turns:
            return await _play(row, temporal_client, tmp_path_factory)

    told = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    made = Table({row: asyncio.create_task(play(row)) for row in _selected(request)})
    request.config.pluginmanager.register(made)
    yield made
    await made.stop()
    structlog.configure(**told)


async def _play(row: Row, client: Client, folders: pytest.TempPathFactory) -> str:
    scenario = row.scenario
    async with stage_for(
        client,
        folders.mktemp("row"),
        dict(scenario.request),
        on=scenario.on,
        strike=row.strike,
        also=scenario.also,
        settings=scenario.settings,
        **scenario.replicas,
    ) as stage:
        await scenario.plot(stage)
        assert row.fault.kills or row.strike in stage.striker.struck, "the fault befell nothing"
        return stage.ended


def _selected(request: pytest.FixtureRequest) -> list[Row]:
    asked = [
        getattr(item, "callspec", None)
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.node.obj
    ]
    found = [spec.params.get("row") for spec in asked if spec is not None]
    return [row for row in found if isinstance(row, Row)]


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_what_is_said_is_what_is(row: Row, table: Table) -> None:
    """The judge compares at every end; here it is only said which end that was to be."""
    assert await table.end_of(row) == row.expected


def test_every_activity_has_every_fault() -> None:
    played = defaultdict(set)
    for row in ROWS:
        played[row.activity].add(row.fault)
    wanted = {Fault.BEFORE, Fault.AFTER, Fault.FINAL, Fault.CANCEL_AFTER, Fault.KILL}
    missing = {name: wanted - played[name] for name in _activities() if wanted - played[name]}
    assert missing == dict.fromkeys(_QUESTIONS, wanted)


def _activities() -> Iterator[str]:
    for found in pkgutil.iter_modules(activities.__path__, "activities."):
        for _, kind in inspect.getmembers(importlib.import_module(found.name), inspect.isclass):
            for _, function in inspect.getmembers(kind, inspect.isfunction):
                definition = activity._Definition.from_callable(function)
                if definition is not None and definition.name is not None:
                    yield definition.name
