"""Record the golden histories anew: ``python -m tests.replay.record``, from the project's folder.

It starts a Temporal server, the simulators and a worker of its own, plays every story of
``whole_stories.py`` and writes one packed JSON file for each into ``tests/replay/histories/<version>/``
(``zcat`` shows it). What replay does not need is left out: who polled, from which machine, stack traces, the
server's own numbers.

Version 1 are the runs of before disks were moved, as ``golden_stories.py`` played them. A network rehearsal
still does the same, command by command.

Histories of a version that has been released are never recorded again: runs with such a history are open
somewhere. A change of the workflow's commands goes behind ``workflow.patched``, or raises ``VERSION`` when
the old workers stay until their runs are closed. The old folder stays, and is replayed as long as there
are such runs.
"""

import argparse
import asyncio
import contextlib
import gzip
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.search_attributes import register_search_attributes
from embedded.environment import child_environment
from embedded.ports import StackPorts
from embedded.temporal_cli import find_temporal_cli
from embedded.temporal_server import NAMESPACE, TemporalServer
from tests.replay.whole_stories import WHOLE_STORIES as STORIES
from tests.support.whole import open_whole_site
from tests.whole.appliance import appliance
from workflows.surface import SEARCH_ATTRIBUTES

VERSION = "2"
HISTORIES = Path(__file__).parent / "histories"

_RECORDER = "recorder"
_PACKED = ".gz"
_NOT_NEEDED = frozenset({"historySizeBytes", "meteringMetadata", "stackTrace", "taskId", "workerVersion"})


def slim(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out of a history what replay does not need."""
    if isinstance(value, list):
        return [slim(one) for one in value]
    if isinstance(value, dict):
        return {
            name: _RECORDER if name == "identity" else slim(one)
            for name, one in value.items()
            if name not in _NOT_NEEDED
        }
    return value


def read(file: Path) -> str:
    """Return the JSON of a kept history."""
    packed = file.read_bytes()
    return (gzip.decompress(packed) if file.suffix == _PACKED else packed).decode("utf-8")


async def record(client: Client, name: str, folder: Path) -> dict[str, Any]:
    """Play one story on a site of its own, and return its history."""
    story, url = STORIES[name], f"sqlite+aiosqlite:///{folder / f'{name}.db'}"
    async with contextlib.AsyncExitStack() as open_until_then:
        whole = await open_until_then.enter_async_context(open_whole_site(client, url, **story.site))
        await whole.site.start_worker()
        here = None
        if story.command:
            here = await open_until_then.enter_async_context(appliance(whole, folder / name, story.command))
        handle = await story.plot(whole, name, here)
        history = json.loads((await handle.fetch_history()).to_json())
        if (await handle.describe()).close_time is None:
            await handle.terminate("it is recorded")
        whole.site.cloud.faults.clear()
    slimmed: dict[str, Any] = slim(history)
    return slimmed


async def record_all(names: Sequence[str]) -> None:
    """Record stories on a server of their own."""
    cli = find_temporal_cli(_say)
    target = HISTORIES / VERSION
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="failover-golden-") as name:
        folder, ports = Path(name), StackPorts.free()
        server = TemporalServer(
            cli, folder=folder, environment=child_environment(folder), port=ports.temporal, ui_port=ports.ui
        )
        await server.start()
        try:
            client = await Client.connect(
                server.address, namespace=NAMESPACE, data_converter=pydantic_data_converter
            )
            await register_search_attributes(client, SEARCH_ATTRIBUTES)
            for story in names:
                history = await record(client, story, folder)
                text = json.dumps(history, indent=1, sort_keys=True)
                # Without a time in it: the same history is the same file.
                (target / f"{story}.json{_PACKED}").write_bytes(gzip.compress(text.encode(), mtime=0))
                _say(f"{story}: {len(history['events'])} events")
        finally:
            await server.stop()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command that works for a minute says how far it is


def main(arguments: Sequence[str] | None = None) -> int:
    """Record all stories, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay.record", description=__doc__)
    parser.add_argument("stories", nargs="*", metavar="STORY", help="default: all of them")
    chosen = parser.parse_args(arguments).stories or list(STORIES)
    if unknown := sorted(set(chosen) - set(STORIES)):
        parser.error(f"no such story: {', '.join(unknown)}; there are {', '.join(STORIES)}")
    if len(chosen) == len(STORIES):
        for old in (HISTORIES / VERSION).glob("*.json*"):
            old.unlink()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(record_all(chosen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
