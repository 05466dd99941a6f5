"""The stack inside a process: what it starts, and what it does when a part or a run does not go on."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from embedded.demo import check, end, fail_over
from embedded.errors import ComponentFailed, UnexpectedRun
from embedded.ports import StackPorts
from embedded.sample_runs import SAMPLE_RUNS
from embedded.screen import Screen
from embedded.stack import EmbeddedStack
from embedded.web import answers


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(temporal_cli: Path) -> AsyncIterator[EmbeddedStack]:
    async with EmbeddedStack(ports=StackPorts.free(), cli=temporal_cli, report=lambda _line: None) as running:
        yield running


async def test_work_is_done_and_its_result_given_back(stack: EmbeddedStack) -> None:
    run = SAMPLE_RUNS[1]

    result = await stack.during(fail_over(stack, Screen(), run))

    check(run, result)


async def test_an_error_of_the_work_is_passed_on(stack: EmbeddedStack) -> None:
    async def work() -> None:
        raise LookupError("of the work")

    with pytest.raises(LookupError, match="of the work"):
        await stack.during(work())


async def test_the_current_details_of_a_run_can_be_read_from_its_worker(stack: EmbeddedStack) -> None:
    run = SAMPLE_RUNS[2]
    await fail_over(stack, Screen(), run)

    details = await stack.client.current_details(run.workflow_id)

    assert "pgtest2" in details
    assert "disks: 1 replicated disk attached" in details
    await end(stack, Screen(), run)
    with pytest.raises(UnexpectedRun, match=r"commit of .* must succeed, but .* it is over"):
        await end(stack, Screen(), run)


async def test_a_run_that_does_not_go_on_is_given_up_with_the_workers_log(stack: EmbeddedStack) -> None:
    os.kill(stack.worker.pid, signal.SIGSTOP)
    try:
        with pytest.raises(UnexpectedRun, match="was not over after 1 s") as caught:
            await fail_over(stack, Screen(), SAMPLE_RUNS[3], limit_seconds=1)
    finally:
        os.kill(stack.worker.pid, signal.SIGCONT)

    _, _, log = str(caught.value).partition("The last lines of the worker's log:\n")
    assert "info" in log


async def test_a_part_that_ends_is_reported_and_the_work_is_cancelled(temporal_cli: Path) -> None:
    lines: list[str] = []
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with EmbeddedStack(ports=StackPorts.free(), cli=temporal_cli, report=lines.append) as stack:
        folder = stack.folder
        os.kill(stack.worker.pid, signal.SIGKILL)
        with pytest.raises(ComponentFailed, match="Worker ended unexpectedly"):
            await stack.during(work())

    assert cancelled.is_set()
    assert not folder.exists()
    assert not await answers(stack.vma_url)
    assert not await answers(stack.cloudstack_endpoint)
    assert not await answers(stack.replication_url)
    assert not await answers(stack.server.ui_address)
    assert [line.partition(":")[0] for line in lines] == [
        "Database",
        "Temporal server",
        "Temporal Web UI",
        "VMA simulator",
        "CloudStack simulator",
        "Replication simulator",
        "Worker",
        "HTTP API",
    ]


async def test_a_part_that_cannot_start_stops_those_that_were_started(tmp_path: Path) -> None:
    broken = tmp_path / "temporal"
    broken.write_text("#!/bin/sh\necho 'no such flag' >&2\nexit 64\n")
    broken.chmod(0o755)
    stack = EmbeddedStack(ports=StackPorts.free(), cli=broken, report=lambda _line: None)

    with pytest.raises(ComponentFailed, match=r"Temporal server ended with exit code 64") as caught:
        await stack.__aenter__()

    assert "no such flag" in str(caught.value)
    assert not stack.folder.exists()
    assert not await answers(stack.vma_url)


@pytest.mark.parametrize("url", ("http://127.0.0.1:1/", "http://[/"), ids=("refused", "nonsense"))
async def test_an_address_where_nothing_is_does_not_answer(url: str) -> None:
    assert await answers(url) is False
